// Package hostile holds sessions, outputs and files that attack the engine. None may make it hang, crash, tell a
// wrong status, or leave a process, descriptor or goroutine behind.
package hostile

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

// grace is what a stopped command may take beyond its deadline on a busy machine, where the ladder is bounded by 5 s and
// a new shell has to start; an idle one needs half a second.
const grace = 20 * time.Second

// TestMain checks that all tests together left nothing in this process.
func TestMain(m *testing.M) {
	files, goroutines := descriptors(), runtime.NumGoroutine()
	code := m.Run()
	left := ""
	if !eventually(func() bool {
		left = fmt.Sprintf("descriptors %d, were %d; goroutines %d, were %d; children %v",
			descriptors(), files, runtime.NumGoroutine(), goroutines, children())
		// The netpoller keeps two descriptors from its first use on.
		return descriptors() <= files+2 && runtime.NumGoroutine() <= goroutines && len(children()) == 0
	}) && code == 0 {
		fmt.Println("left behind:", left)
		code = 1
	}
	os.Exit(code)
}

func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

func children() []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	return strings.Fields(string(text))
}

// eventually waits until something holds that takes the kernel or the engine a moment.
func eventually(holds func() bool) bool {
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// A victim is a session whose processes can be told from all others.
type victim struct {
	*execkit.Session
	t    testing.TB
	mark string
	dir  string
}

func open(t testing.TB, config execkit.Config) *victim {
	t.Helper()
	policy, err := execkit.LoadPolicy([]byte(`{"intercept":"off"}`))
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, mark: "HOSTILE_TEST=" + rand.Text(), dir: config.Cwd}
	if v.dir == "" {
		v.dir = t.TempDir()
	}
	config.Cwd, config.Policy, config.Redact = v.dir, policy, &execkit.RedactOptions{Disabled: true}
	config.BaseEnv = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", v.mark}, config.BaseEnv...)
	if v.Session, err = execkit.Open(t.Context(), "local", config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.end)
	return v
}

// end closes the session, after which none of its processes may live.
func (v *victim) end() {
	v.Close()
	var left []string
	if !eventually(func() bool { left = v.processes(); return len(left) == 0 }) {
		v.t.Errorf("%d processes outlive the session: %v", len(left), left)
	}
}

func (v *victim) processes() []string {
	var found []string
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		if env, err := os.ReadFile(path); err == nil && bytes.Contains(env, []byte(v.mark)) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			found = append(found, fmt.Sprintf("%s %q", path, command))
		}
	}
	return found
}

// nonce is what a command must never see: the 19 digits that vouch for a status. The smallest possible is what the
// tests forge.
var nonce = regexp.MustCompile(`[0-9]{19}`)

const forged = "1125899906842624000"

func (v *victim) exec(command string, o execkit.ExecOptions) *wire.ExecResult {
	v.t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 60 * time.Second
	}
	begin := time.Now()
	r, err := v.Exec(v.t.Context(), command, o)
	if err != nil {
		v.t.Fatalf("%.200s: %v", command, err)
	}
	if took := time.Since(begin); took > o.Timeout+grace {
		v.t.Errorf("%.200s: took %v", command, took)
	}
	if r.Encoding == "utf-8" && nonce.MatchString(strings.ReplaceAll(r.Stdout+r.Stderr, forged, "")) {
		v.t.Errorf("%.200s: a nonce is in the output: %.300q %.300q", command, r.Stdout, r.Stderr)
	}
	return r
}

// truthful checks that ordinary commands come to what they are, whatever went before. The first may find that the
// shell was lost, and must then say so.
func (v *victim) truthful() {
	v.t.Helper()
	for i, want := range []int{6, 0, 7} {
		r := v.exec(fmt.Sprintf("\\builtin cd /; (exit %d)", want), execkit.ExecOptions{Timeout: 60 * time.Second})
		if i == 0 && r.ShellExited && (r.ExitCode == nil || r.TimedOut) {
			continue
		}
		if r.ExitCode == nil || *r.ExitCode != want || r.ShellExited || r.Cwd != "/" {
			v.t.Errorf("afterwards (%d): %+v, status %s", want, r, status(r))
		}
	}
}

func status(r *wire.ExecResult) string {
	if r.ExitCode == nil {
		return "unknown"
	}
	return strconv.Itoa(*r.ExitCode)
}
