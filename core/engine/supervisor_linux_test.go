package engine

import (
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Both supervisors keep the same promises.
var supervisors = []struct {
	name   string
	script bool
}{{"program", false}, {"script", true}}

func needProgram(t testing.TB) {
	t.Helper()
	if supervisorProgram == "" {
		t.Skip("this architecture has the script alone")
	}
}

// The bytes that are executed are those of the source, whatever assembler made them.
func TestProgramIsItsSource(t *testing.T) {
	needProgram(t)
	for _, tool := range []string{"as", "objcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	object, made := filepath.Join(t.TempDir(), "o"), filepath.Join(t.TempDir(), "made")
	for _, line := range [][]string{{"as", "--64", "-o", object, "supervisor/linux_amd64.asm"}, {"objcopy", "-O", "binary", "-j", ".text", object, made}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", line, err, out)
		}
	}
	if text, err := os.ReadFile(made); err != nil || string(text) != supervisorProgram {
		t.Errorf("supervisor/linux_amd64.bin is not what its source gives; run go generate ./core/engine (%v)", err)
	}
}

// Nothing in it is written and executed, and it needs no other file.
func TestProgramIsPlain(t *testing.T) {
	needProgram(t)
	file, err := elf.NewFile(strings.NewReader(supervisorProgram))
	if err != nil {
		t.Fatal(err)
	}
	if len(supervisorProgram) > 1<<10 || file.Type != elf.ET_DYN || len(file.Progs) != 2 ||
		file.Progs[0].Type != elf.PT_LOAD || file.Progs[0].Flags != elf.PF_R|elf.PF_X || file.Progs[0].Memsz != uint64(len(supervisorProgram)) ||
		file.Progs[1].Type != elf.PT_GNU_STACK || file.Progs[1].Flags != elf.PF_R|elf.PF_W {
		t.Errorf("%d bytes, %+v", len(supervisorProgram), file)
	}
}

// A below is how a supervisor ended that ran a program, what it wrote to its descriptor 2, and what the program wrote to its
// descriptor 250.
type below struct {
	unix.WaitStatus
	message, report string
}

// runBelow starts a supervisor with the descriptors that a session gives it, itself started by prefix.
func runBelow(t *testing.T, script bool, prefix, program []string) below {
	t.Helper()
	path, arguments, file, err := supervised(script, &bashDriver{}, nil, program)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	messages, messagesShell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Close()
	reports, reportsShell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reports.Close()
	files := make([]*os.File, bashReportFD+1)
	files[0], files[1], files[2], files[3], files[bashReportFD] = null, null, messagesShell, null, reportsShell
	if file != nil {
		defer file.Close()
		files[programFD] = file
	}
	if prefix != nil {
		path, arguments = prefix[0], slices.Concat(prefix, []string{path}, arguments[1:])
	}
	process, err := os.StartProcess(path, arguments, &os.ProcAttr{Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "V=a b\nc"}, Files: files})
	messagesShell.Close()
	reportsShell.Close()
	if err != nil {
		t.Fatal(err)
	}
	report, _ := io.ReadAll(reports)
	message, _ := io.ReadAll(messages)
	state, err := process.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return below{unix.WaitStatus(state.Sys().(syscall.WaitStatus)), string(message), string(report)}
}

// What a supervisor tells of its shell's end, and what the shell finds.
func TestSupervisorContract(t *testing.T) {
	needProgram(t)
	const signals = "cat /proc/self/status | grep -E '^Sig(Blk|Ign|Cgt)' >&250"
	ignoring := func(names string) []string {
		return []string{"/bin/sh", "-c", `trap "" ` + names + `; exec "$@"`, "sh"}
	}
	for _, tt := range []struct {
		name, text string
		prefix     []string
		status     int
		signalled  bool
		report     string
	}{
		{name: "success", text: "exit 0"},
		{name: "status", text: "exit 3", status: 3},
		{name: "highest status", text: "exit 255", status: 255},
		{name: "status like a signal's", text: "exit 137", status: 137},
		{name: "killed", text: "kill -KILL $$", status: 137, signalled: true},
		{name: "terminated", text: "kill -TERM $$", status: 143, signalled: true},
		{name: "aborted", text: "ulimit -c 0; kill -ABRT $$", status: 134, signalled: true},
		{name: "a real-time signal", text: "kill -50 $$", status: 178, signalled: true},
		{name: "a stop is no end", text: "(until grep -q '^State:.T' /proc/$$/status; do :; done; kill -CONT $$) & kill -STOP $$; exit 4", status: 4},
		{name: "signals to the parent", text: "for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE; do for i in 1 2 3 4 5; do kill -$s $PPID; done; done; exit 5", status: 5},
		{name: "children that end first", text: "for i in 1 2 3; do /bin/false & done; wait; exit 6", status: 6},
		{name: "descriptors", text: "for f in /proc/$$/fd/*; do [ -e $f ] && echo ${f##*/} $(readlink $f); done | grep -v pipe: >&250", report: "0 /dev/null\n1 /dev/null\n2 /dev/null\n"},
		{name: "signals are as the host's", text: signals, report: "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"},
		{name: "ignored signals stay so", prefix: ignoring("HUP INT PIPE"), text: signals + "; kill -HUP $PPID; exit 7", status: 7,
			report: "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\nSigCgt:\t0000000000000000\n"},
		{name: "ignored children are waited for", prefix: ignoring("CHLD"), text: "exit 8", status: 8},
		{name: "arguments, directory, environment", text: `echo "$0 $# $1 $2 $PWD $V" >&250`, report: "it's 2 x  y  / a b\nc\n"},
	} {
		for _, by := range supervisors {
			t.Run(tt.name+"/"+by.name, func(t *testing.T) {
				b := runBelow(t, by.script, tt.prefix, []string{"/bin/bash", "--norc", "-c", tt.text, "it's", "x  y", ""})
				if !b.Exited() || b.ExitStatus() != tt.status || (b.message != "") != tt.signalled || b.report != tt.report {
					t.Errorf("%+v", b)
				}
			})
		}
	}
	for path, status := range map[string]int{"/nonexistent": 127, "/etc/passwd": 126, "/": 126} {
		if b := runBelow(t, false, nil, []string{path}); !b.Exited() || b.ExitStatus() != status || b.message != "" {
			t.Errorf("%s: %+v", path, b)
		}
	}
}

// executable returns the file that a shell's supervisor runs.
func executable(t *testing.T, s *Shell) string {
	t.Helper()
	path, err := os.Readlink(procPath(s.supervisor, "exe"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func startBy(t *testing.T, script bool) *Shell {
	t.Helper()
	s, err := Start(t.Context(), Options{Path: "/bin/bash", Dir: t.TempDir(), Env: []string{"PATH=/usr/bin:/bin"}, script: script})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if got := strings.HasPrefix(executable(t, s), "/memfd:execkit-supervisor"); got == script {
		t.Fatalf("the supervisor runs %s", executable(t, s))
	}
	return s
}

// What a command does to its parent changes no result, or costs the shell, and the result says so.
func TestSupervisorAttacks(t *testing.T) {
	needProgram(t)
	for _, tt := range []struct {
		name, command string
		out           string // "*" for any
		status        int    // -1 for not known
		signal        int
		ends, late    bool
		program       bool // not for the script: its file is the system's bash, which takes a traced stop for an end
	}{
		{name: "every caught signal", command: "for s in HUP INT QUIT TERM USR1 USR2 ALRM PIPE; do kill -$s $PPID; done; (exit 3)", status: 3},
		{name: "stopped", command: "kill -STOP $PPID; echo on", out: "on\n"},
		{name: "stopped before the end", command: "kill -STOP $PPID; exit 3", status: 3, ends: true},
		{name: "stopped before the kill", command: "kill -STOP $PPID; kill -KILL $$", status: 137, signal: 9, ends: true},
		{name: "killed", command: "kill -KILL $PPID; while :; do :; done", status: -1, ends: true},
		{name: "crashed", command: "kill -SEGV $PPID; while :; do :; done", status: -1, ends: true},
		{name: "a status like a signal's", command: "exit 137", status: 137, ends: true},
		{name: "a forged message", command: "for i in 1 2 250 251; do echo x >/proc/$PPID/fd/$i; done 2>/dev/null; exit 137", status: 137, ends: true},
		{name: "messages that are full", command: "head -c 10000000 /dev/zero >/proc/$PPID/fd/2; kill -KILL $$", status: 137, signal: 9, ends: true},
		{name: "traced by it", command: "exec perl -e 'syscall(101, 0, 0, 0, 0); kill STOP => $$; exit 3'", status: -1, ends: true, late: true, program: true}, // PTRACE_TRACEME
		{name: "limits", command: "for l in nofile nproc as data stack fsize core; do prlimit --pid $PPID --$l=0:0; done; kill -KILL $$", status: 137, signal: 9, ends: true},
		{name: "its files", command: "cat /proc/$PPID/maps /proc/$PPID/environ /proc/$PPID/cmdline >/dev/null; ls /proc/$PPID/fd | tr '\\n' ' '", out: "0 1 2 250 251 3 "},
		{name: "its name", command: "tr '\\0' ' ' </proc/$PPID/cmdline | cut -d' ' -f1-3; cat /proc/$PPID/comm", out: "execkit: supervisor /bin/bash\nexeckit-super\n", program: true},
		{name: "its memory", command: "grep -cE '^[^ ]+ .w.*memfd|^[^ ]+ .wx' /proc/$PPID/maps; grep -c memfd /proc/$PPID/maps", out: "0\n1\n", program: true},
		{name: "run again", command: "/proc/$PPID/exe /bin/sh -c 'exit 5'", status: 5, program: true},
		{name: "overwritten", command: "for i in exe fd/4; do echo x >/proc/$PPID/$i; dd if=/dev/zero of=/proc/$PPID/$i; done 2>/dev/null; kill -KILL $$", status: 137, signal: 9, ends: true, program: true},
		{name: "not executable any more", command: "chmod 0 /proc/$PPID/exe; (exit 3)", status: 3, program: true},
	} {
		for _, by := range supervisors {
			if tt.program && by.script {
				continue
			}
			t.Run(tt.name+"/"+by.name, func(t *testing.T) {
				t.Parallel()
				s := startBy(t, by.script)
				limit := plenty
				if tt.late {
					limit = time.Second
				}
				r := run(s, tt.command, limit)
				if tt.out != "*" && r.out != tt.out || r.Known != (tt.status >= 0) || r.Known && r.Status != tt.status || r.Signal != tt.signal || r.Exited != tt.ends || r.TimedOut != tt.late {
					t.Errorf("stdout %q, stderr %q, %+v", r.out, r.err, r.Outcome)
				}
				if r.Exited {
					s = startBy(t, by.script) // another session is not touched
				}
				if r := run(s, "echo on; (exit 6)", plenty); r.out != "on\n" || r.Status != 6 || r.Exited {
					t.Errorf("afterwards: %q %+v", r.out, r.Outcome)
				}
			})
		}
	}
}

// refuseMemoryPrograms makes the calling thread unable to create a memory file that is a program, as vm.memfd_noexec=2 does.
func refuseMemoryPrograms(t *testing.T) {
	const number, flags = 0, 24 // the offsets in struct seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_MEMFD_CREATE, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: unix.MFD_EXEC, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Error(err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(filter)
}

// Where the program cannot be had the script takes its place, and is asked at once the next time.
func TestProgramIsRefused(t *testing.T) {
	needProgram(t)
	for _, tt := range []struct {
		name   string
		refuse func()
	}{
		{"memory files are no programs", func() { refuseMemoryPrograms(t) }},
		{"memory files are not executed", func() { supervisorProgram = "not a program" }},
		{"it ends at once", func() { supervisorProgram = "#!/bin/false\n" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			program := supervisorProgram
			defer func() {
				supervisorProgram = program
				programRefused.Store(false)
			}()
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread() // for good: the thread ends with its goroutine
				tt.refuse()
				for range 2 {
					s, err := Start(t.Context(), Options{Path: "/bin/bash", Dir: t.TempDir(), Env: []string{"PATH=/usr/bin:/bin"}})
					if err != nil {
						t.Error(err)
						return
					}
					defer s.Close()
					if path, _ := os.Readlink(procPath(s.supervisor, "exe")); !strings.HasSuffix(path, "/bash") {
						t.Errorf("the supervisor runs %s", path)
					}
					if r := run(s, "echo on >/dev/tty; kill $PPID; kill -KILL $$", plenty); r.Signal != 9 || !programRefused.Load() {
						t.Errorf("%+v", r.Outcome)
					}
				}
			}()
			<-done
		})
	}
}

// What is wrong with the call is told as ever, and the program is not given up for it.
func TestWrongStartsRefuseNothing(t *testing.T) {
	for _, o := range []Options{{Path: "/bin/bash", Dir: "/nonexistent"}, {Path: "/nonexistent/bash", Dir: "/"}} {
		if s, err := Start(t.Context(), o); err == nil {
			s.Close()
			t.Errorf("%+v starts", o)
		}
	}
	if programRefused.Load() {
		t.Error("the program is given up")
	}
}

// A shell that cannot open its output, or does not do what it is sent, is told at once.
func TestShellsThatCannotServe(t *testing.T) {
	for _, shell := range []string{"/bin/bash", "/bin/dash", "/bin/busybox"} {
		s, err := spawn(Options{Path: shell, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}, script: supervisorProgram == ""})
		if err != nil {
			t.Fatal(err)
		}
		s.stdout.close()
		s.stdout = &output{fd: -1, door: -1}
		begin := time.Now()
		if err := s.greet(t.Context()); err == nil || time.Since(begin) > startTimeout/2 {
			t.Errorf("%s: %v after %v", shell, err, time.Since(begin))
		}
		s.Close()
	}
	for _, thief := range []string{"BASH_FUNC_unset%%=() { read x; read x; }", "BASH_FUNC_shopt%%=() { exit 3; }"} {
		begin := time.Now()
		s, err := Start(t.Context(), Options{Path: "/bin/bash", Dir: "/", Env: []string{"PATH=/usr/bin:/bin", thief}})
		if err == nil {
			s.Close()
		}
		if err == nil || time.Since(begin) > startTimeout/2 {
			t.Errorf("%s: %v after %v", thief, err, time.Since(begin))
		}
	}
}

// A thousand sessions leave no descriptor, process or goroutine.
func TestOpeningLeaksNothing(t *testing.T) {
	type counts struct{ files, children, goroutines int }
	count := func() (c counts) {
		files, _ := os.ReadDir("/proc/self/fd")
		for _, p := range processTable() {
			if p.parent == os.Getpid() {
				c.children++
			}
		}
		c.files, c.goroutines = len(files), runtime.NumGoroutine()
		return c
	}
	start(t).Close()
	before := count()
	for range 1000 {
		s, err := Start(t.Context(), Options{Path: "/bin/bash", Dir: "/", Env: []string{"PATH=/usr/bin:/bin"}})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	after := count()
	for deadline := time.Now().Add(plenty); time.Now().Before(deadline) && (after.files > before.files || after.children > before.children || after.goroutines > before.goroutines); after = count() {
		time.Sleep(10 * time.Millisecond)
	}
	if after.files > before.files || after.children > before.children || after.goroutines > before.goroutines {
		t.Errorf("%+v before, %+v after", before, after)
	}
}
