// Package oracle holds a session against the shell itself: every snippet runs in a plain process and in a session, and
// must come to the same output, status and files. With the build tag portable the session's shell is driven as those on
// other machines are.
package oracle

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
)

//go:embed *.txt
var tables embed.FS

// limit is far more than any snippet needs; a session that reaches it hangs.
const limit = 20 * time.Second

// The sessions' base environment; the plain shell gets it too.
var base = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8", "TERM=dumb", "PAGER=cat"}

type snippet struct {
	name, text string
	// differs holds the intended differences: shell name ("" for all) to the fields that must differ. Before the name, or in
	// its place, stands "far" where the difference is one of shells on other machines.
	differs map[string][]string
}

// fieldsFor returns the fields that must differ in one shell.
func (s snippet) fieldsFor(shell string) []string {
	names := []string{shell, ""}
	if far {
		names = []string{"far " + shell, "far", shell, ""}
	}
	for _, name := range names {
		if fields, ok := s.differs[name]; ok {
			return fields
		}
	}
	return nil
}

var mark = regexp.MustCompile(`^!! (?:((?:far )?(?:bash|dash|busybox)|far) )?([a-z,?]+): (.+)$`)

func load(t *testing.T, file string) []snippet {
	t.Helper()
	text, err := tables.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []snippet
	for _, part := range strings.Split("\n"+string(text), "\n=== ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		s := snippet{name: name, differs: map[string][]string{}}
		var kept []string
		for _, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
			m := mark.FindStringSubmatch(line)
			if m == nil {
				kept = append(kept, line)
				continue
			}
			s.differs[m[1]] = strings.Split(m[2], ",")
			slices.Sort(s.differs[m[1]])
		}
		s.text = strings.Join(kept, "\n")
		all = append(all, s)
	}
	return all
}

type outcome struct{ stdout, stderr, exit, files string }

func TestSessionIsTheShell(t *testing.T) {
	portable, bash := load(t, "portable.txt"), load(t, "bash.txt")
	if n := len(portable) + len(bash); n < 120 {
		t.Fatalf("%d snippets", n)
	}
	for _, shell := range []string{"bash", "dash", "busybox"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Fatalf("%v; ./build.sh test installs it", err)
		}
		snippets := portable
		if shell == "bash" {
			snippets = slices.Concat(portable, bash)
		}
		for _, s := range snippets {
			t.Run(shell+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				plain, ours := runPlain(t, path, s.text), runSession(t, path, s.text)
				var differ []string
				for _, f := range []struct{ name, plain, ours string }{
					{"exit", plain.exit, ours.exit}, {"files", plain.files, ours.files},
					{"stderr", plain.stderr, ours.stderr}, {"stdout", plain.stdout, ours.stdout},
				} {
					if f.plain != f.ours {
						differ = append(differ, f.name)
					}
				}
				if want := s.fieldsFor(shell); !asMeant(differ, want) {
					t.Errorf("differ in %v, meant to differ in %v\n%s\nplain:   %+v\nsession: %+v", differ, want, s.text, plain, ours)
				}
			})
		}
	}
}

// asMeant says whether exactly the fields of want differ, and at most those with a question mark.
func asMeant(differ, want []string) bool {
	for _, f := range want {
		name, maybe := strings.CutSuffix(f, "?")
		i := slices.Index(differ, name)
		if i < 0 && !maybe {
			return false
		}
		if i >= 0 {
			differ = slices.Delete(differ, i, i+1)
		}
	}
	return len(differ) == 0
}

// arguments gives the applet of a busybox.
func arguments(path string, more ...string) []string {
	if filepath.Base(path) == "busybox" {
		return append([]string{"sh"}, more...)
	}
	return more
}

func runPlain(t *testing.T, path, text string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	dir := t.TempDir()
	c := exec.CommandContext(ctx, path, arguments(path, "-c", text)...)
	var stdout, stderr bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, base, &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), messages(stderr.String(), dir), fmt.Sprint(c.ProcessState.ExitCode()), files(t, dir)}
}

func runSession(t *testing.T, path, text string) outcome {
	t.Helper()
	policy, err := execkit.LoadPolicy([]byte(`{"intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := execkit.Open(t.Context(), "local", execkit.Config{
		Cwd: dir, BaseEnv: base, Shell: path, Policy: policy, Redact: &execkit.RedactOptions{Disabled: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	timeout := limit
	if far && strings.Contains(text, "set -n") {
		timeout = time.Second // only bash goes on
	}
	r, err := s.Exec(t.Context(), text, execkit.ExecOptions{Raw: true, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExitCode == nil && !r.ShellExited {
		t.Fatalf("no status: %+v", r)
	}
	exit := "unknown"
	if r.TimedOut {
		exit = "timed out"
	} else if r.ExitCode != nil {
		exit = fmt.Sprint(*r.ExitCode)
	}
	if !r.ShellExited {
		// Whatever the snippet set, the session must still tell the truth about the next command.
		if next, err := s.Exec(t.Context(), "(\\exit 6)", execkit.ExecOptions{Timeout: limit}); err != nil || next.ExitCode == nil || *next.ExitCode != 6 && !strings.Contains(text, "set -n") && !strings.Contains(text, "set -e") {
			t.Errorf("afterwards: %+v, %v", next, err)
		}
	}
	return outcome{decode(t, r.Stdout), messages(decode(t, r.Stderr), dir), exit, files(t, dir)}
}

func decode(t *testing.T, text string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// own is how a shell begins a message: its name, and where it was.
var own = regexp.MustCompile(`(?m)^(?:\S*/)?(?:bash|dash|busybox|sh|environment): (?:(?:-c|line|eval|exec)(?:: | ))*(?:\d+: )?(?:eval: )?(?:exec: )?(?:\.: )?(?:line \d+: )?`)

var pids = regexp.MustCompile(`(?m)^(\s*)\d{3,}( (?:Killed|Terminated))`)

// messages takes away what names the shell, the directory and a process.
func messages(text, dir string) string {
	text = own.ReplaceAllString(strings.ReplaceAll(text, dir, "DIR"), "SHELL: ")
	return pids.ReplaceAllString(text, "${1}PID$2")
}

// files lists the tree with modes and contents.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(text)
		case info.Mode()&fs.ModeSymlink != 0:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%s %v %q\n", strings.TrimPrefix(path, dir), info.Mode(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
