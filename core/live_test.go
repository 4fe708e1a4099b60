package execkit_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/wire"
)

const patience = 60 * time.Second

// A follower reads the events of a command and keeps what they said.
type follower struct {
	t      *testing.T
	r      *execkit.Running
	text   map[string]string
	waits  []execkit.Event
	result *execkit.Result
	err    error
	done   bool
}

func startLive(t *testing.T, s *execkit.Session, command string, o execkit.ExecOptions) *follower {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 2 * patience
	}
	r, err := s.Start(context.Background(), command, o)
	if err != nil {
		t.Fatal(err)
	}
	return &follower{t: t, r: r, text: make(map[string]string)}
}

func (f *follower) until(what string, ok func() bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for !ok() {
		if f.done || ctx.Err() != nil {
			f.t.Fatalf("no %s; text %q, waits %+v, result %+v, error %v", what, f.text, f.waits, f.result, f.err)
		}
		events, done := f.r.Events(ctx, 0)
		f.done = done
		for _, e := range events {
			f.text[e.Type] += e.Data
			switch e.Type {
			case "waiting_for_input":
				f.waits = append(f.waits, e)
			case "finished":
				f.result = e.Result
				f.err, _ = e.Error.(error)
			}
		}
	}
}

// wait returns the next wait.
func (f *follower) wait() execkit.Event {
	f.t.Helper()
	n := len(f.waits)
	f.until("wait", func() bool { return len(f.waits) > n })
	return f.waits[n]
}

func (f *follower) shows(stream, text string) {
	f.t.Helper()
	f.until(text, func() bool { return strings.Contains(f.text[stream], text) })
}

func (f *follower) write(text string, o execkit.WriteOptions) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := f.r.Write(ctx, []byte(text), o); err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) end() *execkit.Result {
	f.t.Helper()
	f.until("end", func() bool { return f.result != nil })
	return f.result
}

func TestOpenStdin(t *testing.T) {
	s := open(t, execkit.Config{})
	f := startLive(t, s, `printf 'Name? '; read -r n; printf 'Continue? [y/N] '; read -r a; echo "$n $a"`, execkit.ExecOptions{StdinOpen: true})
	if w := f.wait(); w.Prompt != "Name? " || w.Kind != "other" || w.Fields["on"] != "stdin" {
		t.Errorf("%+v", w)
	}
	f.write("ann\n", execkit.WriteOptions{})
	if w := f.wait(); w.Prompt != "Name? Continue? [y/N] " || w.Kind != "confirm" {
		t.Errorf("%+v", w)
	}
	f.write("y\n", execkit.WriteOptions{})
	r := f.end()
	if want := "Name? Continue? [y/N] ann y\n"; r.Stdout != want || f.text["stdout"] != want || *r.ExitCode != 0 {
		t.Errorf("%+v %q", r, f.text)
	}
	if err := f.r.Write(context.Background(), []byte("late"), execkit.WriteOptions{}); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("a write after the end: %v", err)
	}
	f = startLive(t, s, "cat; echo end", execkit.ExecOptions{StdinOpen: true})
	f.write("text without an end", execkit.WriteOptions{})
	if err := f.r.CloseStdin(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := f.end(); r.Stdout != "text without an endend\n" {
		t.Errorf("%+v", r)
	}
}

// A prompt is an event at once; what the result says does not depend on when it came.
func TestUnfinishedLineIsAnEvent(t *testing.T) {
	s := open(t, execkit.Config{})
	f := startLive(t, s, `printf 'at 10%%: \r'; read -r x; printf 'at 20%%: \rdone\n'`, execkit.ExecOptions{StdinOpen: true})
	f.shows("stdout", "at 10%: ")
	f.write("\n", execkit.WriteOptions{})
	if r := f.end(); r.Stdout != "done\n" || f.text["stdout"] != "at 10%: \ndone\n" {
		t.Errorf("%q %q", r.Stdout, f.text)
	}
}

func TestPasswordOnTerminal(t *testing.T) {
	s := open(t, execkit.Config{})
	f := startLive(t, s, `read -rsp 'Password: ' p </dev/tty; echo "it was $p"`, execkit.ExecOptions{StdinOpen: true})
	if w := f.wait(); w.Kind != "password" || w.Fields["on"] != "tty" {
		t.Errorf("%+v", w)
	}
	f.write("geheim-nicht-zeigen\n", execkit.WriteOptions{Secret: true})
	r := f.end()
	if all := fmt.Sprint(r, f.text); strings.Contains(all, "geheim") || r.Stdout != "it was [REDACTED]\n" {
		t.Errorf("%s", all)
	}
	if r := runs(t, s, "echo $p", execkit.ExecOptions{}); strings.Contains(r.Stdout, "geheim") {
		t.Errorf("a later command shows it: %q", r.Stdout)
	}
}

func TestTTYScreen(t *testing.T) {
	s := open(t, execkit.Config{})
	f := startLive(t, s, `stty size; printf 'a\033[2;10Hb'; read -r x; cd /; v=set`, execkit.ExecOptions{TTY: &execkit.TTY{Rows: 10, Cols: 40}})
	f.wait()
	m, err := f.r.Screen()
	if err != nil {
		t.Fatal(err)
	}
	if lines := m.Lines(); m.Rows != 10 || m.Cols != 40 || lines[0] != "10 40" || lines[1] != "a        b" || m.Row != 1 || m.Col != 10 {
		t.Errorf("%q at %d,%d", lines, m.Row, m.Col)
	}
	if picture, err := m.PNG(); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
		t.Errorf("%d bytes, %v", len(picture), err)
	}
	if err := f.r.Resize(execkit.TTY{Rows: 20, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	if err := f.r.Keys(context.Background(), "x", "Enter"); err != nil {
		t.Fatal(err)
	}
	if r := f.end(); r.Cwd != "/" || !strings.HasPrefix(r.Stdout, "10 40\n") {
		t.Errorf("%+v", r)
	}
	if r := runs(t, s, "echo $v $TERM; tty", execkit.ExecOptions{}); r.Stdout != "set dumb\nnot a tty\n" {
		t.Errorf("%q", r.Stdout)
	}
}

func TestWhatCannotBeDriven(t *testing.T) {
	s := open(t, execkit.Config{})
	ctx := context.Background()
	for name, o := range map[string]execkit.ExecOptions{
		"rows": {TTY: &execkit.TTY{Rows: 10000, Cols: 10000}}, "negative": {TTY: &execkit.TTY{Rows: -1}},
		"stdin and tty": {TTY: &execkit.TTY{}, Stdin: []byte("x")}, "stdin and open": {StdinOpen: true, Stdin: []byte("x")},
	} {
		if _, err := s.Start(ctx, "echo never >ran", o); !errors.Is(err, execkit.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Exec(ctx, "cat", execkit.ExecOptions{StdinOpen: true}); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Errorf("exec with open stdin: %v", err)
	}
	f := startLive(t, s, "sleep 1000", execkit.ExecOptions{})
	for name, err := range map[string]error{
		"write": f.r.Write(ctx, []byte("x"), execkit.WriteOptions{}), "resize": f.r.Resize(execkit.TTY{}), "close": f.r.CloseStdin(ctx),
	} {
		if !errors.Is(err, execkit.ErrStdinNotAttached) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.r.Screen(); !errors.Is(err, execkit.ErrStdinNotAttached) {
		t.Errorf("screen: %v", err)
	}
	if _, err := f.r.Signal("BOGUS"); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Errorf("signal: %v", err)
	}
	f.until("start", func() bool { n, _ := f.r.Signal("TERM"); return n > 0 })
	if r := f.end(); *r.ExitCode != 143 {
		t.Errorf("%+v", r)
	}
	if _, err := execkit.KeyBytes("ctrl-nothing"); !errors.Is(err, execkit.ErrInvalidArgument) {
		t.Errorf("key: %v", err)
	}
}

func TestInputUnderFence(t *testing.T) {
	fence := func(more string) *execkit.Session {
		p, err := execkit.LoadPolicy([]byte(`{"default":"deny","allow":["cat","sh","python3"],"enforce":"off"` + more + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return open(t, execkit.Config{Policy: p})
	}
	s := fence("")
	if _, err := s.Start(context.Background(), "cat", execkit.ExecOptions{TTY: &execkit.TTY{}}); !errors.Is(err, execkit.ErrBlocked) {
		t.Errorf("a terminal: %v", err)
	}
	f := startLive(t, s, "cat", execkit.ExecOptions{StdinOpen: true})
	f.write("data\n", execkit.WriteOptions{})
	if err := f.r.CloseStdin(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := f.end(); r.Stdout != "data\n" {
		t.Errorf("%+v", r)
	}
	f = startLive(t, fence(`,"interactive":true`), "cat", execkit.ExecOptions{TTY: &execkit.TTY{}})
	f.wait()
	f.write("x\n", execkit.WriteOptions{})
	f.shows("tty", "x\nx\n")
	_ = f.r.CloseStdin(context.Background())
	f.end()
}

// What is written to a shell is judged as a command is, however it is cut, on a pipe and on a terminal.
func TestWrittenCommandsAreJudged(t *testing.T) {
	for _, o := range []execkit.ExecOptions{{StdinOpen: true}, {TTY: &execkit.TTY{}}} {
		s := open(t, execkit.Config{})
		f := startLive(t, s, "bash --norc --noediting", o)
		f.wait()
		ctx := context.Background()
		for _, cut := range []int{0, 4} {
			text := "rm -rf /\r"
			err := f.r.Write(ctx, []byte(text[:cut]), execkit.WriteOptions{})
			if err == nil {
				err = f.r.Write(ctx, []byte(strings.ReplaceAll(text[cut:], "\r", "\n")), execkit.WriteOptions{})
			}
			if !errors.Is(err, execkit.ErrApprovalRequired) && !errors.Is(err, execkit.ErrBlocked) {
				t.Errorf("%v", err)
			}
		}
		if err := f.r.Write(ctx, []byte("echo it $((1+1))\n"), execkit.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		stream := "stdout"
		if o.TTY != nil {
			stream = "tty"
		}
		f.shows(stream, "it 2")
		f.r.Stop()
	}
}

// A reader slower than the command gets everything; one that is not there holds nothing up.
func TestBackPressure(t *testing.T) {
	s := open(t, execkit.Config{})
	f := startLive(t, s, "seq 1000000; echo end", execkit.ExecOptions{})
	time.Sleep(200 * time.Millisecond)
	r := f.end()
	if got := f.text["stdout"]; f.text["truncated"] != "" || len(got) != 6888896+4 || !strings.HasSuffix(got, "\n1000000\nend\n") {
		t.Errorf("%d bytes, %+v", len(got), r.Budget)
	}
	f = startLive(t, s, "seq 1000000", execkit.ExecOptions{})
	if r, err := f.r.Wait(context.Background()); err != nil || *r.ExitCode != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestYield(t *testing.T) {
	s := open(t, execkit.Config{Policy: trusting(t)})
	runs(t, s, "cd /; export kept=1; lost=1", execkit.ExecOptions{})
	r := runs(t, s, "echo first; sleep 1000; echo never", execkit.ExecOptions{Yield: 300 * time.Millisecond, Timeout: -1})
	if !r.Running || r.ExitCode != nil || r.Stdout != "first\n" || r.JobID == "" {
		t.Fatalf("%+v", r)
	}
	next := runs(t, s, "pwd; echo $kept$lost", execkit.ExecOptions{})
	if next.Stdout != "/\n1\n" || !strings.Contains(next.Hint, r.JobID) {
		t.Errorf("%+v", next)
	}
	jobs := s.Jobs()
	if len(jobs) != 1 || jobs[0].JobID != r.JobID || jobs[0].State != "running" || len(jobs[0].Processes) != 1 || jobs[0].Processes[0].Command != "sleep 1000" {
		t.Errorf("%+v", jobs)
	}
	if out, err := s.JobOutput(r.JobID, "stdout", 3, 0, 0); err != nil || out.Text != "st\n" {
		t.Errorf("%+v %v", out, err)
	}
	if n, err := s.JobKill(context.Background(), r.JobID, ""); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	if w, err := s.JobWait(context.Background(), r.JobID); err != nil || w.Job.State != "ended" || w.Result == nil || w.Result.Stdout != "first\n" {
		t.Errorf("%+v %v", w, err)
	}
	// One that ends before the next command is the session's as if it had been waited for.
	r = runs(t, s, "read x; v=$x; cd /tmp", execkit.ExecOptions{Yield: patience, StdinOpen: true})
	if r.Waiting == nil || r.Waiting.On != "stdin" {
		t.Fatalf("%+v", r)
	}
	if err := s.RunningCommand(r.JobID).Write(context.Background(), []byte("word\n"), execkit.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if w, err := s.JobWait(context.Background(), r.JobID); err != nil || *w.Result.ExitCode != 0 {
		t.Errorf("%+v %v", w, err)
	}
	if r := runs(t, s, "echo $v; pwd", execkit.ExecOptions{}); r.Stdout != "word\n/tmp\n" {
		t.Errorf("%+v", r)
	}
}

func TestBackgroundJob(t *testing.T) {
	s := open(t, execkit.Config{Policy: trusting(t)})
	r := runs(t, s, `python3 -u -c '
import socket,sys,time
s=socket.socket(); s.bind(("127.0.0.1",0)); s.listen()
print("port", s.getsockname()[1]); sys.stdout.flush()
c,_=s.accept(); print("late line"); c.close(); time.sleep(1000)' &`, execkit.ExecOptions{})
	if len(r.Jobs) == 0 || r.Jobs[0].JobID == "" {
		t.Fatalf("%+v", r)
	}
	id := r.Jobs[0].JobID
	var job wire.JobInfo
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		var err error
		if job, err = s.JobInfo(id); err != nil || time.Since(begin) > patience {
			t.Fatalf("%+v %v", job, err)
		}
		if len(job.Listening) == 1 {
			break
		}
	}
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", job.Listening[0]))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		out, err := s.JobOutput(id, "stdout", 0, 0, 0)
		if err != nil || time.Since(begin) > patience {
			t.Fatalf("%+v %v", out, err)
		}
		if strings.HasSuffix(out.Text, "late line\n") {
			break
		}
	}
	if r := runs(t, s, "echo mine", execkit.ExecOptions{}); r.Stdout != "mine\n" {
		t.Errorf("mixed: %q", r.Stdout)
	}
	if n, err := s.JobKill(context.Background(), id, ""); err != nil || n != 1 {
		t.Errorf("reached %d, %v", n, err)
	}
	if job, _ := s.JobInfo(id); job.State != "ended" {
		t.Errorf("%+v", job)
	}
	runs(t, s, "setsid sleep 1000 & sleep 2000 &", execkit.ExecOptions{})
	runs(t, s, "sleep 1000", execkit.ExecOptions{Yield: time.Millisecond, Timeout: -1})
	runs(t, s, ":", execkit.ExecOptions{})
	if n, err := s.End(); err != nil || n != 3 {
		t.Errorf("ended %d, %v", n, err)
	}
}

func runs(t *testing.T, s *execkit.Session, command string, o execkit.ExecOptions) *execkit.Result {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	r, err := s.Exec(context.Background(), command, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
