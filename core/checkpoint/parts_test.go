package checkpoint

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestIgnore(t *testing.T) {
	for _, c := range []struct {
		patterns, yes, no string
	}{
		{"*.log", "a.log d/e.log", "a.logs log"},
		{"/build", "build", "d/build"},
		{"build/", "build/ d/build/", "build d/build"},
		{"a/b", "a/b", "x/a/b"},
		{"**/b", "b a/b a/c/b", "bb"},
		{"a/**", "a/b a/b/c", "b"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "a/zz"},
		{"*.[oa]", "x.o x.a", "x.c"},
		{"[!a-c]x", "dx", "ax cx"},
		{`\*x`, "*x", "ax"},
		{`\!x`, "!x", "x"},
		{"*.log !keep.log", "a.log", "keep.log"},
		{"a*b*c", "abc aXbXc aabbcc", "ab ac"},
		{"?", "a", "ab"},
		{"[", "[", "a"},
		{"# text", "", "#"},
	} {
		patterns := strings.Fields(c.patterns)
		if strings.HasPrefix(c.patterns, "#") {
			patterns = []string{c.patterns}
		}
		m, err := newMatcher(patterns, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			list := c.no
			if want {
				list = c.yes
			}
			for _, path := range strings.Fields(list) {
				name, dir := strings.CutSuffix(path, "/")
				if m.ignored(name, dir) != want {
					t.Errorf("%s: %s ignored is %v", c.patterns, path, !want)
				}
			}
		}
	}
}

func TestOnlyPaths(t *testing.T) {
	m, err := newMatcher(nil, []string{"src", "./docs/api/"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"src": false, "src/a": false, "docs": false, "docs/api": false, "docs/b": true, "x": true, "srcs": true} {
		if m.ignored(path, true) != want {
			t.Errorf("%s ignored is %v", path, !want)
		}
	}
}

// A pattern made to be slow must not be.
func FuzzIgnore(f *testing.F) {
	f.Add("*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Add("**/**/**/**/x", "a/a/a/a/a/a/a/a")
	f.Add("[a-", "[a-")
	f.Add("[]]", "]")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		m, err := newMatcher([]string{pattern}, nil)
		if err != nil {
			return
		}
		m.ignored(path, true)
	})
}

func TestPathOrder(t *testing.T) {
	list := []string{"a", "a/b", "a/b/c", "a!", "a.b", "ab", "b"}
	shuffled := slices.Clone(list)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	slices.SortFunc(shuffled, comparePaths)
	if !slices.Equal(shuffled, list) {
		t.Errorf("%q", shuffled)
	}
}

// apply is a patch program: it rebuilds the new text from the old one and the changes.
func apply(a, b [][]byte, changes []span) string {
	var out strings.Builder
	at := 0
	for _, c := range changes {
		for _, line := range a[at:c.a0] {
			out.Write(line)
		}
		for _, line := range b[c.b0:c.b1] {
			out.Write(line)
		}
		at = c.a1
	}
	for _, line := range a[at:] {
		out.Write(line)
	}
	return out.String()
}

func TestDiffLines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		var b strings.Builder
		for range r.IntN(n + 1) {
			b.WriteString([]string{"a\n", "b\n", "c\n", "d\n", "e\n"}[r.IntN(5)])
		}
		if r.IntN(2) == 0 {
			b.WriteString("end")
		}
		return b.String()
	}
	for range 2000 {
		old, fresh := text(40), text(40)
		a, b := splitLines([]byte(old)), splitLines([]byte(fresh))
		if got := apply(a, b, diffLines(a, b)); got != fresh {
			t.Fatalf("%q → %q gave %q", old, fresh, got)
		}
	}
	far := splitLines([]byte(strings.Repeat("x\n", 4000)))
	other := splitLines([]byte(strings.Repeat("y\n", 4000)))
	if got := diffLines(far, other); len(got) != 1 {
		t.Errorf("%d changes of texts without a common line", len(got))
	}
}

func FuzzTree(f *testing.F) {
	seed := []Entry{{Path: "a", Kind: Dir, Mode: 0o755}, {Path: "a/b", Kind: File, Size: 3, Chunks: []Hash{{}, {1}}}, {Path: "l", Kind: Symlink, Target: "/"}}
	_, err := writeTrees(seed, func(_ Hash, raw []byte) error { f.Add(raw); return nil })
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		first := true
		entries, err := readTrees(Hash{1}, func(Hash) ([]byte, error) {
			if first {
				first = false
				return raw, nil
			}
			return nil, nil
		})
		if err != nil {
			return
		}
		for _, e := range entries {
			if strings.Contains("/"+e.Path+"/", "/../") || strings.HasPrefix(e.Path, "/") {
				t.Fatalf("the path %q leads out", e.Path)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(encodeIndex([]Entry{{Path: "a", Kind: File, Size: 1, Chunks: []Hash{{1}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if entries, ok := decodeIndex(b); ok && string(encodeIndex(entries)) != string(b) {
			t.Fatal("an index that is not written so was read")
		}
	})
}
