package ssh_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
)

func dialBare(b *testing.B, s *sshtest.Server) *gossh.Client {
	b.Helper()
	data, err := os.ReadFile(s.Key)
	if err != nil {
		b.Fatal(err)
	}
	key, err := gossh.ParsePrivateKey(data)
	if err != nil {
		b.Fatal(err)
	}
	c, err := gossh.Dial("tcp", fmt.Sprint("127.0.0.1:", s.Port), &gossh.ClientConfig{User: "root",
		Auth: []gossh.AuthMethod{gossh.PublicKeys(key)}, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// bareShell is what a session does on the wire and nothing of what it promises: a line to a shell and a line back.
func bareShell(b *testing.B, s *sshtest.Server) func() {
	c := dialBare(b, s)
	b.Cleanup(func() { _ = c.Close() })
	session, err := c.NewSession()
	if err != nil {
		b.Fatal(err)
	}
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	if err := session.Start("bash --norc --noprofile"); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(out)
	return func() {
		if _, err := io.WriteString(in, "true; echo $?\n"); err != nil {
			b.Fatal(err)
		}
		if line, err := lines.ReadString('\n'); err != nil || line != "0\n" {
			b.Fatal(line, err)
		}
	}
}

// sshArgs are those of the ssh program with a master connection.
func sshArgs(s *sshtest.Server, socket string) []string {
	return []string{"-F", "none", "-p", fmt.Sprint(s.Port), "-i", s.Key, "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=" + s.KnownHosts(),
		"-o", "ControlMaster=auto", "-o", "ControlPath=" + socket, "-o", "ControlPersist=60", "root@127.0.0.1"}
}

// median reports the median of n calls; the machine's other work is in the mean.
func median(b *testing.B, call func()) {
	call()
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begin := time.Now()
		call()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "µs/median")
}

// One `true` in a session that is open, beside its rivals. Those of Python are in EXECKIT_RIVAL_PYTHON, if set.
func BenchmarkTrue(b *testing.B) {
	server := sshtest.Start(b, sshtest.Options{Direct: true})
	b.Run("execkit", func(b *testing.B) {
		s := open(b, configFor(server))
		median(b, func() { exec(b, s, "true") })
	})
	b.Run("bare shell over x crypto", func(b *testing.B) { median(b, bareShell(b, server)) })
	b.Run("exec channel over x crypto", func(b *testing.B) {
		c := dialBare(b, server)
		b.Cleanup(func() { _ = c.Close() })
		median(b, func() {
			session, err := c.NewSession()
			if err != nil {
				b.Fatal(err)
			}
			if err := session.Run("true"); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("ssh with ControlMaster", func(b *testing.B) {
		socket := filepath.Join(server.Dir, "m")
		args := sshArgs(server, socket)
		b.Cleanup(func() { _ = osexec.Command("ssh", append([]string{"-O", "exit"}, args...)...).Run() })
		median(b, func() {
			if out, err := osexec.Command("ssh", append(slices.Clone(args), "true")...).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
		})
	})
	python := os.Getenv("EXECKIT_RIVAL_PYTHON")
	if python == "" {
		return
	}
	out, err := osexec.Command(python, "../../../bench/ssh_rivals.py", fmt.Sprint(server.Port), server.Key).CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		b.Run(name, func(b *testing.B) {
			var us float64
			if _, err := fmt.Sscan(value, &us); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(us, "µs/median")
		})
	}
}

// A command over a link of 50 ms, in round trips.
func BenchmarkFarAway(b *testing.B) {
	const roundTrip = 50 * time.Millisecond
	server := sshtest.Start(b, sshtest.Options{})
	server.Shape(func(c *sshtest.Conn) { c.Delay = roundTrip / 2 })
	s := open(b, configFor(server))
	exec(b, s, "true")
	times := []time.Duration{}
	for b.Loop() {
		begin := time.Now()
		exec(b, s, "true")
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2])/float64(roundTrip), "round-trips")
}

// Fifty sessions at once on one account, shared and apart.
func BenchmarkFiftySessions(b *testing.B) {
	for name, pool := range map[string]bool{"pooled": true, "apart": false} {
		b.Run(name, func(b *testing.B) {
			server := sshtest.Start(b, sshtest.Options{})
			for b.Loop() {
				c := configFor(server)
				c.SSH.Pool = &pool
				var wait sync.WaitGroup
				for range 50 {
					wait.Go(func() { exec(b, open(b, c), "true") })
				}
				wait.Wait()
			}
			b.ReportMetric(float64(server.Total())/float64(b.N), "connections")
		})
	}
}

// Large output, beside ssh.
func BenchmarkThroughput(b *testing.B) {
	const size = 500 << 20
	server := sshtest.Start(b, sshtest.Options{Direct: true})
	b.Run("execkit", func(b *testing.B) {
		s := open(b, configFor(server))
		b.SetBytes(size)
		for b.Loop() {
			r, err := s.Exec(context.Background(), fmt.Sprintf("head -c %d /dev/zero | tr '\\0' 'x' | fold -w 79", size*79/80), execkit.ExecOptions{Timeout: 10 * time.Minute})
			if err != nil || *r.ExitCode != 0 {
				b.Fatal(r, err)
			}
		}
	})
	b.Run("ssh host cat", func(b *testing.B) {
		args := sshArgs(server, "none")
		b.SetBytes(size)
		for b.Loop() {
			cmd := osexec.Command("ssh", append(slices.Clone(args), fmt.Sprintf("head -c %d /dev/zero | tr '\\0' 'x' | fold -w 79", size*79/80))...)
			cmd.Stdout = io.Discard
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
