package sshconfig

import "strings"

const blanks = " \t\r\n"

// splitKeyword takes the keyword off a line. The rest begins at the first argument: blanks and one '=' stand between.
func splitKeyword(line string) (keyword, rest string, ok bool) {
	line = strings.TrimLeft(line, blanks)
	end := strings.IndexAny(line, "\""+blanks+"=")
	switch {
	case line == "" || line[0] == '#':
		return "", "", true
	case end < 0:
		return line, "", true
	case line[end] == '"':
		closing := strings.IndexByte(line[end+1:], '"')
		if closing < 0 {
			return "", "", false
		}
		return line[:end] + line[end+1:end+1+closing], strings.TrimLeft(line[end+closing+2:], blanks), true
	}
	keyword, rest = line[:end], line[end:]
	rest = strings.TrimLeft(rest, blanks)
	if after, found := strings.CutPrefix(rest, "="); found {
		rest = strings.TrimLeft(after, blanks)
	}
	return keyword, rest, true
}

// words splits arguments: blanks separate, both quotes join, a backslash escapes a quote or itself, and outside quotes
// a space; '#' at the start of a word begins a comment. ok is false for a quote that is not closed.
func words(s string) (list []string, ok bool) {
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		if s[i] == '#' {
			break
		}
		word, n, closed := oneWord(s[i:])
		if !closed {
			return nil, false
		}
		list = append(list, word)
		i += n
	}
	return list, true
}

func oneWord(s string) (word string, n int, closed bool) {
	var b strings.Builder
	var quote byte
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quote == 0 && s[i+1] == ' '):
			i++
			b.WriteByte(s[i])
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), i, true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), i, quote == 0
}

// matchWord takes one word of a Match line, which has rules of its own: only double quotes, and '=' separates as a
// blank does.
func matchWord(s string) (word, rest string, ok bool) {
	end := strings.IndexAny(s, "\""+blanks+"=")
	switch {
	case end < 0:
		return s, "", true
	case s[end] == '"':
		closing := strings.IndexByte(s[end+1:], '"')
		if closing < 0 {
			return "", "", false
		}
		return s[:end] + s[end+1:end+1+closing], strings.TrimLeft(s[end+closing+2:], blanks), true
	}
	word = s[:end]
	equals := s[end] == '='
	rest = strings.TrimLeft(s[end+1:], blanks)
	if after, found := strings.CutPrefix(rest, "="); found && !equals {
		rest = strings.TrimLeft(after, blanks)
	}
	return word, rest, true
}
