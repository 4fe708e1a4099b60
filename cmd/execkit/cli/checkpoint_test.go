package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/wire"
)

// desk is a workspace and a person at a terminal who has written down the answers.
type desk struct {
	t           *testing.T
	root, store string
	typed       string // "" is no terminal
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	base := t.TempDir()
	d := &desk{t: t, root: filepath.Join(base, "project"), store: filepath.Join(base, "store")}
	if err := os.Mkdir(d.root, 0o700); err != nil {
		t.Fatal(err)
	}
	// The commands of exec keep theirs in the usual place.
	t.Setenv("XDG_DATA_HOME", filepath.Join(base, "data"))
	return d
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.root, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) read(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.root, name))
	if err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	return string(text)
}

// run calls execkit with the workspace of the desk.
func (d *desk) run(word string, args ...string) (status int, stdout, stderr string) {
	d.t.Helper()
	var out, messages bytes.Buffer
	a := &app{ctx: d.t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &messages, terminal: noTerminal}
	if d.typed != "" {
		a.terminal = func() (io.ReadWriteCloser, error) { return &paper{Reader: strings.NewReader(d.typed)}, nil }
	}
	status = run(a, append([]string{word, "--workspace", d.root}, args...))
	return status, out.String(), messages.String()
}

// ok is run for what has to succeed.
func (d *desk) ok(word string, args ...string) (stdout, stderr string) {
	d.t.Helper()
	status, stdout, stderr := d.run(word, args...)
	if status != 0 {
		d.t.Fatalf("%v: %d %q %q", args, status, stdout, stderr)
	}
	return stdout, stderr
}

func (d *desk) checkpoint() string {
	d.t.Helper()
	id, _ := d.ok("checkpoint", "create", "--label", "good")
	return strings.TrimSpace(id)
}

func TestCheckpointsOnTheCommandLine(t *testing.T) {
	d := newDesk(t)
	d.write("a.txt", "one\n")
	id := d.checkpoint()
	if id == "" || strings.ContainsAny(id, " \n") {
		t.Fatalf("%q", id)
	}
	d.ok("exec", "--cwd", d.root, "--", "echo two >a.txt; echo new >b.txt")

	list, _ := d.ok("checkpoint", "list")
	if !strings.Contains(list, id) || !strings.Contains(list, "good") || !strings.Contains(list, "before: echo two >a.txt; echo new >b.txt (2 changed)") {
		t.Errorf("%q", list)
	}
	patch, messages := d.ok("checkpoint", "diff", id)
	if !strings.Contains(patch, "-one\n+two\n") || !strings.Contains(patch, "+new\n") || messages != "" {
		t.Errorf("%q %q", patch, messages)
	}
	if patch, _ = d.ok("checkpoint", "diff", id, "--path", "b.txt"); strings.Contains(patch, "a.txt") {
		t.Errorf("%q", patch)
	}
	told, _ := d.ok("checkpoint", "restore", id, "--preview")
	if !strings.Contains(told, "replace a.txt\n") || !strings.Contains(told, "delete  b.txt\n") || d.read("a.txt") != "two\n" {
		t.Errorf("%q %q", told, d.read("a.txt"))
	}
	_, messages = d.ok("checkpoint", "restore", id)
	if d.read("a.txt") != "one\n" || d.read("b.txt") != "" {
		t.Errorf("%q %q", d.read("a.txt"), d.read("b.txt"))
	}
	_, back, _ := strings.Cut(messages, "checkpoint restore ")
	back, _, _ = strings.Cut(back, " ")
	if d.ok("checkpoint", "restore", back); d.read("a.txt") != "two\n" || d.read("b.txt") != "new\n" {
		t.Errorf("the restore was not taken back: %q %q", d.read("a.txt"), d.read("b.txt"))
	}
	if out, messages := d.ok("checkpoint", "delete", id); out != "" || !strings.Contains(messages, id) {
		t.Errorf("%q %q", out, messages)
	}
	if list, _ := d.ok("checkpoint", "list"); strings.Contains(list, id) || !strings.Contains(list, back) {
		t.Errorf("%q", list)
	}
}

func TestCheckpointsLeaveAloneWhatAPersonChanged(t *testing.T) {
	d := newDesk(t)
	d.write("a.txt", "one\n")
	id := d.checkpoint()
	d.write("a.txt", "mine\n")
	status, _, messages := d.run("checkpoint", "restore", id)
	if status != exitPartly || !strings.Contains(messages, "left alone: a.txt") || !strings.Contains(messages, "--overwrite") || d.read("a.txt") != "mine\n" {
		t.Errorf("%d %q %q", status, messages, d.read("a.txt"))
	}
	if d.ok("checkpoint", "restore", id, "--overwrite"); d.read("a.txt") != "one\n" {
		t.Errorf("%q", d.read("a.txt"))
	}
}

func TestCheckpointsAsJSON(t *testing.T) {
	d := newDesk(t)
	d.write("a.txt", "one\n")
	var created struct {
		OK     bool
		Result wire.Checkpoint
	}
	out, messages := d.ok("checkpoint", "create", "--json", "--store", d.store)
	if err := json.Unmarshal([]byte(out), &created); err != nil || !created.OK || created.Result.Files != 1 || messages != "" {
		t.Fatalf("%v %q %q", err, out, messages)
	}
	for _, tt := range []struct {
		args, want string
	}{
		{"list", `"checkpoints":[{"id":"` + created.Result.ID},
		{"diff ID", `"patch":""`},
		{"restore ID", `"saved":"`},
		{"delete ID", `{"ok":true,"result":{}}`},
	} {
		args := strings.Fields(strings.ReplaceAll(tt.args, "ID", created.Result.ID))
		out, messages := d.ok("checkpoint", append(args, "--json", "--store", d.store)...)
		if !strings.Contains(out, tt.want) || strings.Count(out, "\n") != 1 || messages != "" {
			t.Errorf("%v: %q %q", args, out, messages)
		}
	}
	if _, err := os.Stat(d.store); err != nil {
		t.Error(err)
	}
}

// The policy has a person asked, at the terminal and nowhere else.
func TestCheckpointsAskAtTheTerminal(t *testing.T) {
	d := newDesk(t)
	d.write("a.txt", "one\n")
	id := d.checkpoint()
	d.ok("exec", "--cwd", d.root, "--", "echo two >a.txt")
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default":"allow","ask":["execkit checkpoint"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"diff", "restore", "delete"} {
		for _, tt := range []struct{ typed, want string }{{"", "no terminal to ask at"}, {"no\n", "did not approve"}} {
			d.typed = tt.typed
			status, out, messages := d.run("checkpoint", word, id, "--policy", policy)
			if status != exitBlocked || out != "" || !strings.Contains(messages, tt.want) || d.read("a.txt") != "two\n" {
				t.Errorf("%s %q: %d %q %q", word, tt.typed, status, out, messages)
			}
		}
		d.typed = "yes\n"
		d.ok("checkpoint", word, id, "--policy", policy)
		if word == "restore" {
			if d.read("a.txt") != "one\n" {
				t.Errorf("%q", d.read("a.txt"))
			}
			d.write("a.txt", "two\n")
		}
	}
}

func TestCheckpointMistakes(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct {
		args   string
		status int
		want   string
	}{
		{"", 125, "say create, list, diff, restore or delete"},
		{"lst", 125, `"list"`},
		{"restore", 125, "the checkpoint is missing"},
		{"create x", 125, "one argument too many"},
		{"diff a b c", 125, "one argument too many"},
		{"restore nothing", 125, "nothing"},
		{"delete ../../etc", 125, "../../etc"},
		{"list --worksapce x", 125, `"--workspace"`},
		{"list --workspace /nonexistent/x", 125, "/nonexistent/x"},
		{"list --workspace /", 125, "allow"},
		{"diff x --max-bytes -1", 125, "max_bytes"},
		{"create --policy testdata/nothing.yaml", 125, "nothing.yaml"},
		{"diff x --policy testdata/fence.yaml", 126, "blocked"},
		{"list --json restore", 125, ""},
	} {
		t.Run(tt.args, func(t *testing.T) {
			status, out, messages := d.run("checkpoint", strings.Fields(tt.args)...)
			if status != tt.status || !strings.Contains(messages, tt.want) || strings.Contains(tt.args, "--json") != (out != "") {
				t.Errorf("%d %q %q", status, out, messages)
			}
		})
	}
}

// A label is text of whoever made the checkpoint, and must not drive the terminal of who looks at the list.
func TestCheckpointListIsPlain(t *testing.T) {
	d := newDesk(t)
	d.ok("checkpoint", "create", "--label", "a\x1b]0;owned\x07\u202eb\nfake line")
	d.write("x\x1b[2Jy", "text")
	id := d.checkpoint()
	d.ok("exec", "--cwd", d.root, "--", `for f in x*; do mv "$f" plain; done`)
	list, _ := d.ok("checkpoint", "list")
	told, _ := d.ok("checkpoint", "restore", id)
	if strings.ContainsAny(list+told, "\x1b\x07\u202e") || strings.Contains(list, "\nfake") || !strings.Contains(told, "create  x") {
		t.Errorf("%q %q", list, told)
	}
}
