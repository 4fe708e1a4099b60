package sshconfig

import "strings"

// MatchPattern reports whether s matches a pattern in which '*' stands for any text and '?' for one byte. It takes time
// proportional to the product of the lengths at most.
func MatchPattern(s, pattern string) bool {
	star, mark := -1, 0
	i, p := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			i++
			p++
		case star >= 0:
			mark++
			i, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// MatchList matches s against patterns separated by commas: a pattern behind '!' that matches refuses the whole.
func MatchList(s, list string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		if negated, ok := strings.CutPrefix(pattern, "!"); ok {
			if MatchPattern(s, negated) {
				return false
			}
		} else if MatchPattern(s, pattern) {
			found = true
		}
	}
	return found
}

// MatchHost is MatchList for host names, whose case does not count in the list.
func MatchHost(host, list string) bool { return MatchList(host, strings.ToLower(list)) }
