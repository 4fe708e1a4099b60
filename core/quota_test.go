package execkit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// overQuota runs a command that must come to a quota, and returns the error.
func overQuota(t *testing.T, s *execkit.Session, command, quota string) *errdefs.Error {
	t.Helper()
	r, err := s.Exec(context.Background(), command, execkit.ExecOptions{Timeout: 2 * patience})
	var e *errdefs.Error
	if !errors.As(err, &e) || !errors.Is(err, execkit.ErrQuotaExceeded) || e.Details["quota"] != quota {
		t.Fatalf("%s: want quota %s, got %+v, %v", command, quota, r, err)
	}
	return e
}

func TestQuotaStopsACommand(t *testing.T) {
	for _, tt := range []struct {
		quota   string
		quotas  execkit.Quotas
		command string
		after   string // the code of the next command, "" where it runs
	}{
		{"cpu_ms", execkit.Quotas{CPU: 300 * time.Millisecond}, "echo begun; while :; do :; done", "quota_exceeded"},
		{"cpu_ms", execkit.Quotas{CPU: 300 * time.Millisecond}, "echo begun; yes >/dev/null", "quota_exceeded"},
		{"memory_bytes", execkit.Quotas{MemoryBytes: 64 << 20}, "echo begun; (x=$(head -c 120000000 /dev/zero | tr '\\0' a); sleep 600; echo $x)", ""},
		{"processes", execkit.Quotas{Processes: 20}, "echo begun; for i in {1..40}; do sleep 600 & done; wait", ""},
		{"output_bytes", execkit.Quotas{OutputBytes: 100000}, "echo begun; yes", "quota_exceeded"},
		{"output_bytes", execkit.Quotas{OutputBytes: 100000}, "echo begun; yes >&2", "quota_exceeded"},
		{"wall_ms", execkit.Quotas{Wall: 2 * time.Second}, "echo begun; sleep 600", "quota_exceeded"},
	} {
		t.Run(tt.quota, func(t *testing.T) {
			t.Parallel()
			s := open(t, execkit.Config{Quotas: tt.quotas, Policy: trusting(t)})
			e := overQuota(t, s, tt.command, tt.quota)
			result, _ := e.Details["result"].(*execkit.Result)
			if e.Outcome != errdefs.Ran || result == nil || !strings.HasPrefix(result.Stdout, "begun\n") {
				t.Fatalf("%+v", e)
			}
			r, err := s.Exec(context.Background(), "echo on", execkit.ExecOptions{Timeout: patience})
			switch {
			case tt.after == "" && (err != nil || r.Stdout != "on\n"):
				t.Fatalf("the session does not go on: %+v, %v", r, err)
			case tt.after != "" && (err == nil || string(errdefs.From(err).Code) != tt.after || errdefs.From(err).Outcome != errdefs.NotRun):
				t.Fatalf("the next command: %+v, %v", r, err)
			}
		})
	}
}

// A process that leaves the terminal and its parent at once counts on where the kernel keeps a group for the session. Where
// it does not, session.create says so, and the kernel ends the process by itself.
func TestQuotaOfAnEscape(t *testing.T) {
	s := open(t, execkit.Config{Quotas: execkit.Quotas{CPU: 300 * time.Millisecond}, Policy: trusting(t)})
	by := s.Info().Enforcement
	if by["quotas_by"] != "cgroup" {
		if why, _ := by["quotas_missing"].(string); by["quotas_by"] != "process table" || why == "" {
			t.Fatalf("%+v", by)
		}
		t.Skip(by["quotas_missing"])
	}
	overQuota(t, s, "setsid -f sh -c 'echo $$ >pid; while :; do :; done' >/dev/null 2>&1; sleep 600", "cpu_ms")
	pid, err := os.ReadFile(filepath.Join(s.Info().Cwd, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z")
	})
}

func TestQuotaOfCommands(t *testing.T) {
	s, path := audited(t, execkit.Config{Quotas: execkit.Quotas{Commands: 2, OutputBytes: 1 << 20}}, execkit.AuditOptions{})
	exec(t, s, "echo 1")
	if r := exec(t, s, "sleep 600 & echo $!"); len(r.Jobs) != 1 {
		t.Fatalf("%+v", r)
	}
	if e := overQuota(t, s, "touch ran", "commands"); e.Outcome != errdefs.NotRun || e.Session != errdefs.Usable {
		t.Fatalf("%+v", e)
	}
	// What was allowed goes on, and the session can be asked what came of it.
	if jobs := s.Jobs(); len(jobs) != 1 || jobs[0].State != "running" {
		t.Fatalf("%+v", jobs)
	}
	used := s.Quotas()
	if len(used) != 2 || *used["commands"].Used != 2 || used["commands"].Limit != 2 || *used["output_bytes"].Used < 4 {
		t.Fatalf("%+v", used)
	}
	s.Close()
	refused, reached := records(t, path, "block"), records(t, path, "quota")
	if len(refused) != 1 || refused[0].Code != "quota_exceeded" || len(reached) != 1 || reached[0].Data["quota"] != "commands" {
		t.Fatalf("%+v, %+v", refused, reached)
	}
}

// What ends one way while another is being asked about must not be told as that.
func TestQuotaInTheRecord(t *testing.T) {
	s, path := audited(t, execkit.Config{Quotas: execkit.Quotas{OutputBytes: 1000}}, execkit.AuditOptions{})
	overQuota(t, s, "yes", "output_bytes")
	s.Close()
	outcomes := records(t, path, "outcome")
	if len(outcomes) != 1 || outcomes[0].Code != "quota_exceeded" || outcomes[0].StdoutBytes > 1000 {
		t.Fatalf("%+v", outcomes)
	}
}

func TestOutputQuotaIsExact(t *testing.T) {
	s := open(t, execkit.Config{Quotas: execkit.Quotas{OutputBytes: 10}})
	if r := exec(t, s, "printf 12345"); r.Stdout != "12345" {
		t.Fatalf("%+v", r)
	}
	e := overQuota(t, s, "printf 6789ßääää", "output_bytes") // the tenth byte is half of a letter
	if r := e.Details["result"].(*execkit.Result); r.Stdout != "6789" || r.Encoding != "utf-8" {
		t.Fatalf("%+v", r)
	}
}

func TestFileQuota(t *testing.T) {
	s := open(t, execkit.Config{Quotas: execkit.Quotas{FileBytes: 1 << 20}})
	r := exec(t, s, "head -c 3M /dev/zero >big; wc -c <big; head -c 1000 /dev/zero | wc -c")
	if got := strings.Fields(r.Stdout); len(got) != 2 || got[0] != "1048576" || got[1] != "1000" {
		t.Fatalf("%+v", r)
	}
	// Output goes through pipes and is no file.
	if r := exec(t, s, "head -c 3M /dev/zero | tr '\\0' a"); r.Budget["stdout"].BytesTotal != 3<<20 {
		t.Fatalf("%+v", r.Budget["stdout"])
	}
}

// What is left in the background counts while no command runs, and the next result says what became of it.
func TestQuotaInTheBackground(t *testing.T) {
	dir := t.TempDir()
	s := open(t, execkit.Config{Cwd: dir, Quotas: execkit.Quotas{Processes: 5}, Policy: trusting(t)})
	exec(t, s, "mkfifo go; (read x <go; for i in {1..20}; do sleep 600 & done; wait) >/dev/null 2>&1 &")
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool {
		r, err := s.Exec(context.Background(), ":", execkit.ExecOptions{})
		if errors.Is(err, execkit.ErrQuotaExceeded) {
			return true // it was measured while this one ran
		}
		return err == nil && strings.Contains(r.Hint, "processes is 5")
	})
	waitUntil(t, func() bool {
		return !slices.ContainsFunc(s.Jobs(), func(j wire.JobInfo) bool { return j.State != "ended" })
	})
}

func TestWallQuotaEndsTheSession(t *testing.T) {
	s := open(t, execkit.Config{Quotas: execkit.Quotas{Wall: 300 * time.Millisecond}})
	waitUntil(t, func() bool { return s.Ended() != nil })
	_, err := s.State(context.Background())
	if e := errdefs.From(err); e.Code != errdefs.QuotaExceeded || e.Session != errdefs.Closed || e.Details["quota"] != "wall_ms" {
		t.Fatalf("%+v", err)
	}
}

func TestIdleTimeout(t *testing.T) {
	const idle = 1000 * time.Millisecond
	s, path := audited(t, execkit.Config{IdleTimeout: idle}, execkit.AuditOptions{})
	// A command that runs longer is a use of the session, and so is each call.
	if r := exec(t, s, "sleep 2; echo on"); r.Stdout != "on\n" {
		t.Fatalf("%+v", r)
	}
	waitUntil(t, func() bool { return s.Ended() != nil })
	for range 2 {
		_, err := s.Exec(context.Background(), "echo late", execkit.ExecOptions{})
		if e := errdefs.From(err); e.Code != errdefs.SessionClosed || e.Session != errdefs.Closed || e.Details["reason"] != "idle_timeout_ms" || !strings.Contains(e.Message, "1000 ms") {
			t.Fatalf("%v", err)
		}
	}
	waitUntil(t, func() bool {
		ends := records(t, path, "close")
		return len(ends) == 1 && strings.Contains(ends[0].Reason, "idle_timeout_ms")
	})
}

func TestQuotasAreChecked(t *testing.T) {
	for field, c := range map[string]execkit.Config{
		"quotas.commands":     {Quotas: execkit.Quotas{Commands: -1}},
		"quotas.memory_bytes": {Quotas: execkit.Quotas{MemoryBytes: 4096}},
		"idle_timeout_ms":     {IdleTimeout: -1},
	} {
		_, err := execkit.Open(context.Background(), "local", c)
		if e := errdefs.From(err); e.Code != errdefs.InvalidArgument || e.Details["field"] != field || e.Hint == "" {
			t.Errorf("%s: %+v", field, err)
		}
	}
}
