package execkit_test

import (
	"bytes"
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/policy"
)

// What the shell runs under a fence is written anew. It has to do what the original does: the same output, status,
// variables and files.
func TestEmitBehavesAsWritten(t *testing.T) {
	n := 0
	for _, c := range policyCases(t, "policy-benign") {
		raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": c.Allow, "deny": append([]string{}, c.Deny...), "intercept": "off"})
		p, err := policy.Load(raw)
		if err != nil {
			t.Fatal(err)
		}
		s := p.NewSession()
		emitted, original := "", ""
		for _, command := range append(append([]string{}, c.Setup...), c.Command) {
			d, script := s.CheckScript(command)
			if d.Decision != policy.Allow {
				emitted = ""
				break
			}
			s.Observe(command)
			emitted, original = emitted+script.Emit()+"\n", original+command+"\n"
		}
		if emitted == "" || slow.MatchString(c.Command) || volatile.MatchString(c.Command) {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			want, got := behaviour(t, original), behaviour(t, emitted)
			for what, text := range want {
				if got[what] != text {
					t.Errorf("%q became %q: %s is\n%q, was\n%q", original, emitted, what, got[what], text)
				}
			}
		})
	}
	if n < 40 {
		t.Errorf("only %d commands were compared", n)
	}
}

// behaviour runs a script in a directory of its own and returns everything that it did.
func behaviour(t *testing.T, script string) map[string]string {
	top := t.TempDir()
	dir := filepath.Join(top, "work")
	world(t, dir)
	if strings.Contains(script, "git") {
		repository(t, dir)
	}
	variables := filepath.Join(top, "variables")
	cmd := osexec.Command("bash", "--norc", "--noprofile", "-O", "expand_aliases", "-c",
		`trap 'ek_status=$?; trap - EXIT; unset EK_SCRIPT; { shopt; set -o; umask; declare -F; set -o posix; set; } >"$EK_VARIABLES"; exit $ek_status' EXIT; eval "$EK_SCRIPT"`)
	cmd.Dir = dir
	// Nothing can be made below such a home, not even by root.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/dev/null", "LANG=C.UTF-8", "EK_SCRIPT=" + script, "EK_VARIABLES=" + variables, "GIT_CONFIG_NOSYSTEM=1"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	said, err := os.ReadFile(variables)
	if err != nil {
		t.Errorf("%q: %v", script, err)
	}
	files := fileTexts(t, dir)
	clean := func(text string) string { return strings.ReplaceAll(text, top, "TOP") }
	return map[string]string{
		"stdout": clean(stdout.String()), "stderr": lineNumber.ReplaceAllString(clean(stderr.String()), "line N"), "status": cmd.ProcessState.String(),
		"variables": clean(ownVariables.ReplaceAllString(string(said), "")), "files": clean(files),
	}
}

var (
	lineNumber   = regexp.MustCompile(`line \d+`)
	ownVariables = regexp.MustCompile(`(?m)^(EK_SCRIPT|_|BASH\w*|PPID|RANDOM|SRANDOM|SECONDS|EPOCH\w*|LINENO|PIPESTATUS|FUNCNAME)=.*(\n'.*)*\n?`)
)

func fileTexts(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == ".git" && entry.IsDir() {
			if entry != nil && entry.IsDir() {
				return filepath.SkipDir
			}
			return err
		}
		b.WriteString(path + " " + entry.Type().String())
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.WriteString(" " + string(text))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
