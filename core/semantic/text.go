package semantic

import (
	"math/bits"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// groups returns the named groups of a match.
func groups(names []string, m [][]byte) map[string]string {
	fields := make(map[string]string)
	for i, name := range names {
		if name != "" && m[i] != nil {
			fields[name] = string(m[i])
		}
	}
	return fields
}

// toInt reads a count as tools write it; 0 where there is none.
func toInt(s string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// clip cuts what came from the output to a bounded length, between runes.
func clip(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\ufffd"))
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

var languages = map[string]string{
	".go": "go", ".py": "python", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "c++", ".cpp": "c++", ".cxx": "c++", ".hpp": "c++", ".java": "java",
	".kt": "kotlin", ".scala": "scala", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascript", ".ts": "typescript",
	".tsx": "typescript", ".mts": "typescript", ".cts": "typescript", ".rb": "ruby", ".php": "php", ".sh": "shell", ".tf": "terraform", ".cs": "c#",
	".swift": "swift", ".m": "objective-c", ".vue": "javascript", ".svelte": "javascript", ".groovy": "groovy", ".gradle": "groovy", ".pl": "perl", ".lua": "lua",
}

func languageOf(file string) string { return languages[strings.ToLower(path.Ext(file))] }

// isLibrary reports whether a stack frame is outside the caller's own code.
func isLibrary(line []byte) bool {
	text := string(line)
	for _, part := range libraries {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

var libraries = []string{
	"site-packages/", "/lib/python", "<frozen ", "node_modules/", "node:internal", "/usr/local/go/src/", "/go/pkg/mod/", "/go/src/runtime/", "/go/src/testing/",
	"/libexec/src/", "java.base/", "org.junit.", "junit.framework.", "sun.reflect.", "jdk.internal.", "java.lang.", "java.util.", "org.apache.maven.", "org.gradle.",
	"/rustc/", "/.cargo/registry/", "org.springframework.", "runtime/panic.go", "_pytest/", "importlib/", "/usr/lib/go",
}

// installed makes the fields of package_installed: names and versions, or how many.
func installed(f map[string]string) map[string]any {
	fields := make(map[string]any)
	if n := toInt(f["n"]); n > 0 {
		fields["count"] = n
	}
	if f["name"] != "" {
		fields["packages"] = []string{clip(strings.TrimSuffix(f["name"]+" "+f["version"], " "))}
	}
	if list := strings.Fields(f["list"]); len(list) > 0 {
		fields["count"] = len(list)
		fields["packages"] = list[:min(len(list), maxNames)]
	}
	return fields
}

func lowest(w uint64) int { return bits.TrailingZeros64(w) }
