package checkpoint

import (
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

const (
	maxPatterns     = 1000
	maxPatternBytes = 4096
)

// A matcher says which paths a checkpoint leaves out.
type matcher struct {
	rules []ignoreRule
	only  []string // the subtrees that are saved; all where empty
}

// An ignoreRule is one pattern in the notation of .gitignore.
type ignoreRule struct {
	parts   []string // one for each component; "**" stands for any number of them
	negated bool
	dirOnly bool
}

// newMatcher reads patterns and the subtrees that alone are saved.
func newMatcher(patterns, only []string) (*matcher, error) {
	if len(patterns) > maxPatterns || len(only) > maxPatterns {
		return nil, errdefs.New(errdefs.InvalidArgument, "workspace: more than %d patterns or paths", maxPatterns)
	}
	m := &matcher{}
	for _, p := range patterns {
		rule, err := parsePattern(p)
		if err != nil {
			return nil, err
		}
		if rule != nil {
			m.rules = append(m.rules, *rule)
		}
	}
	for _, p := range only {
		clean, err := cleanPath(p)
		if err != nil {
			return nil, err
		}
		m.only = append(m.only, clean)
	}
	return m, nil
}

// cleanPath returns a path as entries have it. It must lie inside the workspace.
func cleanPath(p string) (string, error) {
	var parts []string
	for _, part := range strings.Split(p, "/") {
		if part == ".." || strings.HasPrefix(p, "/") || strings.ContainsRune(p, 0) {
			return "", errdefs.New(errdefs.InvalidArgument, "workspace: the path %s is not inside the workspace", errdefs.Quote(p)).
				WithHint("give a path relative to the workspace, without ..")
		}
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/"), nil
}

func parsePattern(p string) (*ignoreRule, error) {
	if len(p) > maxPatternBytes || strings.ContainsAny(p, "\x00\n") {
		return nil, errdefs.New(errdefs.InvalidArgument, "workspace.ignore: the pattern %s is too long or holds a NUL or a newline", errdefs.Quote(p))
	}
	text := strings.TrimRight(p, " ")
	if text == "" || text[0] == '#' {
		return nil, nil
	}
	r := &ignoreRule{}
	if text[0] == '!' {
		r.negated, text = true, text[1:]
	}
	if strings.HasSuffix(text, "/") {
		r.dirOnly, text = true, strings.TrimRight(text, "/")
	}
	anchored := strings.Contains(text, "/")
	text = strings.TrimPrefix(text, "/")
	if text == "" {
		return nil, errdefs.New(errdefs.InvalidArgument, "workspace.ignore: the pattern %s matches nothing", errdefs.Quote(p)).
			WithHint("the notation is that of .gitignore")
	}
	r.parts = strings.Split(text, "/")
	if !anchored {
		r.parts = append([]string{"**"}, r.parts...)
	}
	return r, nil
}

// ignored reports whether path itself is left out; what is below an ignored directory is never looked at. The last
// pattern that matches decides.
func (m *matcher) ignored(path string, dir bool) bool {
	if m == nil {
		return false
	}
	if !m.wanted(path, dir) {
		return true
	}
	if len(m.rules) == 0 {
		return false
	}
	parts := strings.Split(path, "/")
	for i := len(m.rules) - 1; i >= 0; i-- {
		if r := &m.rules[i]; (dir || !r.dirOnly) && matchParts(r.parts, parts) {
			return !r.negated
		}
	}
	return false
}

// covers reports whether path or a directory above it is left out.
func (m *matcher) covers(path string, dir bool) bool {
	for i := 0; i < len(path); i++ {
		if path[i] == '/' && m.ignored(path[:i], true) {
			return true
		}
	}
	return m.ignored(path, dir)
}

func (m *matcher) wanted(path string, dir bool) bool {
	for _, o := range m.only {
		if o == "" || path == o || strings.HasPrefix(path, o+"/") || dir && strings.HasPrefix(o, path+"/") {
			return true
		}
	}
	return len(m.only) == 0
}

// matchParts matches components with "**" as any number of them, in time that is the product of both lengths.
func matchParts(pattern, parts []string) bool {
	reach := make([]bool, len(parts)+1)
	reach[0] = true
	for _, p := range pattern {
		next := make([]bool, len(parts)+1)
		for i, ok := range reach {
			switch {
			case p == "**":
				next[i] = ok || i > 0 && next[i-1]
			case ok && i < len(parts) && matchPart(p, parts[i]):
				next[i+1] = true
			}
		}
		reach = next
	}
	return reach[len(parts)]
}

// matchPart matches one component with *, ?, [a-z] and backslash. A star goes back at most to the last star, so the
// time is the product of both lengths.
func matchPart(p, s string) bool {
	pi, si, star, mark := 0, 0, -1, 0
	for si < len(s) {
		if pi < len(p) && p[pi] == '*' {
			star, mark = pi, si
			pi++
			continue
		}
		if n, ok := matchOne(p[pi:], s[si]); ok {
			pi += n
			si++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		pi, si = star+1, mark
	}
	for pi < len(p) && p[pi] == '*' {
		pi++
	}
	return pi == len(p)
}

// matchOne matches one byte and returns how much of the pattern it took.
func matchOne(p string, c byte) (int, bool) {
	switch {
	case p == "":
		return 0, false
	case p[0] == '?':
		return 1, true
	case p[0] == '\\' && len(p) > 1:
		return 2, p[1] == c
	case p[0] == '[':
		if n, ok, valid := matchClass(p, c); valid {
			return n, ok
		}
	}
	return 1, p[0] == c
}

func matchClass(p string, c byte) (n int, ok, valid bool) {
	i, negated := 1, false
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		negated = true
		i++
	}
	for first := true; i < len(p) && (p[i] != ']' || first); first = false {
		low := p[i]
		if low == '\\' && i+1 < len(p) {
			i++
			low = p[i]
		}
		high := low
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			high = p[i+2]
			i += 2
		}
		ok = ok || low <= c && c <= high
		i++
	}
	return i + 1, ok != negated, i < len(p)
}
