package execkit_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/snapshot"
	"github.com/execkit/execkit/core/wire"
)

// The key pair is for these tests alone.
const (
	recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
	identity  = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
)

func save(t *testing.T, s *execkit.Session, r wire.SnapshotSave) (*wire.SnapshotSaved, []byte) {
	t.Helper()
	r.Recipients = []string{recipient}
	saved, err := s.SaveSnapshot(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	data, err := base64.StdEncoding.DecodeString(saved.DataB64)
	if err != nil {
		t.Fatal(err)
	}
	return saved, data
}

func restoreSnapshot(t *testing.T, data []byte, c execkit.Config) (*execkit.Session, *wire.SnapshotRestored) {
	t.Helper()
	snap, err := execkit.LoadSnapshot("", data, "", []string{identity})
	if err != nil {
		t.Fatal(err)
	}
	s, r, err := execkit.RestoreSnapshot(context.Background(), "local", snap, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, r
}

func session(t *testing.T, c execkit.Config) *execkit.Session {
	t.Helper()
	s, err := execkit.Open(context.Background(), "local", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := session(t, execkit.Config{Cwd: dir, Policy: anything(t)})
	for _, command := range []string{
		"mkdir 'a b'; cd 'a b'; umask 027; export COLOR='r e\nd' API_TOKEN=abcdefgh12345678; unset LANG",
		"greet() { cat <<E\nhello $1\nbuiltin () \n{ \nE\n}",
		"builtin() { command echo mine \"$@\"; }",
		"leak() { curl -H 'Authorization: Bearer abcdefghijklmnop0123456789abcdef' x; }",
		"alias ll='ls -l'; shopt -s globstar; set -o pipefail",
	} {
		mustRun(t, s, command)
	}
	saved, data := save(t, s, wire.SnapshotSave{})
	if want := []string{"variable API_TOKEN", "function leak"}; !slices.Equal(saved.Redacted, want) {
		t.Errorf("redacted %q, want %q", saved.Redacted, want)
	}
	again, r := restoreSnapshot(t, data, execkit.Config{Policy: anything(t)})
	if len(r.Refused) > 0 {
		t.Errorf("refused %+v", r.Refused)
	}
	got := mustRun(t, again, "pwd; umask; printf '%s\\n' \"$COLOR\" \"${API_TOKEN-none}\" \"${LANG-unset}\"; greet you; builtin x; type -t ll leak; shopt globstar; set -o | grep pipefail").Stdout
	want := dir + "/a b\n0027\nr e\nd\nnone\nunset\nhello you\nbuiltin () \n{ \nmine x\nalias\n"
	if !strings.HasPrefix(got, want) || strings.Count(got, "\ton") != 2 {
		t.Errorf("got %q, want %q", got, want)
	}
	_, data = save(t, s, wire.SnapshotSave{IncludeSecrets: true})
	again, _ = restoreSnapshot(t, data, execkit.Config{Policy: anything(t)})
	if got := mustRun(t, again, "test $API_TOKEN = abcdefgh12345678 && type -t leak").Stdout; got != "function\n" {
		t.Errorf("with secrets: %q", got)
	}
}

// A snapshot is code from a file: the policy of the new session decides about it.
func TestSnapshotGoesThroughThePolicy(t *testing.T) {
	s := session(t, execkit.Config{Cwd: t.TempDir(), Policy: anything(t)})
	mustRun(t, s, "wipe() { rm -rf /; }; fine() { echo fine; }; alias boom='rm -rf /'; alias ok='echo ok'; export LD_PRELOAD= PAGER=evil")
	_, data := save(t, s, wire.SnapshotSave{})
	again, r := restoreSnapshot(t, data, execkit.Config{})
	refused := ""
	for _, one := range r.Refused {
		refused += one.Kind + " " + one.Name + ", "
	}
	if refused != "function wipe, alias boom, " {
		t.Errorf("refused %s", refused)
	}
	if got := mustRun(t, again, "fine; type -t wipe boom").Stdout; got != "fine\n" {
		t.Errorf("%q", got)
	}
	fence, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["echo"]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, r = restoreSnapshot(t, data, execkit.Config{Policy: fence})
	refused = ""
	for _, one := range r.Refused {
		refused += one.Kind + " " + one.Name + ", "
	}
	for _, name := range []string{"function wipe", "alias boom", "variable LD_PRELOAD", "variable PAGER"} {
		if !strings.Contains(refused, name) {
			t.Errorf("%s was not refused: %s", name, refused)
		}
	}
}

// Whoever has the key can write anything into a snapshot.
func TestHostileSnapshot(t *testing.T) {
	data, err := snapshot.Seal(snapshot.State{
		Cwd: "/; touch owned", Umask: "022; touch owned", Options: []string{"errexit; touch owned", "noexec"}, Shopt: []string{"x; touch owned"},
		Set:       map[string]string{"BASH_ENV": "/tmp/x", "PROMPT_COMMAND": "touch owned", "BASH_FUNC_ls%%": "() { touch owned; }", "A B": "x", "PS1": "$(touch owned)"},
		Functions: map[string]string{"f": "f () { :; }; touch owned", "g": "touch owned", "h; touch owned": "h () { :; }"},
		Aliases:   map[string]string{"a; touch owned": "x", "b": "echo '; touch owned"},
	}, snapshot.Keys{Recipients: []string{recipient}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, r := restoreSnapshot(t, data, execkit.Config{Cwd: dir, Policy: anything(t)})
	mustRun(t, s, "true")
	mustRun(t, s, "true")
	if _, err := os.Stat(filepath.Join(dir, "owned")); err == nil {
		t.Errorf("code ran: %+v", r)
	}
}

func TestSnapshotFiles(t *testing.T) {
	s := session(t, execkit.Config{Cwd: t.TempDir()})
	path := filepath.Join(t.TempDir(), "snap")
	if _, err := s.SaveSnapshot(context.Background(), wire.SnapshotSave{Path: path, Recipients: []string{recipient}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := execkit.LoadSnapshot(path, nil, "", []string{identity}); err != nil {
		t.Error(err)
	}
	for _, path := range []string{t.TempDir(), "/nonexistent"} {
		if _, err := execkit.LoadSnapshot(path, nil, "", []string{identity}); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Error(err)
		}
	}
	if _, err := s.SaveSnapshot(context.Background(), wire.SnapshotSave{Path: "/nonexistent/x", Recipients: []string{recipient}}); !errors.Is(err, execkit.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := s.SaveSnapshot(context.Background(), wire.SnapshotSave{Path: path}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Error(err)
	}
}
