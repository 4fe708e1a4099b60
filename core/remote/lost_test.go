package remote

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/transport/transporttest"
)

// living says whether a process of this machine runs.
func living(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// background starts a program that a shell leaves running, below words that start another, and returns its pid.
func background(t *testing.T, s *Shell, words string) int {
	t.Helper()
	r := run(s, words+" sleep 300 >/dev/null 2>&1 & echo $!", quick)
	pid, err := strconv.Atoi(strings.TrimSpace(r.out))
	if err != nil {
		t.Fatalf("%q %+v", r.out, r.Outcome)
	}
	return pid
}

// untagged starts one that nothing but the number of its group tells to be the shell's.
func untagged(t *testing.T, s *Shell) int {
	t.Helper()
	pid := background(t, s, "env -u "+tagName)
	eventually(t, "it has no tag", func() bool {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		return err == nil && len(environ) > 0 && !strings.Contains(string(environ), s.tag)
	})
	return pid
}

// A connection is one that a program shares with others.
type connection struct {
	transport.Process
	carrier *int
}

func (c connection) Carrier() any { return c.carrier }

// share has the programs of a target share a connection, and next another one.
func share(l *transporttest.Local) (next func()) {
	var now atomic.Pointer[int]
	next = func() { now.Store(new(int)) }
	next()
	l.Wrap = func(p transport.Process) transport.Process { return connection{p, now.Load()} }
	return next
}

// lose breaks the connections of a shell, which finds out. Its programs hear of it when notice is called.
func lose(t *testing.T, l *transporttest.Local, s *Shell) (notice func()) {
	t.Helper()
	notice, err := l.Lose()
	if err != nil {
		t.Fatal(err)
	}
	if r := run(s, "true", quick); !r.Lost {
		t.Fatalf("%+v", r.Outcome)
	}
	s.Close()
	return notice
}

// A steward that hears late of the break of its connection ends what was started on it, and nothing of the shell that the
// session has had since.
func TestLateSteward(t *testing.T) {
	for _, shared := range []bool{false, true} {
		for _, shell := range shells {
			t.Run(fmt.Sprintf("%s/shared=%v", shell, shared), func(t *testing.T) {
				l := local(t)
				next := func() {}
				if shared {
					next = share(l)
				}
				h := NewHost(l)
				defer h.Close()
				defer l.Close()
				before, err := h.Start(context.Background(), Options{Shells: []string{shell}})
				if err != nil {
					t.Fatal(err)
				}
				known := background(t, before, "")
				unknown := untagged(t, before)
				steward := h.guardian.steward.pid

				notice := lose(t, l, before)
				next()
				if !living(known) || !living(steward) {
					t.Fatal("the target has heard of the break")
				}
				after, err := h.Start(context.Background(), Options{Shells: []string{shell}})
				if err != nil {
					t.Fatal(err)
				}
				defer after.Close()
				eventually(t, "the lost shell ends before the target hears of the break", func() bool { return !living(known) && !living(before.pid) })
				ours := background(t, after, "")

				notice()
				eventually(t, "the late steward ends", func() bool { return !living(steward) })
				if living(unknown) {
					t.Error("it left a program of its connection")
				}
				if r := run(after, "echo on", quick); !living(ours) || r.out != "on\n" {
					t.Errorf("it ended the new shell's program: %q %+v", r.out, r.Outcome)
				}
				after.Close()
				eventually(t, "the program ends with its session", func() bool { return !living(ours) })
			})
		}
	}
}

// The number of a lost shell's group may be another's by now, and nobody but the steward that knew it ends that.
func TestLostNumbers(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			l := local(t)
			next := func() {}
			if shared {
				next = share(l)
			}
			h := NewHost(l)
			s, err := h.Start(context.Background(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			other := untagged(t, s) // stands for it: all it has in common is the group
			notice := lose(t, l, s)
			next()
			for range 2 {
				if s, err = h.Start(context.Background(), Options{}); err != nil {
					t.Fatal(err)
				}
				s.Close()
			}
			h.Close()
			if !living(other) {
				t.Error("a group was ended by its number")
			}
			notice()
			eventually(t, "its own steward ends it", func() bool { return !living(other) })
			_ = l.Close()
		})
	}
}
