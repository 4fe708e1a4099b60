package redact

import "bytes"

// dsn redacts the password of user:password@tcp(host:port)/name, the address of Go's MySQL driver, "@" standing at p.
func (sc *scanner) dsn(p int) int {
	b := sc.b
	s := p
	for s > 0 && p-s < 200 && !isSpace(b[s-1]) && b[s-1] != '"' && b[s-1] != '\'' && b[s-1] != '`' && b[s-1] != '=' {
		s--
	}
	k := bytes.IndexByte(b[s:p], ':')
	if !sc.spend(p-s) || k <= 0 || p-s-k-1 < 3 || placeholder(string(b[s+k+1:p])) {
		return -1
	}
	return sc.add(s+k+1, p, "url-credentials")
}

// curlFlags redacts what follows a cluster of short options that ends in u, as in curl -sSu user:password. A plain -u
// is found by itself.
func (sc *scanner) curlFlags(p int) int {
	b := sc.b
	if p > 0 && isWord(b[p-1]) || !sc.spend(min(len(b)-p, 300)) {
		return -1
	}
	end := min(len(b), p+300)
	for i := p + len("curl "); i < end; {
		for i < end && b[i] == ' ' {
			i++
		}
		s := i
		for i < end && !isSpace(b[i]) && b[i] != '|' && b[i] != ';' && b[i] != '&' {
			i++
		}
		if w := b[s:i]; len(w) < 3 || w[0] != '-' || w[1] == '-' || w[len(w)-1] != 'u' || !allLetters(w[1:]) {
			if i == s {
				return -1
			}
			continue
		}
		return sc.userValue(i)
	}
	return -1
}

func allLetters(b []byte) bool {
	for _, c := range b {
		if !isAlpha(c) {
			return false
		}
	}
	return true
}

// argument returns the word of a command line that begins at or after i, without its quotes.
func argument(b []byte, i int) (s, e int) {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	q := byte(0)
	if i < len(b) && (b[i] == '"' || b[i] == '\'') {
		q = b[i]
		i++
	}
	for s, e = i, i; e < len(b) && b[e] != q && (q != 0 || !isSpace(b[e])); e++ {
	}
	return s, e
}

// addArgument redacts an argument that is a password by its place.
func (sc *scanner) addArgument(s, e int) int {
	if text := string(sc.b[s:min(e, s+maxJudge)]); len(text) < 3 || placeholder(text) || text[0] == '-' || reference(text) {
		return -1
	}
	return sc.add(s, e, "password")
}

// secretBody redacts the value of gh secret set NAME --body VALUE and its relatives.
func (sc *scanner) secretBody(p int) int {
	if !sc.spend(min(p, 512)) || !hasCommand(sc.b[:p], "secret set", "secrets set", "secret create", "variable set") {
		return -1
	}
	i := p + len("--body")
	if i < len(sc.b) && sc.b[i] == '=' {
		i++
	}
	return sc.addArgument(argument(sc.b, i))
}

// htpasswd redacts the last argument of htpasswd -b FILE USER PASSWORD.
func (sc *scanner) htpasswd(p int) int {
	b := sc.b
	i, n := p+len("htpasswd "), 0
	if !sc.spend(64) {
		return -1
	}
	batch, show := false, false
	for n < 3 {
		s, e := argument(b, i)
		if s >= e || e-s > 200 || i > p+400 {
			return -1
		}
		i = e
		if b[e-1] != ' ' && e < len(b) && !isSpace(b[e]) {
			i++ // the closing quote
		}
		if b[s] == '-' {
			batch = batch || bytes.IndexByte(b[s:e], 'b') > 0
			show = show || bytes.IndexByte(b[s:e], 'n') > 0
			continue
		}
		if n++; batch && (n == 3 || show && n == 2) {
			return sc.addArgument(s, e)
		}
	}
	return -1
}

// stdin redacts what is piped into a command that reads a password there, --password-stdin standing at p.
func (sc *scanner) stdin(p int) int {
	bar := bytes.LastIndexByte(sc.b[max(0, p-300):p], '|')
	if bar < 0 {
		return -1
	}
	return sc.piped(max(0, p-300) + bar)
}

// tuple redacts the second of two quoted words in parentheses or brackets, the first being the name [s,e) and i the
// comma: ("password", "..."), and any word after a flag, as lists of arguments are written.
func (sc *scanner) tuple(s, e, i int, flag bool, kind string, c class) int {
	b := sc.b
	open := s - 1
	for open > 0 && b[open] == '-' {
		open--
	}
	if b[i] != ',' || open < 1 || b[open] != '"' && b[open] != '\'' || !flag && b[open-1] != '(' && b[open-1] != '[' {
		return -1
	}
	for i++; i < len(b) && b[i] == ' '; i++ {
	}
	if i == len(b) || b[i] != b[open] {
		return -1
	}
	end := sc.closing(i+1, b[i], 0)
	if end < 0 || !flag && (end+1 == len(b) || b[end+1] != ')' && b[end+1] != ']') {
		return -1
	}
	return sc.valueAt(i, value{name: b[s:e]}, kind, c)
}

// typed returns where the value begins of a declaration such as name: String = "...", the type standing at i, or -1.
func typed(b []byte, i int) int {
	for j := i; j < len(b) && j-i < 48; j++ {
		switch c := b[j]; {
		case c == '=':
			for j++; j < len(b) && b[j] == ' '; j++ {
			}
			if j < len(b) && j > i+2 && (b[j] == '"' || b[j] == '\'') {
				return j
			}
			return -1
		case !isWord(c) && bytes.IndexByte([]byte(" <>&'|.[]?*:"), c) < 0:
			return -1
		}
	}
	return -1
}

// setting redacts the value of a configuration file of names and values with nothing but a space between, the name and
// one value being the whole line.
func (sc *scanner) setting(s, e, i int, kind string, c class) int {
	b := sc.b
	end := len(bytes.TrimRight(b, " \t\r;"))
	if end <= i || bytes.IndexByte(b[i:end], ' ') >= 0 {
		return -1
	}
	w := string(b[i:min(end, i+maxJudge)])
	known := settings[string(bytes.ToLower(b[s:e]))]
	if len(w) < 6 || placeholder(w) || reference(w) || sample(w) || !known && (wordy(w) || len(w) < 8 || !letterAndDigit(w) || c == keyClass || expression(w, true)) {
		return -1
	}
	if known && b[i] != '"' && b[i] != '\'' {
		return sc.add(i, end, kind)
	}
	return sc.valueAt(i, value{data: true, tight: true, name: b[s:e]}, kind, c)
}

// settings are names that such files give to nothing but passwords.
var settings = map[string]bool{"requirepass": true, "masterauth": true, "rootpw": true, "bindpw": true, "auth_pass": true, "rootbindpw": true}

func letterAndDigit(w string) bool {
	letter, digit := false, false
	for i := range len(w) {
		letter = letter || isAlpha(w[i])
		digit = digit || isDigit(w[i])
	}
	return letter && digit
}
