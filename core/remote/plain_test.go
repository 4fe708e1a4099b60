package remote

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/command"
)

// The shells themselves: every builtin and keyword that they have is one that leaves them as they are, or is no plain
// command.
func TestEveryBuiltinIsJudged(t *testing.T) {
	s := start(t, "bash")
	r := run(s, "compgen -b; compgen -k", quick)
	list := strings.Fields(r.out)
	if len(list) < 70 {
		t.Fatalf("%q", r.out)
	}
	for _, name := range list {
		if got := command.MannerOf(name + " x"); got == command.Plain && !slices.Contains([]string{":", "true", "false", "echo", "pwd", "[", "test"}, name) {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// What a session reports does not depend on the way in which a line was sent.
func TestReportsAfterPlainCommands(t *testing.T) {
	for _, shell := range shells {
		for _, tt := range []struct {
			name  string
			lines []string
			// of the last line
			out, cwd, v string // v is the variable V
			status      int
			plain       bool // it was a brief one
			bash        bool
		}{
			{name: "status", lines: []string{"ls /nonexistent/x"}, status: -1, plain: true},
			{name: "false", lines: []string{"true", "false"}, status: 1, plain: true},
			{name: "pipeline", lines: []string{"echo abc | tr a-c x-z"}, out: "xyz\n", plain: true},
			{name: "redirections", lines: []string{"echo a >&2", "cat </dev/null && echo b 2>&1"}, out: "b\n", plain: true},
			{name: "directory", lines: []string{"true", "cd /", "true"}, cwd: "/", plain: true},
			{name: "exported", lines: []string{"true", "export V=a", "true"}, v: "a", plain: true},
			{name: "exported again", lines: []string{"export V=a", "true", "export V=b"}, v: "b"},
			{name: "assigned", lines: []string{"export V=a", "true", "V=b", "true"}, v: "b", plain: true},
			{name: "for one command", lines: []string{"V=c env"}, out: "*"},
			{name: "status of a plain one", lines: []string{"false", "echo $?"}, out: "1\n"},
			{name: "unruly after plain", lines: []string{"true", "export V=$(echo d)"}, v: "d"},
			{name: "a function takes the name", lines: []string{"true", "ls() { export V=e; }", "ls"}, v: "e"},
			{name: "an alias takes the name", lines: []string{"true", "alias ls='export V=f'", "ls"}, v: "f"},
			{name: "a trap changes it", lines: []string{"true", "trap 'export V=g' USR1; kill -USR1 $$", "true"}, v: "g"},
			{name: "a debug trap changes it", lines: []string{"true", "trap 'export V=h' DEBUG", "true"}, v: "h", bash: true},
			{name: "a prompt is taken away", lines: []string{"true", "PROMPT_COMMAND='export V=i'", "echo ${PROMPT_COMMAND-none}"}, out: "none\n", bash: true},
			{name: "a prompt that stays changes it", lines: []string{"true", "readonly PROMPT_COMMAND='export V=i'", "true", "true"}, v: "i", bash: true},
			{name: "an alias of the array", lines: []string{"BASH_ALIASES[ls]='export V=j'", "ls"}, v: "j", bash: true},
			{name: "a hidden function", lines: []string{"f='ls() { export V=k; }'", `\eval "$f"`, "ls"}, v: "k"},
			{name: "test assigns", lines: []string{"export V=1", "test -v 'a[V=7]'"}, v: "7", status: 1, bash: true},
			{name: "inherit_errexit stays", lines: []string{"shopt -s inherit_errexit", "true", "true", "shopt -p inherit_errexit"}, out: "shopt -s inherit_errexit\n", bash: true},
			{name: "posix mode stays off", lines: []string{"true", "true", "echo ${POSIXLY_CORRECT-off}; shopt -oq posix || echo no"}, out: "off\nno\n", bash: true},
			{name: "no variable is left", lines: []string{"true", "echo ${TIMEFORMAT-none}"}, out: "none\n", bash: true},
		} {
			if tt.bash && shell != "bash" {
				continue
			}
			t.Run(shell+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				s := start(t, shell)
				if !s.pristine {
					t.Fatal("a fresh shell is not plain")
				}
				cwd := s.Cwd()
				var r ran
				for _, line := range tt.lines {
					r = run(s, line, quick)
				}
				if tt.cwd != "" {
					cwd = tt.cwd
				}
				last := tt.lines[len(tt.lines)-1]
				if brief := s.pristine && command.MannerOf(last) == command.Plain; brief != tt.plain {
					t.Errorf("brief: %v", brief)
				}
				if tt.status >= 0 && r.Status != tt.status || tt.status < 0 && r.Status == 0 || !r.Known || r.Exited {
					t.Errorf("%+v", r.Outcome)
				}
				if tt.out != "*" && r.out != tt.out || r.Cwd != cwd || r.Env["V"] != tt.v {
					t.Errorf("stdout %q, directory %q, V %q", r.out, r.Cwd, r.Env["V"])
				}
			})
		}
	}
}

// A directory that another process moves is told.
func TestMovedDirectory(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := start(t, shell)
			dir := s.Cwd()
			run(s, "mkdir a", quick)
			run(s, "cd a", quick)
			if r := run(s, "mv "+dir+"/a "+dir+"/b", quick); r.Cwd != dir+"/b" || r.Status != 0 {
				t.Fatalf("%+v", r.Outcome)
			}
		})
	}
}

// A login whose environment holds functions has words of its own from the start.
func TestImportedFunctions(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	l := local(t)
	l.Paths = map[string]string{"sh": bash} // dash keeps no such variable
	l.Env = append(l.Env, "BASH_FUNC_ls%%=() { export V=imported; }", "BASH_FUNC_builtin%%=() { :; }")
	h := NewHost(l)
	defer h.Close()
	s, err := h.Start(t.Context(), Options{Shells: []string{"bash"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r := run(s, "ls", quick); r.Env["V"] != "imported" {
		t.Fatalf("%+v", r.Outcome)
	}
}
