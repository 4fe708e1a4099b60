package redact

import "strings"

// samples are values that standards and manuals print to show a format. They stand in libraries and documentation
// everywhere and open nothing.
var samples = func() map[string]bool {
	m := make(map[string]bool)
	for _, v := range strings.Fields(`
		2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA mF_9.B5f-4.1JqM SlAV32hkKG 8xLOxBtZp8 h480djs93hd8
		czZCaGRSa3F0MzpnWDFmQmF0M2JW 7Fjfp0ZBr1KtDRbnfVdmIw kkk9d7dh3k39sjv7 j49sk3j29djd dh893hdasih9
		QWxhZGRpbjpvcGVuIHNlc2FtZQ== QWxhZGRpbjpPcGVuU2VzYW1l dXNlcjpwYXNzd29yZA== 8a477f597d28d172789f06886806bc55`) {
		m[v] = true
	}
	return m
}()

// sample reports such a value, and one that says itself that it is an example or that its end was left out.
func sample(v string) bool {
	v = strings.TrimRight(v, "\"',;")
	return samples[v] || strings.Contains(v, "EXAMPLE") || strings.HasSuffix(v, "...") || strings.HasSuffix(v, "\u2026")
}

// joined reports what a program puts together where a value would be: the quote that seems to begin the value ends
// one text and its end begins another, as in "password="+value+"...
func joined(v string) bool {
	v = strings.Trim(v, " \\")
	if len(v) < 3 || (v[0] != '+' && v[0] != '.') || v[len(v)-1] != v[0] {
		return false
	}
	v = strings.TrimSpace(strings.Trim(v, v[:1]))
	for i := range len(v) {
		if c := v[i]; !isWord(c) && c != '.' && c != '$' && c != '(' && c != ')' && c != '[' && c != ']' {
			return false
		}
	}
	return v != "" && (isAlpha(v[0]) || v[0] == '_' || v[0] == '$')
}

// arn reports that b ends within the name of an Amazon resource, in which secret: is a type and not a name.
func arn(b []byte) bool {
	for i := len(b); i > 0 && len(b)-i < 256; i-- {
		switch c := b[i-1]; {
		case isSpace(c) || c == '"' || c == '\'':
			return strings.HasPrefix(string(b[i:]), "arn:")
		case i == 1:
			return strings.HasPrefix(string(b), "arn:")
		}
	}
	return false
}

// inDigest reports that the token at s stands in the base64 text of a checksum, as files of checksums write it.
func inDigest(b []byte, s int) bool {
	i := s
	for i > 0 && s-i < 90 && (base64Byte(b[i-1]) || b[i-1] == '-') {
		i--
	}
	for _, w := range [...]string{"sha1", "sha256", "sha384", "sha512", "h1:"} {
		if strings.HasPrefix(string(b[i:s]), w) || i >= len(w) && string(b[i-len(w):i]) == w {
			return s-i > 0
		}
	}
	return false
}
