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
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/transport/ssh/sshtest"
	"github.com/execkit/execkit/tests/rivals"
)

// measured is a server that stands alone between the two ends. Debian's bash reads start-up files for a command over SSH
// where SHLVL is low, and what they cost on some machine is no figure of anybody's here.
var measured = sshtest.Options{Direct: true, Config: "SetEnv SHLVL=2"}

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
	return bareShellOn(b, c)
}

func bareShellOn(b *testing.B, c *gossh.Client) func() {
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

// One `true` in a session that is open, beside its rivals. Those of Python are in EXECKIT_RIVAL_PYTHON, if set.
func BenchmarkTrue(b *testing.B) {
	server := sshtest.Start(b, measured)
	for _, pause := range []time.Duration{0, time.Millisecond} {
		b.Run(fmt.Sprint("execkit after ", pause), func(b *testing.B) {
			s := open(b, configFor(server))
			rivals.MedianApart(b, pause, func() { exec(b, s, "true") })
		})
		b.Run(fmt.Sprint("bare shell over x crypto after ", pause), func(b *testing.B) { rivals.MedianApart(b, pause, bareShell(b, server)) })
	}
	b.Run("exec channel over x crypto", func(b *testing.B) {
		c := dialBare(b, server)
		b.Cleanup(func() { _ = c.Close() })
		rivals.Median(b, func() {
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
		rivals.Command(b, append(append([]string{"ssh"}, args...), "true")...)
	})
	rivals.Python(b, "../../../bench/ssh_rivals.py", fmt.Sprint(server.Port), server.Key)
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

// Fifty sessions at once on one account, which share connections or have each its own, and fifty connections with a
// shell on each and nothing else.
func BenchmarkFiftySessions(b *testing.B) {
	fifty := func(b *testing.B, open func(*sshtest.Server, execkit.Config) func()) {
		server := sshtest.Start(b, measured)
		c := configFor(server)
		for b.Loop() {
			var wait sync.WaitGroup
			var mu sync.Mutex
			var closes []func()
			for range 50 {
				wait.Go(func() {
					closing := open(server, c)
					mu.Lock()
					defer mu.Unlock()
					closes = append(closes, closing)
				})
			}
			wait.Wait()
			b.StopTimer()
			for _, closing := range closes {
				wait.Go(closing)
			}
			wait.Wait()
			b.StartTimer()
		}
		b.ReportMetric(float64(server.Total())/float64(b.N), "connections")
	}
	for _, pool := range []bool{true, false} {
		name := map[bool]string{true: "pooled", false: "apart"}[pool]
		b.Run(name, func(b *testing.B) {
			fifty(b, func(_ *sshtest.Server, c execkit.Config) func() {
				c.SSH.Pool = &pool
				s, err := execkit.Open(context.Background(), "ssh", c)
				if err != nil {
					b.Error(err)
					return func() {}
				}
				exec(b, s, "true")
				return func() { _ = s.Close() }
			})
		})
	}
	b.Run("plain", func(b *testing.B) {
		fifty(b, func(server *sshtest.Server, _ execkit.Config) func() {
			c := dialBare(b, server)
			bareShellOn(b, c)()
			return func() { _ = c.Close() }
		})
	})
}

// Large output, beside ssh.
func BenchmarkThroughput(b *testing.B) {
	const size = 500 << 20
	server := sshtest.Start(b, measured)
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
