//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

// An outcome is what one run of a script came to.
type outcome struct {
	stdout, stderr string
	code           int
	late           bool // it was stopped at the limit
}

// noCode stands for the exit code of a command after which the shell could not report.
const noCode = -1

func (o outcome) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	for stream, text := range map[string]string{"out": o.stdout, "err": o.stderr, "code": fmt.Sprintln(o.code)} {
		if err := os.WriteFile(path+"."+stream, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// parting says in which line of which stream two outcomes first differ.
func parting(a, b outcome) string {
	var said []string
	for _, stream := range []struct{ name, a, b string }{{"stdout", a.stdout, b.stdout}, {"stderr", a.stderr, b.stderr}} {
		if stream.a == stream.b {
			continue
		}
		linesA, linesB := strings.SplitAfter(stream.a, "\n"), strings.SplitAfter(stream.b, "\n")
		n := 0
		for n < len(linesA) && n < len(linesB) && linesA[n] == linesB[n] {
			n++
		}
		line := func(lines []string) string {
			if n < len(lines) {
				return lines[n]
			}
			return ""
		}
		said = append(said, fmt.Sprintf("%s line %d: directly %q, session %q", stream.name, n+1, line(linesA), line(linesB)))
	}
	if a.code != b.code {
		said = append(said, fmt.Sprintf("exit code: directly %d, session %d", a.code, b.code))
	}
	if b.late {
		said = append(said, "the session's reached the limit")
	}
	return strings.Join(said, "; ")
}

// A bed is where scripts run: one folder with the same path for every run, made anew for each, since scripts write into
// it and tell paths.
type bed struct {
	root, pristine string
	shell          string
	env            []string
}

// newBed copies the scripts and compiles the helpers that they call.
func newBed(source string) (*bed, error) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "bashsuite")
	if err != nil {
		return nil, err
	}
	b := &bed{root: root, pristine: filepath.Join(root, "pristine"), shell: shell}
	b.env = []string{
		"PATH=" + b.tests() + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + filepath.Join(root, "run"), "TMPDIR=" + filepath.Join(root, "run", "tmp"),
		"BASH_TSTOUT=" + filepath.Join(root, "run", "tstout"), "BUILD_DIR=..", "THIS_SH=" + shell, "LANG=C.UTF-8", "TERM=dumb",
	}
	steps := [][]string{{"cp", "-r", filepath.Join(source, "tests"), b.pristine}}
	for _, helper := range []string{"recho", "zecho", "printenv", "xcase"} {
		steps = append(steps, []string{
			"cc", "-w", "-DHAVE_STRING_H", "-DHAVE_STDLIB_H", "-DHAVE_UNISTD_H", "-I", source, "-I", filepath.Join(source, "include"),
			"-o", filepath.Join(b.pristine, helper), filepath.Join(source, "support", helper+".c"),
		})
	}
	for _, step := range steps {
		if said, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			b.remove()
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(step, " "), err, said)
		}
	}
	return b, nil
}

func (b *bed) tests() string { return filepath.Join(b.root, "run", "tests") }

func (b *bed) remove() { _ = os.RemoveAll(b.root) }

// renew makes the folder as it was at first.
func (b *bed) renew() error {
	run := filepath.Join(b.root, "run")
	if err := os.RemoveAll(run); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(run, "tmp"), 0o755); err != nil {
		return err
	}
	if said, err := exec.Command("cp", "-r", b.pristine, b.tests()).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

// command is the text that both ways run.
func command(name string, o options) string {
	if o.source {
		return ". ./" + name + ".tests"
	}
	return `"$THIS_SH" ./` + name + ".tests"
}

// direct runs a script with bash alone, as the leader of a terminal session, and with a controlling terminal if asked or
// if the shell is interactive. What it leaves running is killed.
func (b *bed) direct(name string, o options, terminal bool) (outcome, error) {
	if err := b.renew(); err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.limit)
	defer cancel()
	arguments, text := []string{"--norc", "--noprofile"}, command(name, o)
	if o.source {
		// What is read into the shell sees how the shell was started: messages of an interactive one have no line numbers.
		arguments, terminal = append(arguments, "+H", "+o", "history", "-i"), true
	}
	attributes := &syscall.SysProcAttr{Setsid: true}
	var files []*os.File
	if terminal {
		master, slave, err := openTerminal()
		if err != nil {
			return outcome{}, err
		}
		defer master.Close()
		defer slave.Close()
		// The terminal is descriptor 3 of the child for as long as it takes to become its own.
		attributes.Setctty, attributes.Ctty, files = true, 3, []*os.File{slave}
		text = "exec 3>&-; " + text
	}
	c := exec.CommandContext(ctx, b.shell, append(arguments, "-c", text)...)
	c.ExtraFiles = files
	var stdout, stderr bytes.Buffer
	c.Dir, c.Env, c.SysProcAttr, c.Stdout, c.Stderr = b.tests(), b.env, attributes, &stdout, &stderr
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 2 * time.Second
	err := c.Run()
	if c.Process == nil {
		return outcome{}, err
	}
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	code := c.ProcessState.ExitCode()
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return outcome{stdout.String(), stderr.String(), code, ctx.Err() != nil}, nil
}

// session runs a script as the only command of a session.
func (b *bed) session(name string, o options) (outcome, error) {
	if err := b.renew(); err != nil {
		return outcome{}, err
	}
	// The variables that a session adds for agents are taken away, so that both ways have the same environment.
	env := map[string]*string{}
	for _, added := range []string{"PAGER", "GIT_PAGER", "SYSTEMD_PAGER", "MANPAGER", "GIT_TERMINAL_PROMPT", "GIT_EDITOR", "DEBIAN_FRONTEND"} {
		env[added] = nil
	}
	ctx := context.Background()
	s, err := execkit.Open(ctx, "local", execkit.Config{
		Cwd: b.tests(), BaseEnv: b.env, Env: env, Shell: b.shell, Redact: &execkit.RedactOptions{Disabled: true},
	})
	if err != nil {
		return outcome{}, err
	}
	defer s.Close()
	r, err := s.Exec(ctx, command(name, o), execkit.ExecOptions{
		Timeout: o.limit, Raw: true, Budget: &wire.Budget{Keep: &wire.BudgetKeep{Mode: "all"}},
	})
	if err != nil {
		return outcome{}, err
	}
	if r.Truncated {
		return outcome{}, errors.New("the output is more than a result can hold")
	}
	out := outcome{code: noCode, late: r.TimedOut}
	if r.ExitCode != nil {
		out.code = *r.ExitCode
	}
	for text, into := range map[*string]*string{&r.Stdout: &out.stdout, &r.Stderr: &out.stderr} {
		raw, err := base64.StdEncoding.DecodeString(*text)
		if err != nil {
			return outcome{}, err
		}
		*into = string(raw)
	}
	return out, nil
}

// openTerminal opens a pseudo-terminal on which nobody types. What is written to it is thrown away.
func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	number := 0
	if err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err == nil {
		number, err = unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, err
	}
	go func() { // ends when the master is closed or the last user of the terminal is gone
		discard := make([]byte, 4096)
		for {
			if _, err := master.Read(discard); err != nil {
				return
			}
		}
	}()
	return master, slave, nil
}
