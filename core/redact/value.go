package redact

import (
	"bytes"
	"strings"
)

// maxJudge bounds how much of a value is looked at to tell a secret from an expression.
const maxJudge = 96

// A found value: where it stands and what surrounds it.
type value struct {
	s, e   int
	quoted bool
	// tight: nothing stands between the operator and the value, as in shell assignments and query strings.
	tight bool
	// data: the name begins its line, its argument or its pair, so that this is data and not an expression in code.
	data bool
	// line: name, colon and value are alone on their line, as in YAML.
	line bool
	// name is what the value was assigned to, if it is known.
	name []byte
	// code: an argument list or an expression goes on after the value.
	code bool
}

// placeholder reports text that stands in for a secret.
func placeholder(v string) bool {
	if v == "" {
		return true
	}
	switch v[0] {
	case '$', '<', '(', '*', '[', '{', '&', '|', '=':
		// A crypt(3) hash and a password may begin with a dollar sign; variables are letters.
		if v[0] == '$' && len(v) > 2 && !isWord(v[1]) && v[1] != '{' && v[1] != '(' {
			break
		}
		if v[0] == '*' && strings.Trim(v, "*") != "" || v[0] == '&' && !wordy(v[1:]) || v[0] == '$' && dollarSecret(v) {
			break
		}
		return true
	case '%', '#', '@':
		if len(v) > 1 && (v[1] == '(' || v[1] == '{' || v[len(v)-1] == v[0] || len(v) <= 3) {
			return true
		}
	}
	low := strings.ToLower(v)
	if plainValues[strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(low, `\n`), `\`), ".,;:!?")] {
		return true
	}
	if strings.HasPrefix(low, "your") || strings.HasPrefix(low, "xxx") || strings.HasPrefix(low, "...") || strings.HasPrefix(low, "&lt;") || strings.HasPrefix(low, "&#") {
		return true
	}
	if strings.Contains(v, "[REDACTED") || strings.Contains(low, "placeholder") || strings.Contains(low, "-here") || strings.Contains(low, "_here") ||
		strings.Contains(low, "example") && !strings.ContainsAny(v, "0123456789") || strings.Contains(v, "${") || strings.Contains(v, "{{") {
		return true
	}
	// A run of one byte, such as xxxxxxxx or ******.
	v = strings.TrimLeft(v, `\`)
	return v == "" || strings.Trim(v, v[:1]) == ""
}

// dollarSecret tells a password that begins with a dollar sign from a variable.
func dollarSecret(v string) bool {
	rest := v[1:]
	if rest == "" || isDigit(rest[0]) && len(rest) > 6 {
		return true
	}
	return strings.ContainsAny(rest, "!#@%^*")
}

// reference reports a path, a URL or the address of a secret store: where the secret is, not what it is.
func reference(v string) bool {
	for _, p := range [...]string{"vault:", "op://", "arn:", "file:", "env:", "ssm:", "http://", "https://", "s3://", "gs://",
		"secretref:", "keyring:", "secret://", "ref:", "sops:", "~/", "./", "../", "projects/", "awskms:", "data:", "urn:", "fd:"} {
		if len(v) > len(p) && strings.EqualFold(v[:len(p)], p) {
			return true
		}
	}
	if v[0] != '/' && !(len(v) > 3 && v[1] == ':' && (v[2] == '\\' || v[2] == '/')) {
		return false
	}
	upper, slashes := 0, 0
	for i := range len(v) {
		switch c := v[i]; {
		case c == '/' || c == '\\':
			slashes++
		case isUpper(c) || c == '+' || c == '=':
			upper++
		}
	}
	return slashes > 1 && upper*4 < len(v) || slashes == 1 && upper == 0 && len(v) < 24
}

// expression reports what programs write where a value would be: a call, a property, an index, a type.
func expression(v string, loose bool) bool {
	if len(v) > 1 && v[0] == '*' && isAlpha(v[1]) {
		v = v[1:] // a pointer
	}
	i := 0
	for i < len(v) && isWord(v[i]) {
		i++
	}
	if i == 0 {
		return false
	}
	if i < len(v) && (v[i] == '(' || v[i] == '[' || strings.HasPrefix(v[i:], "::") || strings.HasPrefix(v[i:], "->")) {
		return !isDigit(v[0])
	}
	// a.b, a.b.c(...), a?.b, a!.b
	for i < len(v) && (v[i] == '.' || v[i] == '?' || v[i] == '!') {
		j := i + 1
		if j < len(v) && v[j] == '.' {
			j++
		} else if v[i] == '!' {
			break
		}
		if j == len(v) || !isAlnum(v[j]) && v[j] != '_' {
			break
		}
		for j < len(v) && isWord(v[j]) {
			j++
		}
		if j == len(v) || v[j] == '(' || v[j] == '[' || v[j] == ',' || v[j] == ')' || v[j] == ';' {
			return wordy(v[:j]) || isAlpha(v[0]) && j < len(v) && v[j] == '(' || loose && namesSecret(v[i:j])
		}
		i = j
	}
	if !loose {
		return false
	}
	v = strings.TrimRight(v, ",;)}")
	if i >= len(v) && !isDigit(v[0]) {
		// A variable is often named after what it holds.
		if namesSecret(v) {
			return true
		}
	}
	return wordy(v) && !gibberish(v)
}

func namesSecret(v string) bool {
	low := strings.ToLower(v)
	for _, w := range [...]string{"key", "secret", "token", "passw", "value"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// harmless reports a version requirement, as lock files and manifests put beside every package, whatever its name, a
// font change of troff, or text that consists of escapes of single characters.
func harmless(v string) bool {
	if v[0] == '\\' && len(v) > 2 {
		v = strings.ReplaceAll(v, `\\`, `\`)
		if v[1] == 'f' && (isUpper(v[2]) || v[2] == '[') {
			return true
		}
		return len(v)%6 == 0 && strings.Count(v, "\\u") == len(v)/6
	}
	n := strings.TrimLeft(v, "^~<>=")
	if n == "" || len(n) == len(v) || !isDigit(n[0]) {
		return false
	}
	n, _, _ = strings.Cut(n, "-")
	return strings.Trim(n, "0123456789.x") == "" && strings.Count(n, ".") == 2
}

// constant reports a number in hexadecimal or a colour: what tables of tokens and keys hold in programs.
func constant(v string) bool {
	const hex = "0123456789abcdefABCDEF"
	if rest, ok := strings.CutPrefix(v, "#"); ok {
		return len(rest) == 6 && strings.Trim(rest, hex) == "" || wordy(rest)
	}
	rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimRight(strings.TrimLeft(v, "-+"), ",;)")), "0x")
	return ok && len(rest) <= 19 && strings.Trim(rest, "_"+hex) == ""
}

// namesake reports a value that only repeats the name of two words or more it stands beside, as in tables of names.
func namesake(name []byte, v string) bool {
	if len(name) < 8 {
		return false
	}
	letters := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.TrimRight(s, "0123456789,;")))
	}
	n, w := letters(string(name)), letters(v)
	return len(w) >= 8 && n != "password" && n != "passphrase" && (strings.HasSuffix(n, w) || strings.HasSuffix(w, "."+n) || strings.HasSuffix(w, n) && strings.ContainsAny(v, "."))
}

// wordy reports a name or a word as people write them: lower case, Capitalised, UPPER, camelCase, snake_case, with
// digits only at the end of a word. Random text changes class more often than that.
func wordy(v string) bool {
	changes, letters, run := 0, 0, 0
	for i := range len(v) {
		c := v[i]
		switch {
		case isDigit(c):
			if run++; run > 4 {
				return false
			}
			if i+1 < len(v) && isAlnum(v[i+1]) && !isDigit(v[i+1]) {
				changes += 4
			}
			continue
		case isAlnum(c):
			letters++
			if i > 0 && isUpper(c) && isLower(v[i-1]) {
				changes++
			}
			if i > 1 && isLower(c) && isUpper(v[i-1]) && isUpper(v[i-2]) {
				changes += 2
			}
		case c == '_' || c == '-' || c == '.' || c == '?' || c == '!':
		default:
			return false
		}
		run = 0
	}
	return letters > 0 && changes*4 <= letters+3
}

// random reports a value that people do not write: long enough, of letters and digits, not made of words.
func random(v string) bool {
	if len(v) < 16 {
		return false
	}
	var lower, upper, digit, other int
	for i := range len(v) {
		switch c := v[i]; {
		case isLower(c):
			lower++
		case isUpper(c):
			upper++
		case isDigit(c):
			digit++
		case c == '+' || c == '/' || c == '=' || c == '-' || c == '_' || c == '.' || c == '%' || c == '~':
			other++
		default:
			return false
		}
	}
	if lower+upper == 0 || other*4 > len(v) {
		return false
	}
	if upper == 0 || lower == 0 {
		return (digit*8 >= len(v) || digit > 0 && gibberish(v)) && len(v) >= 20 && other*10 < len(v)
	}
	return digit > 0 && !wordy(v) || digit == 0 && other == 0 && len(v) >= 24 && !wordy(v)
}

// secretValue decides whether the value v of a name of class c is a secret.
func secretValue(b []byte, v value, c class) bool {
	text := string(b[v.s:min(v.e, v.s+maxJudge)])
	whole := v.e-v.s <= maxJudge
	if !v.quoted && expression(text, v.code || !v.data) || placeholder(text) || len(text) < 4 || reference(text) {
		return false
	}
	if !v.quoted && strings.HasPrefix(strings.ToLower(text), "0x") && constant(text) {
		return false
	}
	if joined(text) && v.quoted || c != passwordClass && c != phraseClass && sample(text) || samples[text] {
		return false
	}
	if harmless(text) || namesake(v.name, text) || c != passwordClass && c != phraseClass && constant(text) {
		return false
	}
	if c != passwordClass && c != phraseClass && strings.Count(text, ":") > 2 && strings.Trim(text, ":0123456789abcdefABCDEF") == "" && strings.Contains(text, "::") {
		return false // an address
	}
	if c == phraseClass && bytes.HasSuffix(bytes.ToLower(v.name), []byte("mnemonic")) && wordy(text) && len(text) < 12 {
		return false // of an assembler, not of a wallet, which has twelve words
	}
	if c == keyClass {
		return random(strings.TrimRight(text, ";,"))
	}
	if whole && v.quoted && bytes.IndexByte(b[v.s:v.e], ' ') >= 0 {
		// Messages are quoted too. A secret of several words is called a phrase, or has what a sentence has not.
		return c == phraseClass && !sentence(text) || c == passwordClass && v.data && (strings.ContainsAny(text, "0123456789") || fourWords(text)) && !sentence(text) || mnemonicLike(text)
	}
	digits, letters, symbols := 0, 0, 0
	for i := range len(text) {
		switch c := text[i]; {
		case isDigit(c):
			digits++
		case isAlnum(c) || c >= 0x80:
			letters++
		case c != '_' && c != '-' && c != '.':
			symbols++
		}
	}
	switch {
	case c == passwordClass || c == phraseClass:
		if digits > 0 && !(v.code && !v.quoted && letters > 0 && wordy(strings.TrimRight(text, ",;)"))) {
			return letters+symbols > 0 || v.tight || v.quoted
		}
		if symbols > 0 {
			return v.quoted && !strings.ContainsAny(text, "()[]{}<>:,;|") && (!strings.Contains(text, "/") || gibberish(text)) || !v.quoted && v.data && !strings.ContainsAny(text, "()[]{}<>:,;|\"'`")
		}
		if v.quoted {
			return (v.data || !wordy(text)) && len(text) >= 5
		}
		return v.data && v.tight && len(text) >= 5 || !wordy(text) && len(text) >= 8 ||
			v.line && len(text) >= 6 && len(bytes.TrimSpace(b[v.e:])) == 0 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz-_") == ""
	default:
		if letters == 0 {
			// A point or a sign makes it a number, such as a time.
			return digits >= 10 && strings.Trim(text, "0123456789.") != "" || digits >= 10 && !strings.Contains(text, ".")
		}
		if len(text) < 8 {
			return digits > 0 && v.data && (v.quoted || v.tight) && len(text) >= 6 && !wordy(text)
		}
		if digits > 0 {
			return (v.quoted || v.tight && v.data || !strings.ContainsAny(text, "(){}<>|")) && (!wordy(text) || len(text) >= 16 && digits > 2 || gibberish(text))
		}
		return (!wordy(text) || gibberish(text)) && symbols*3 < len(text) && len(text) >= 12 && (v.quoted || v.data) && !strings.ContainsAny(text, "(){}<>|:,;\\")
	}
}

// sentence reports several words with the small words that join them.
func sentence(v string) bool {
	for _, w := range [...]string{" is ", " the ", " of ", " for ", " to ", " and ", " a ", " must ", " be ", " in ", " not ", " at "} {
		if strings.Contains(v, w) {
			return true
		}
	}
	return false
}

// fourWords reports a password of four to six lower-case words that do not name a password themselves.
func fourWords(v string) bool {
	f := strings.Fields(v)
	for _, w := range f {
		if len(w) < 3 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" || plainValues[w] {
			return false
		}
	}
	return len(f) >= 4 && len(f) <= 6
}

// mnemonicLike reports a seed phrase (twelve or more short lower-case words) or a key in groups of four.
func mnemonicLike(v string) bool {
	f := strings.Fields(v)
	if len(f) >= 12 && len(f) <= 24 {
		for _, w := range f {
			if len(w) < 3 || len(w) > 8 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
				return false
			}
		}
		return !sentence(v)
	}
	return grouped(f) >= 4
}

// grouped counts the leading words of exactly four base32 digits, if one of them holds a digit.
func grouped(f []string) int {
	n, digit := 0, false
	for _, w := range f {
		if len(w) != 4 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz234567ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			break
		}
		digit = digit || strings.ContainsAny(w, "234567")
		n++
	}
	if !digit {
		return 0
	}
	return n
}
