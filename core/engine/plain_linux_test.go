package engine

import (
	"os"
	"testing"
	"time"
)

// What a session reports is the same whether a command is asked for everything or, where it can change nothing, for its
// status alone.
func TestReportsAfterPlainCommands(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		// of the last line
		out, cwd, v string // v is the variable V; out "*" is not looked at
		status      int    // -1 for any but 0
		brief       bool
	}{
		{name: "status", lines: []string{"ls /nonexistent/x"}, status: -1, brief: true},
		{name: "false", lines: []string{"true", "false"}, status: 1, brief: true},
		{name: "not found", lines: []string{"no-such-program-anywhere"}, status: 127, brief: true},
		{name: "list", lines: []string{"echo a >&2; cat </dev/null && echo b 2>&1"}, out: "b\n", brief: true},
		{name: "pipeline", lines: []string{"echo abc | tr a-c x-z"}, out: "xyz\n"},
		{name: "directory", lines: []string{"true", "cd /", "true"}, cwd: "/", brief: true},
		{name: "exported", lines: []string{"true", "export V=a", "true"}, v: "a", brief: true},
		{name: "assigned", lines: []string{"export V=a", "true", "V=b", "true"}, v: "b", brief: true},
		{name: "exported again", lines: []string{"export V=a", "true", "export V=b"}, v: "b"},
		{name: "status of a plain one", lines: []string{"false", "echo $?"}, out: "1\n"},
		{name: "unruly after plain", lines: []string{"true", "export V=$(echo d)"}, v: "d"},
		{name: "a function takes the name", lines: []string{"true", "ls() { export V=e; }", "ls"}, v: "e"},
		{name: "an alias takes the name", lines: []string{"true", "alias ls='export V=f'", "ls"}, v: "f"},
		{name: "a trap changes it", lines: []string{"true", "trap 'export V=g' USR1; kill -USR1 $$", "true"}, v: "g"},
		{name: "a debug trap changes it", lines: []string{"true", "trap 'export V=h' DEBUG", "true"}, v: "h"},
		{name: "an alias of the array", lines: []string{"BASH_ALIASES[ls]='export V=j'", "ls"}, v: "j"},
		{name: "a hidden function", lines: []string{"f='ls() { export V=k; }'", `\eval "$f"`, "ls"}, v: "k"},
		{name: "test assigns", lines: []string{"export V=1", "test -v 'a[V=7]'"}, v: "7", status: 1},
		{name: "inherit_errexit stays on", lines: []string{"shopt -s inherit_errexit", "true", "true", "shopt -p inherit_errexit"}, out: "shopt -s inherit_errexit\n"},
		{name: "inherit_errexit stays off", lines: []string{"true", "true", "shopt -p inherit_errexit"}, out: "shopt -u inherit_errexit\n", status: 1},
		{name: "posix mode stays off", lines: []string{"true", "true", "echo ${POSIXLY_CORRECT-off}; shopt -oq posix || echo no"}, out: "off\nno\n"},
		{name: "no variable is left", lines: []string{"true", "echo ${TIMEFORMAT-none} ${__ek_c-none} ${__ek_b-none}"}, out: "none none none\n"},
		{name: "input", lines: []string{"true", "cat"}, out: "", brief: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			cwd := s.cwd
			if tt.cwd != "" {
				cwd = tt.cwd
			}
			var r ran
			for _, line := range tt.lines {
				r = run(s, line, 10*time.Second)
			}
			if brief := s.says.(*bashDriver).brief; brief != tt.brief {
				t.Errorf("brief: %v", brief)
			}
			if tt.status >= 0 && r.Status != tt.status || tt.status < 0 && r.Status == 0 || !r.Known || r.Exited {
				t.Errorf("%+v", r.Outcome)
			}
			if tt.out != "*" && r.out != tt.out || r.Cwd != cwd || r.Env["V"] != tt.v || r.Env["HOME"] != "/nonexistent" {
				t.Errorf("stdout %q, directory %q, environment %q", r.out, r.Cwd, r.Env)
			}
		})
	}
}

// Where the environment brings functions along, no name is what it seems from the start. A directory that a program moves
// is told. A plain command that is stopped leaves the session sound.
func TestPlainCommandsAreNotTrustedBlindly(t *testing.T) {
	s, err := Start(t.Context(), Options{Path: "/bin/bash", Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH"), "BASH_FUNC_ls%%=() { export V=imported; }"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if r := run(s, "ls", 10*time.Second); r.Env["V"] != "imported" {
		t.Errorf("%+v", r.Outcome)
	}
	s = start(t)
	dir := s.cwd
	run(s, "mkdir a", 10*time.Second)
	run(s, "cd a", 10*time.Second)
	if r := run(s, "mv "+dir+"/a "+dir+"/b", 10*time.Second); r.Cwd != dir+"/b" || r.Status != 0 {
		t.Errorf("%+v", r.Outcome)
	}
	if r := run(s, "sleep 60", 100*time.Millisecond); !r.TimedOut || r.Exited {
		t.Errorf("%+v", r.Outcome)
	}
	if r := run(s, "echo on", 10*time.Second); r.out != "on\n" || r.Status != 0 || r.Exited {
		t.Errorf("%q %+v", r.out, r.Outcome)
	}
}
