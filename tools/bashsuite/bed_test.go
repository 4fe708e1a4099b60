//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCompare runs scripts of which it is known where they differ.
func TestCompare(t *testing.T) {
	root := t.TempDir()
	b := &bed{root: root, pristine: filepath.Join(root, "pristine"), shell: "/bin/bash"}
	b.env = []string{"PATH=/usr/bin:/bin", "THIS_SH=/bin/bash", "TERM=dumb", "COUNT=" + filepath.Join(root, "count")}
	if err := os.Mkdir(b.pristine, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		limit      time.Duration
		want       verdict
		note       string
	}{
		{"streams", "echo out; echo err >&2; printf '\\377\\0'; cat; env | grep -v -e ^_= -e ^SHLVL= | sort; exit 7", time.Minute, same, ""},
		{"killed", "kill -9 $$", time.Minute, different, `stderr line 1: directly "", session "Killed\n"`},
		{"writes", "[ ! -e made ] && : >made && echo new folder", time.Minute, same, ""},
		{"background", "sleep 300 >/dev/null 2>&1 & echo begun", time.Minute, same, ""},
		{"terminal", "{ : </dev/tty; } 2>/dev/null && echo terminal", time.Minute, sameOnTerminal, `stdout line 1: directly "", session "terminal\n"; exit code: directly 1, session 0`},
		{"counts", "echo >>$COUNT; n=$(wc -l <$COUNT); echo $((n == 2 || n == 4))", time.Minute, sameLater, `stdout line 1: directly "0\n", session "1\n"`},
		{"luck", "echo >>$COUNT.2; n=$(wc -l <$COUNT.2); echo $((n == 2 ? 6 : n))", time.Minute, sameLater, "stdout line 1"},
		{"never", "echo $$ $PPID", time.Minute, different, "stdout line 1"},
		{"slow", "sleep 300", 200 * time.Millisecond, late, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(b.pristine, c.name+".tests"), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			got, note, err := b.compare(c.name, options{limit: c.limit})
			if err != nil || got != c.want || !strings.Contains(note, c.note) {
				t.Errorf("%q %q %v, want %q %q", got, note, err, c.want, c.note)
			}
		})
	}
}

// TestCompareSourced reads scripts into the shell: directly into an interactive one on a terminal, as a session's is.
func TestCompareSourced(t *testing.T) {
	root := t.TempDir()
	b := &bed{root: root, pristine: filepath.Join(root, "pristine"), shell: "/bin/bash"}
	b.env = []string{"PATH=/usr/bin:/bin", "THIS_SH=/bin/bash", "TERM=dumb"}
	if err := os.Mkdir(b.pristine, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		want verdict
		note string
	}{
		"error":      {"nosuchcommand; [ -c /dev/tty ] && : </dev/tty; exit 5", same, ""},
		"restricted": {"set -r; echo x", different, "session -1"},
	} {
		if err := os.WriteFile(filepath.Join(b.pristine, name+".tests"), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, note, err := b.compare(name, options{limit: time.Minute, source: true})
		if err != nil || got != c.want || !strings.Contains(note, c.note) {
			t.Errorf("%s: %q %q %v, want %q %q", name, got, note, err, c.want, c.note)
		}
	}
}

func TestParting(t *testing.T) {
	for _, c := range []struct {
		a, b outcome
		want string
	}{
		{outcome{stdout: "a\nb\n"}, outcome{stdout: "a\nc\n"}, `stdout line 2: directly "b\n", session "c\n"`},
		{outcome{stdout: "a\n"}, outcome{stdout: "a\nb"}, `stdout line 2: directly "", session "b"`},
		{outcome{stderr: "x"}, outcome{code: 2}, `stderr line 1: directly "x", session ""; exit code: directly 0, session 2`},
		{outcome{}, outcome{late: true}, `the session's reached the limit`},
	} {
		if got := parting(c.a, c.b); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
