package engine

import (
	"context"
	"io"
	"testing"
	"time"
)

func startWatched(t testing.TB) *Shell {
	t.Helper()
	s, err := Start(context.Background(), Options{Path: "/bin/bash", Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}, Watch: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A watched shell tells every change of what names and words mean, also where the change hides what it tells with.
func TestWatchedState(t *testing.T) {
	for _, tt := range []struct {
		command string
		changes bool
	}{
		{"x=1; cd /tmp; export Y=2; /usr/bin/ls >/dev/null; false", false},
		{"for i in 1 2; do echo $i; done | cat; ((x=3)); read -r y <<<a", false},
		{"ls() { :; }", true}, {"alias ls=rm", true}, {"trap : EXIT", true}, {"trap : DEBUG", true}, {"trap : RETURN", true}, {"IFS=x", true}, {"unset IFS", true},
		{"hash -p /bin/rm ls", true}, {"set -k", true}, {"shopt -s expand_aliases; shopt -s extglob", true}, {"declare -i n", true}, {"declare -n r=PATH", true},
		{"PS4='$(id)'", true}, {"PROMPT_COMMAND=id", true}, {"CDPATH=/x", true}, {"set -a", true}, {"enable -n printf 2>&1", false},
		{"builtin() { :; }", false}, // the report takes it away
		{"builtin() { command builtin \"$@\" | head -0; }; readonly -f builtin", true},
		{"declare() { :; }; alias() { :; }; ls() { :; }", true}, {"alias builtin=: declare=:", true}, {"unset() { :; }; ls() { :; }", true},
		{"unset BASH_ALIASES; alias ls=rm", true}, {"trap() { :; }; command trap : EXIT", true}, {"exec 250>&-; ls() { :; }", true},
	} {
		t.Run(tt.command, func(t *testing.T) {
			t.Parallel()
			s := startWatched(t)
			out := s.Run(context.Background(), Command{Text: tt.command, Timeout: 5 * time.Second, Stdout: io.Discard, Stderr: io.Discard})
			out = s.Run(context.Background(), Command{Text: ":", Timeout: 5 * time.Second, Stdout: io.Discard, Stderr: io.Discard})
			if out.Pristine == "" || (out.State != out.Pristine) != tt.changes {
				t.Errorf("changed %t, want %t\n%s\n---\n%s", out.State != out.Pristine, tt.changes, out.Pristine, out.State)
			}
		})
	}
}

func BenchmarkWatched(b *testing.B) {
	for _, tt := range []struct {
		name string
		s    *Shell
	}{{"free", start(b)}, {"watched", startWatched(b)}} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				run(tt.s, "true", 0)
			}
		})
	}
}
