//go:build linux

package enforce

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		path, tree string
		want       bool
	}{{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/x", "/", true}, {"/", "/a", false}} {
		if below(tt.path, tt.tree) != tt.want {
			t.Errorf("below(%q, %q) is %t", tt.path, tt.tree, !tt.want)
		}
	}
}

// Everything but the excluded directories is in the trees, whatever lies beside them.
func TestAround(t *testing.T) {
	top := t.TempDir()
	for _, dir := range []string{"a/b/c", "a/d", "e", "f"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	got := around(top, []string{filepath.Join(top, "a/b"), filepath.Join(top, "f")})
	want := []string{filepath.Join(top, "a/d"), filepath.Join(top, "e")}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A script needs what its first line names, through links and env, and no directory is ever granted as a program.
func TestExecutables(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	inner := put("inner", "#!/bin/sh -e\n")
	outer := put("outer", "#!"+inner+"\n")
	env := put("env-script", "#!/usr/bin/env sh\n")
	loop := put("loop", "#!"+filepath.Join(dir, "loop")+"\n")
	empty := put("empty", "")
	odd := put("odd", "#!")
	for _, tt := range []struct {
		program string
		has     []string
	}{{inner, []string{inner, shell}}, {outer, []string{outer, inner, shell}}, {env, []string{env, "/usr/bin/env", shell}}, {loop, []string{loop}}, {empty, []string{empty}}, {odd, []string{odd}}, {dir, nil}, {filepath.Join(dir, "none"), nil}} {
		got := executables(tt.program, make(map[string]bool))
		for _, want := range tt.has {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q lacks %s", tt.program, got, want)
			}
		}
		if len(tt.has) == 0 && len(got) > 0 {
			t.Errorf("%s: %q", tt.program, got)
		}
	}
	loader, argument := interpreter("/bin/ls")
	if object, err := elf.Open("/bin/ls"); err == nil && object.Class == elf.ELFCLASS64 {
		section := make([]byte, 200)
		n, _ := object.Section(".interp").ReadAt(section, 0)
		if want := strings.TrimRight(string(section[:n]), "\x00"); loader != want || argument != "" {
			t.Errorf("the loader of ls is %q, want %q", loader, want)
		}
	}
	for _, bad := range []string{"\x7fELF\x02\x01", "\x7fELF\x02\x01" + strings.Repeat("\xff", 200), "\x7fELF\x02\x01" + strings.Repeat("\x00", 200), "\x7fELF\x01\x02"} {
		if path, _ := interpreter(put("bad", bad)); path != "" {
			t.Errorf("%q has the loader %q", bad, path)
		}
	}
	if Script(empty) || !Script(inner) || Script("/bin/sh") {
		t.Error("Script")
	}
}

// What the rules grant is told by the confinement.
func TestGrants(t *testing.T) {
	if k := Probe(); !k.Enforces() {
		t.Skip(k.Missing)
	}
	dir := t.TempDir()
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := New(Rules{Shell: "/bin/bash", Programs: []string{"/bin/cat", tool}, Write: []string{dir, "/nonexistent"}})
	if err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	cat, _ := filepath.EvalSymlinks("/bin/cat")
	if !c.Executable(cat) || c.Executable(filepath.Join(real, "tool")) || c.Executable("/usr/bin/id") || !c.Writable(filepath.Join(real, "x")) || c.Writable("/etc") {
		t.Errorf("%+v", c)
	}
	if len(c.Withheld()) != 2 {
		t.Errorf("%q", c.Withheld())
	}
	any, err := New(Rules{Shell: "/bin/bash", AnyProgram: true})
	if err != nil || !any.Executable("/usr/bin/id") {
		t.Errorf("%v", err)
	}
}
