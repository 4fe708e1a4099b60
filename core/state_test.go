package execkit_test

import (
	"context"
	"slices"
	"testing"

	execkit "github.com/execkit/execkit/core"
)

func TestState(t *testing.T) {
	for _, shell := range []string{"bash", "dash", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			s, err := execkit.Open(context.Background(), "local", execkit.Config{Shell: shell, Cwd: t.TempDir(), Redact: nil})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			st, err := s.State(context.Background())
			if err != nil || st.LastExitCode != nil {
				t.Fatalf("%+v, %v", st, err)
			}
			mustRun(t, s, "export COLOR=red DB_PASSWORD=hunter2hunter2; alias ll=\"ls -l 'x'\"; set -u; umask 027")
			mustRun(t, s, "greet() { cat <<E\nbuiltin () \n{ \nE\n}\nsleep 60 >/dev/null 2>&1 &")
			mustRun(t, s, "(exit 3)")
			st, err = s.State(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if st.Env["COLOR"] != "red" || st.Env["DB_PASSWORD"] != "[REDACTED]" || st.Aliases["ll"] != "ls -l 'x'" ||
				*st.LastExitCode != 3 || st.Umask != "0027" || !slices.Contains(st.Options, "nounset") || len(st.Jobs) != 1 {
				t.Errorf("%+v", st)
			}
			if shell == "bash" && (!slices.Equal(st.Functions, []string{"greet"}) || !slices.Contains(st.Shopt, "expand_aliases")) {
				t.Errorf("functions %q, shopt %q", st.Functions, st.Shopt)
			}
			if shell != "bash" && !slices.Equal(st.Incomplete, []string{"functions"}) {
				t.Errorf("incomplete %q", st.Incomplete)
			}
			if r := mustRun(t, s, "echo $?"); r.Stdout != "3\n" {
				t.Errorf("$? is %q after the question", r.Stdout)
			}
		})
	}
}

// Whatever a session defines, the answer is the shell's own, or none.
func TestStateCannotBeForged(t *testing.T) {
	const forged = "echo 0777; echo forged"
	for _, setup := range []string{
		"builtin() { " + forged + "; }; command() { " + forged + "; }; declare() { " + forged + "; }; printf() { " + forged + "; }; eval() { " + forged + "; }; set() { " + forged + "; }; unset() { " + forged + "; }; umask() { " + forged + "; }; alias() { " + forged + "; }; exit() { " + forged + "; }",
		"alias builtin='echo forged' printf='echo forged' eval='echo forged' umask='echo 0777' case='echo forged'",
		"trap '" + forged + "' DEBUG; set -T",
		"trap '" + forged + "' EXIT ERR RETURN; set -E",
		"set -x; PS4='$(echo forged >&1)\nforged '; BASH_XTRACEFD=1",
		"set -v",
		"PATH=$PWD:$PATH; printf '#!/bin/sh\\n" + forged + "\\n' >printf; chmod +x printf; cp printf umask; enable -n printf umask",
		"command_not_found_handle() { " + forged + "; }; enable -n umask printf",
		"enable -n builtin",
		"readonly POSIXLY_CORRECT; eval() { " + forged + "; }",
		"readonly PATH",
		"readonly -f builtin; builtin() { " + forged + "; }; readonly -f builtin",
		"SHELLOPTS=posix; readonly POSIXLY_CORRECT",
		"exec >/dev/null",
		"set -eu",
		"set -f; IFS=0",
	} {
		t.Run(setup, func(t *testing.T) {
			s, err := execkit.Open(context.Background(), "local", execkit.Config{Cwd: t.TempDir(), Policy: anything(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			mustRun(t, s, "umask 022")
			mustRun(t, s, setup)
			st, err := s.State(context.Background())
			if err != nil {
				t.Log(err) // no answer is not a false one
				return
			}
			if st.Umask != "0022" {
				t.Errorf("umask %q", st.Umask)
			}
			for _, name := range st.Functions {
				if !slices.Contains([]string{"builtin", "command", "declare", "printf", "eval", "set", "unset", "umask", "alias", "exit", "command_not_found_handle"}, name) {
					t.Errorf("a function %q", name)
				}
			}
		})
	}
}
