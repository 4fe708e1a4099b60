package redact

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// A contextFunc looks at a place that is known for secrets, its keyword standing at p. It returns the end of what it
// found, or -1.
type contextFunc func(sc *scanner, p int) int

// contexts are the places that neither a token format nor a name describes.
var contexts = []struct {
	keys []string
	find contextFunc
}{
	{[]string{"://"}, (*scanner).url},
	{[]string{":thin:"}, (*scanner).oracle},
	{[]string{" -u", " --user", " --proxy-user"}, (*scanner).userFlag},
	{[]string{" -p", " -a ", " -w ", " -k "}, (*scanner).passFlag},
	{[]string{"--from-literal"}, (*scanner).fromLiteral},
	{[]string{"identified"}, (*scanner).identified},
	{[]string{":*:", ":5432:", ":5433:", ":6432:"}, (*scanner).pgpass},
	{[]string{"$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$", "$argon2", "$pbkdf2", "$scrypt$",
		"pbkdf2_sha", "{ssha", "{sha}", "$sha1$", "$md5$"}, (*scanner).hash},
	{[]string{"machine ", "login "}, (*scanner).netrc},
	{[]string{"| chpasswd", "| sudo chpasswd", "| sudo -s", "| gh auth login", "| cryptsetup", "| vault login"}, (*scanner).piped},
	{[]string{"--password-stdin"}, (*scanner).stdin},
	{[]string{"@tcp(", "@unix("}, (*scanner).dsn},
	{[]string{"curl "}, (*scanner).curlFlags},
	{[]string{"--body"}, (*scanner).secretBody},
	{[]string{"htpasswd "}, (*scanner).htpasswd},
	{[]string{"kind: secret"}, (*scanner).kubernetes},
	{[]string{"bearer "}, (*scanner).bearer},
	// Lines of private key blocks are handled before the search; see pem.go.
	{[]string{"-----begin ", "private-lines"}, func(*scanner, int) int { return -1 }},
}

// url redacts the password of a URL's user part, or a user that is itself a token.
func (sc *scanner) url(p int) int {
	b := sc.b
	s := p + 3
	end, slash, at := s, -1, -1
	if p < sc.urlEnd || !sc.spend(0) {
		return -1
	}
	for end < len(b) && end-s < 1024 && !isSpace(b[end]) && b[end] != '"' && b[end] != '\'' && b[end] != '<' && b[end] != '>' && b[end] != '`' && b[end] != '\\' {
		switch b[end] {
		case '/', '?', '#':
			if slash < 0 {
				slash = end
			}
		case '@':
			if slash < 0 || at < 0 {
				at = end
			}
		}
		end++
	}
	sc.spend(end - s)
	if at < 0 {
		sc.urlEnd = end // nor is there one for the URLs inside this one
		return -1
	}
	user := b[s:at]
	colon := bytes.IndexByte(user, ':')
	if slash >= 0 && at > slash {
		// An @ behind the first slash belongs to the path, unless what stands before the slash can only be a password.
		if colon < 0 || s+colon > slash || allDigits(b[s+colon+1:slash]) || bytes.IndexByte(b[s:slash], '.') >= 0 && bytes.IndexByte(b[s:slash], ':') < bytes.LastIndexByte(b[s:slash], '.') {
			return -1
		}
	}
	if colon < 0 {
		if text := string(user); random(text) && !placeholder(text) {
			return sc.add(s, at, "url-credentials")
		}
		return -1
	}
	if bytes.Contains(user, []byte("&lt;")) || bytes.IndexByte(user, '[') >= 0 || bytes.IndexByte(user, '{') >= 0 || bytes.IndexByte(user, '(') >= 0 || bytes.IndexByte(user, ',') >= 0 {
		return -1
	}
	text := string(user[colon+1:])
	if low := strings.ToLower(text); placeholder(text) || low == "pass" || low == "pw" || low == "pwd" || len(text) < 2 {
		return -1
	}
	if host := b[at+1 : end]; len(text) <= 3 && sampleHost(host) {
		return -1
	}
	return sc.add(s+colon+1, at, "url-credentials")
}

// sampleHost reports a host that is reserved for documentation, with what follows it.
func sampleHost(host []byte) bool {
	if i := bytes.IndexAny(host, "/:?#);,"); i >= 0 {
		host = host[:i]
	}
	switch string(bytes.TrimRight(host, ".")) {
	case "example.com", "example.org", "example.net":
		return true
	}
	return false
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// oracle redacts user/password@ of an Oracle JDBC address.
func (sc *scanner) oracle(p int) int {
	b := sc.b
	s := p + len(":thin:")
	at := bytes.IndexByte(b[s:min(len(b), s+200)], '@')
	if at <= 0 {
		return -1
	}
	slash := bytes.IndexByte(b[s:s+at], '/')
	if slash < 0 || placeholder(string(b[s+slash+1:s+at])) {
		return -1
	}
	return sc.add(s+slash+1, s+at, "url-credentials")
}

// header redacts the credentials of an Authorization header whose name is [s,e).
func (sc *scanner) header(s, e int) int {
	b := sc.b
	i := e
	quoted := false
	for i < len(b) && (b[i] == '"' || b[i] == '\'' || b[i] == '\\' || b[i] == ']') {
		quoted = true
		i++
	}
	for i < len(b) && b[i] == ' ' {
		i++
	}
	if i == len(b) || b[i] != ':' && b[i] != '=' && !(quoted && b[i] == ',') {
		return -1
	}
	i++
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '>') {
		i++
	}
	if i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\'') && bytes.IndexByte([]byte("bfruBFRU$@"), b[i]) >= 0 {
		i++ // the string prefix of a programming language
	}
	var q byte
	slashes := 0
	for i+slashes < len(b) && b[i+slashes] == '\\' {
		slashes++
	}
	if i+slashes < len(b) && (b[i+slashes] == '"' || b[i+slashes] == '\'' || b[i+slashes] == '`') {
		i += slashes
		q = b[i]
		i++
	} else if s > 0 && (b[s-1] == '"' || b[s-1] == '\'') {
		q = b[s-1]
	}
	end := len(b)
	if q != 0 {
		if n := closing(b, i, q, slashes); n >= 0 {
			end = n
		}
	}
	return sc.credentials(i, end)
}

// credentials redacts [i,end), the value of an Authorization header, behind the word that names the scheme.
func (sc *scanner) credentials(i, end int) int {
	b := sc.b
	end = min(end, i+maxValue)
	for end > i && (isSpace(b[end-1]) || b[end-1] == '"' || b[end-1] == '\'') {
		end--
	}
	j := i
	for j < end && (isAlnum(b[j]) || b[j] == '-') {
		j++
	}
	scheme := false
	if j < end && j > i && b[j] == ' ' {
		scheme = true
		for j < end && b[j] == ' ' {
			j++
		}
		i = j
	}
	if i >= end {
		return -1
	}
	// In source code the header ends with an escape.
	if k := bytes.IndexByte(b[i:end], '\\'); k > 0 && i+k+1 < end && (b[i+k+1] == 'n' || b[i+k+1] == 'r') {
		end = i + k
	}
	text := string(b[i:min(end, i+maxJudge)])
	first, _, many := strings.Cut(text, " ")
	if placeholder(first) || sample(first) || sample(text) || basicSample(first) || len(first) < 6 || expression(first, false) {
		return -1
	}
	if name, val, ok := strings.Cut(first, "="); ok && !many && wordy(name) && val != "" && wordy(strings.Trim(val, `"'\`)) && !strings.ContainsAny(val, "0123456789") {
		return -1 // a parameter that is a word: Digest algorithm="MD5"
	}
	if many && !strings.ContainsRune(first, '=') {
		// Words follow: the line goes on after the credentials.
		end = i + len(first)
	}
	if !scheme && !random(first) || wordy(strings.TrimRight(first, ".,;:")) && !(strings.ContainsAny(first, "0123456789") && len(first) > 12) && len(first) < 24 {
		return -1
	}
	return sc.add(i, end, "authorization")
}

// basicSample reports the base64 of a user and a word that stands in for a password, as documentation has it.
func basicSample(v string) bool {
	if len(v) > 64 {
		return false
	}
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "="))
	user, password, ok := strings.Cut(string(text), ":")
	return err == nil && ok && wordy(user) && password != "" && isAlpha(password[0]) && placeholder(password)
}

// bearer redacts a bearer token that stands without its header.
func (sc *scanner) bearer(p int) int {
	b := sc.b
	s := p + len("bearer ")
	e := s
	for e < len(b) && (isWord(b[e]) || strings.IndexByte("-._~+/=", b[e]) >= 0) {
		e++
	}
	if text := string(b[s:min(e, s+maxJudge)]); !random(text) || sample(text) {
		return -1
	}
	return sc.add(s, e, "authorization")
}

var cookieAttributes = map[string]bool{"path": true, "domain": true, "expires": true, "max-age": true, "samesite": true,
	"version": true, "priority": true, "lang": true, "theme": true}

// cookie redacts the values of a Cookie or Set-Cookie header whose name ends at e.
func (sc *scanner) cookie(e int) int {
	b := sc.b
	i := e
	for i < len(b) && (b[i] == '"' || b[i] == '\'' || b[i] == ' ' || b[i] == '\\') {
		i++
	}
	if i == len(b) || b[i] != ':' && b[i] != '=' {
		return -1
	}
	i++
	end := -1
	if !sc.spend(min(len(b)-i, 4096)) {
		return -1
	}
	for n := 0; n < 64; n++ {
		for i < len(b) && (b[i] == ' ' || b[i] == ';' || b[i] == '"' || b[i] == '\'' || b[i] == '\\') {
			i++
		}
		s := i
		for i < len(b) && i-s < maxName && (nameByte(b[i]) || b[i] == '%' || b[i] == '[' || b[i] == ']') {
			i++
		}
		if i == len(b) || i == s || b[i] != '=' {
			for i < len(b) && b[i] != ';' && isAlnum(b[i]) {
				i++
			}
			if i == len(b) || b[i] != ';' {
				return end
			}
			continue
		}
		name := strings.ToLower(string(b[s:i]))
		i++
		s = i
		for i < len(b) && b[i] != ';' && !isSpace(b[i]) && b[i] != '"' && b[i] != '\'' && b[i] != ',' && !bytes.HasPrefix(b[i:], []byte("\\r\\n")) {
			i++
		}
		text := string(b[s:min(i, s+maxJudge)])
		if cookieAttributes[name] || wordy(text) && strings.Contains(text, "_") || strings.HasPrefix(name, "__utm") || strings.HasPrefix(name, "_ga") || len(text) < 8 || placeholder(text) || !strings.ContainsAny(text, "0123456789") && wordy(text) || allDigits(b[s:i]) {
			continue
		}
		end = max(end, sc.add(s, i, "cookie"))
	}
	return end
}

// identified redacts the password of SQL's IDENTIFIED BY.
func (sc *scanner) identified(p int) int {
	b := sc.b
	rest := bytes.ToLower(b[p+len("identified") : min(len(b), p+48)])
	word, quote, ok := bytes.Cut(rest, []byte("'"))
	words := bytes.Fields(word)
	if !ok || len(quote) == 0 || len(words) == 0 || len(words) > 2 || string(words[0]) != "by" || len(words) == 2 && string(words[1]) != "password" {
		return -1
	}
	i := len("identified") + len(word)
	s := p + i + 1
	e := closing(b, s, '\'', 0)
	if e <= s || placeholder(string(b[s:min(e, s+maxJudge)])) {
		return -1
	}
	return sc.add(s, e, "password")
}

// pgpass redacts the last field of a line of ~/.pgpass.
func (sc *scanner) pgpass(p int) int {
	b := bytes.TrimRight(sc.b, "\r")
	if !sc.spend(len(b)) || bytes.IndexByte(b, ' ') >= 0 || bytes.Count(b, []byte(":")) < 4 {
		return -1
	}
	i, numbers := 0, 0
	for n := 0; n < 4; n++ {
		k := bytes.IndexByte(b[i:], ':')
		f := b[i : i+k]
		if k == 0 || n == 1 && string(f) != "*" && !allDigits(f) || bytes.IndexByte(f, '(') >= 0 {
			return -1
		}
		numbers += boolInt(n > 1 && allDigits(f))
		i += k + 1
	}
	if numbers == 2 {
		return -1 // a line of /etc/passwd or /etc/shadow: both the database and the user would be numbers
	}
	if p > i || len(b)-i < 3 || placeholder(string(b[i:min(len(b), i+maxJudge)])) {
		return -1
	}
	return sc.add(i, len(b), "password")
}

// hash redacts a password hash in the notation of crypt(3) and its relatives.
func (sc *scanner) hash(p int) int {
	b := sc.b
	e, dollars := p, 0
	for e < len(b) && (isWord(b[e]) || strings.IndexByte("$./=+,-{}", b[e]) >= 0) {
		if b[e] == '$' {
			dollars++
		}
		e++
	}
	if e-p < 26 || dollars < 3 && b[p] != '{' || strings.ContainsAny(string(b[p:e]), "{}") && b[p] != '{' || p > 0 && b[p-1] == '$' {
		return -1
	}
	if wordy(strings.ReplaceAll(string(b[p+3:e]), "$", "_")) {
		return -1
	}
	return sc.add(p, e, "password-hash")
}

// kubernetes remembers that the values of the next data block are secrets whatever their names.
func (sc *scanner) kubernetes(p int) int {
	if p == 0 && len(bytes.TrimSpace(sc.b[p+len("kind: secret"):])) == 0 {
		sc.st.secret = 1
	}
	return -1
}

// secretData redacts a line of the data block of a Kubernetes Secret.
func (sc *scanner) secretData() {
	b := bytes.TrimRight(sc.b, " \r")
	if len(b) == 0 || b[0] != ' ' {
		if bytes.HasPrefix(b, []byte("data:")) || bytes.HasPrefix(b, []byte("stringData:")) {
			sc.st.secret = 2
		} else if sc.st.secret == 2 || bytes.HasPrefix(b, []byte("---")) {
			sc.st.secret = 0
		}
		return
	}
	if i := bytes.Index(b, []byte(": ")); sc.st.secret == 2 && i > 0 && bytes.IndexByte(b[i+2:], ' ') < 0 {
		if text := string(b[i+2 : min(len(b), i+2+maxJudge)]); len(text) >= 4 && !placeholder(text) {
			sc.add(i+2, len(b), "secret")
		}
	}
}

// netrc remembers that the next lines may hold the password of a netrc entry.
func (sc *scanner) netrc(p int) int {
	if p < 40 && len(bytes.TrimSpace(sc.b[:p])) == 0 {
		sc.st.netrc = 4
	}
	return -1
}

// spaced handles a name and a value divided by nothing but a space: flags, netrc, fish, phrases of prose. The value or
// the word after the name begins at i.
func (sc *scanner) spaced(s, e, i int, kind string, c class, flag bool) int {
	b := sc.b
	next := b[i:]
	if c == keyClass && !flag {
		if k := keyPhrase(next); k > 0 && bytes.EqualFold(b[max(0, e-3):e], []byte("key")) {
			return sc.valueAt(i+k, value{data: true}, "secret", tokenClass)
		}
		return -1
	}
	v := value{data: true, tight: true}
	if flag {
		if next[0] == '-' || next[0] == '[' {
			return -1
		}
		end := i
		for end < len(b) && !isSpace(b[end]) {
			end++
		}
		if w := string(b[i:end]); next[0] != '\'' && next[0] != '"' && wordy(w) && !strings.ContainsAny(w, "0123456789") && !mixed(w) && !gibberish(w) {
			return -1
		}
		return sc.valueAt(i, v, kind, c)
	}
	if !sc.spend(s + len(next)) {
		return -1
	}
	lineStart := len(bytes.TrimSpace(b[:s])) == 0
	f := bytes.Fields(next[:min(len(next), maxValue)])
	switch {
	case len(f) == 1 && lineStart && sc.st.netrc > 0, netrcLine(b[:s]):
		if text := string(f[0]); len(f) > 3 && !netrcNext[string(f[1])] && f[1][0] != '#' || placeholder(text) || strings.IndexFunc(text, func(c rune) bool { return c < 0x80 && isAlnum(byte(c)) }) < 0 {
			return -1
		}
		return sc.add(i, i+len(f[0]), kind)
	case len(f) == 1 && (hasCommand(b[:s], "set", "setenv", "setx", "SET", "ENV")) && e > s && (b[e] == ' '):
		// "set the password first" is a sentence; of a word the command must stand right before the name.
		if w := strings.TrimRight(string(f[0]), `.,;:\"'}])`); !strings.ContainsAny(w, "0123456789'\"") && wordy(w) && len(bytes.Fields(b[:s])) > 3 {
			return -1
		}
		return sc.valueAt(i, v, kind, c)
	case next[0] == '\'' && c == passwordClass && sqlStatement(b[:s]):
		return sc.valueAt(i, value{data: true}, kind, c)
	}
	if c == passwordClass && len(next) > 4 && bytes.EqualFold(next[:4], []byte("for ")) && sqlStatement(b[:s]) {
		// SET PASSWORD FOR 'user' = '...';
		if j := bytes.IndexByte(next[:min(len(next), 120)], '='); j > 0 {
			if q := bytes.IndexByte(next[j:min(len(next), j+16)], '\''); q > 0 {
				return sc.valueAt(i+j+q, value{data: true}, kind, c)
			}
		}
	}
	if (next[0] == '"' || next[0] == '\'') && (s > 0 && b[s-1] == ':' || bytes.HasPrefix(bytes.TrimLeft(b[:s], " \t("), []byte("#define ")) || bytes.HasPrefix(bytes.TrimLeft(b[:s], " \t("), []byte("def"))) {
		return sc.valueAt(i, value{data: true, name: b[s:e]}, kind, c)
	}
	if lineStart {
		if end := sc.setting(s, e, i, kind, c); end >= 0 {
			return end
		}
	}
	k := keyPhrase(next)
	if bytes.HasPrefix(next, []byte("is generated for ")) {
		k = 0
	}
	if k == 0 && !lineStart && c == passwordClass {
		// "password for root@localhost: ..." as installers print it, the value being the last word.
		if j := bytes.LastIndex(next, []byte(": ")); j > 0 && j < 60 && bytes.IndexByte(next[j+2:], ' ') < 0 && bytes.HasPrefix(next, []byte("is generated for ")) {
			k = j + 2
		}
	}
	if k == 0 {
		return -1
	}
	for i += k; i < len(b) && b[i] == ' '; i++ {
	}
	if i == len(b) {
		return -1
	}
	end := i
	for end < len(b) && !isSpace(b[end]) {
		end++
	}
	if w := strings.TrimRight(string(b[i:end]), ".,;!"); wordy(w) && sc.groups(i) < 4 && b[i] != '"' && b[i] != '\'' {
		return -1
	}
	return sc.valueAt(i, value{}, kind, c)
}

// mixed reports more capitals among small letters than a name of a few words has.
func mixed(w string) bool {
	upper := 0
	for i := range len(w) {
		if isUpper(w[i]) {
			upper++
		}
	}
	return upper > 4 && upper*4 < len(w)*3
}

// netrcNext are the words that may follow the password of a netrc entry.
var netrcNext = map[string]bool{"account": true, "macdef": true, "machine": true, "default": true, "login": true, "port": true}

// netrcLine reports that head is the beginning of a netrc entry.
func netrcLine(head []byte) bool {
	head = bytes.TrimLeft(head, " \t")
	return bytes.HasPrefix(head, []byte("machine ")) || bytes.HasPrefix(head, []byte("default ")) || bytes.HasPrefix(head, []byte("login "))
}

// keyPhrase returns the length of "is", "is:", "1:" and the like at the start of b, or 0.
func keyPhrase(b []byte) int {
	i := 0
	for i < len(b) && i < 4 && isDigit(b[i]) {
		i++
	}
	if i > 0 && i+1 < len(b) && b[i] == ':' && b[i+1] == ' ' {
		return i + 2
	}
	for _, w := range [...]string{"is: ", "is ", "was: ", "is now ", "is set to ", "set to "} {
		if bytes.HasPrefix(b, []byte(w)) {
			return len(w)
		}
	}
	return 0
}

func sqlStatement(head []byte) bool {
	low := bytes.ToLower(head)
	for _, w := range [...]string{"alter ", "create ", "grant ", "set "} {
		if bytes.Contains(low, []byte(w)) {
			return true
		}
	}
	return false
}

// insert redacts the values that an INSERT statement gives to the column whose name begins at s.
func (sc *scanner) insert(s int, kind string, c class) int {
	b := sc.b
	if sc.insertSeen == 0 {
		sc.insertSeen = 1 + boolInt(bytes.Contains(bytes.ToLower(b), []byte("insert")))
	}
	if sc.insertSeen == 1 {
		return -1
	}
	open := bytes.LastIndexByte(b[:s], '(')
	if open < 0 || !sc.spend(len(b)-open) || !bytes.Contains(bytes.ToLower(b[max(0, open-200):open]), []byte("insert")) {
		return -1
	}
	column := bytes.Count(b[open:s], []byte(","))
	end := -1
	i := bytes.IndexByte(b[s:], ')')
	if i < 0 || !bytes.Contains(bytes.ToLower(b[s+i:min(len(b), s+i+20)]), []byte("values")) {
		return -1
	}
	n, depth := 0, 0
	for i += s + 1; i < len(b); i++ {
		switch b[i] {
		case '(':
			depth++
			n = 0
		case ')':
			depth--
		case ',':
			n++
		case '\'':
			e := closing(b, i+1, '\'', 0)
			if e < 0 {
				return end
			}
			if text := string(b[i+1 : min(e, i+1+maxJudge)]); depth == 1 && n == column && len(text) >= 4 && !placeholder(text) {
				end = max(end, sc.add(i+1, e, kind))
			}
			i = e
		}
	}
	return end
}
