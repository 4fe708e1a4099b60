package engine

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func startProgram(t *testing.T, name string, args ...string) int {
	t.Helper()
	c := exec.Command(name, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c.Process.Pid
}

// Time counts for a process that waits, was stopped or is gone, and not for one that has no processor.
func TestRunner(t *testing.T) {
	sleeper := startProgram(t, "sleep", "600")
	const d = 7 * time.Millisecond
	// A program that was just started is on its way to its sleep.
	for deadline := time.Now().Add(plenty); wantsProcessor(sleeper) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for _, pid := range []int{sleeper, 1 << 29} {
		r := runner{pid: pid, used: processorTime(pid)}
		if got := r.ran(pid, d); got != d {
			t.Errorf("process %d: %v of %v", pid, got, d)
		}
	}
	// Four on one processor get a quarter each.
	var first int
	var one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if one.IsSet(cpu) {
			one.Zero()
			one.Set(cpu)
			break
		}
	}
	for range 4 {
		first = startProgram(t, "sh", "-c", "while :; do :; done")
		if err := unix.SchedSetaffinity(first, &one); err != nil {
			t.Fatal(err)
		}
	}
	r := runner{pid: first, used: processorTime(first)}
	begin := time.Now()
	var ran time.Duration
	for wall := time.Duration(0); wall < time.Second; wall = time.Since(begin) {
		time.Sleep(5 * time.Millisecond)
		ran += r.ran(first, 5*time.Millisecond)
	}
	if wall := time.Since(begin); ran <= 0 || ran > wall*6/10 {
		t.Errorf("one of four ran for %v of %v", ran, wall)
	}
}
