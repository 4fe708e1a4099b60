package execkit

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/engine"
)

// Attempts to leave the confinement, with the parser switched off: the text goes to the shell as it is. The table of
// docs/policy.md is this one, and the test holds it to that.

// The outcomes.
const (
	refused   = "refused"   // the attempt fails
	contained = "contained" // code of the attacker's own runs, and can do no more than the session
	open      = "open"      // it works; the documentation says so
)

type attempt struct {
	name    string
	script  string
	outcome string
	// allow are the granted programs, and tree says whether the session may write its directory.
	allow []string
	tree  bool
	// alone marks what an unconfined process cannot do on every machine either, so that there is nothing to compare with.
	alone bool
}

// In the scripts $W is the session's directory, $T its directory for temporary files, $O one outside, $E the program of
// testdata/escape.c and $L that as a library, both in $W, $H the host's pid, $LD the loader.
var attempts = []attempt{
	{name: "a program that is not granted, by name, by path, by `command -p`", script: `id; /usr/bin/id; command -p id; exec -a ls id`, outcome: refused},
	{name: "`hash -p`, an alias or a function with another program's name", script: `hash -p /usr/bin/id ls; ls; alias ls=/usr/bin/id; eval ls; ls() { /usr/bin/id; }; ls`, outcome: refused},
	{name: "`PATH` with a directory of the attacker's own", script: `cat /usr/bin/id >$T/ls; umask 0; PATH=$T; $T/ls`, outcome: refused, alone: true},
	{name: "a granted launcher", script: `env id; xargs id </dev/null; env -S 'id -u'; timeout 5 id; nice id`, outcome: refused, allow: []string{"env ls", "xargs ls", "timeout 5 ls", "nice ls"}},
	{name: "`find -exec`, `awk system()`, `sed e`, `tar --to-command`", script: `find . -maxdepth 0 -exec id \;; awk 'BEGIN{system("id")}'; echo id | sed 's/.*/id/e'; tar cf x.tar notes; tar xf x.tar --to-command=id`, outcome: refused, allow: []string{"find", "awk", "sed", "tar"}, tree: true},
	{name: "a shell: `bash -c`, `sh`", script: `bash -c id; bash -c 'exec id'; sh -c id`, outcome: refused},
	{name: "an interpreter that is not granted", script: `python3 -c 'print("GOT")'; perl -e 'print "GOT"'`, outcome: refused},
	{name: "a script with `#!` of an interpreter that is not granted", script: `printf '#!/usr/bin/perl\nprint "GOT\\n"\n' >s; chmod 755 s; ./s; printf '#!/usr/bin/env perl\nprint "GOT\\n"\n' >s; ./s`, outcome: refused, allow: []string{"chmod", "cp"}, tree: true},
	{name: "`/proc/self/root`, `/proc/self/cwd`, `/proc/self/fd`", script: `/proc/self/root/usr/bin/id; cd /usr/bin; /proc/self/cwd/id; exec 9</usr/bin/id; /proc/self/fd/9; /dev/fd/9`, outcome: refused},
	{name: "a symbolic link to a program", script: `ln -s /usr/bin/id ls2; ./ls2`, outcome: refused, allow: []string{"ln"}, tree: true},
	{name: "a hard link to a program", script: `ln /usr/bin/id ls2; ./ls2`, outcome: refused, allow: []string{"ln"}, tree: true, alone: true},
	{name: "a copy of a program that is not granted", script: `cp /usr/bin/id x; ./x; cp /usr/bin/id $T/x; $T/x`, outcome: refused, allow: []string{"cp"}, tree: true},
	{name: "a copy of a granted program", script: `cp /bin/cat x; echo GOT | ./x`, outcome: refused, allow: []string{"cp"}, tree: true},
	{name: "renaming or writing over a granted program", script: `mv x /usr/bin/cat; echo >/usr/bin/cat; cp notes /usr/bin/cat; exec 8<>/usr/bin/cat && echo GOT`, outcome: refused, allow: []string{"mv", "cp"}, tree: true, alone: true},
	{name: "a granted program in a tree that may be written", script: `./tool`, outcome: refused, allow: []string{"./tool"}, tree: true},
	{name: "the loader with a program that is not granted", script: `$LD /usr/bin/id`, outcome: refused},
	{name: "the loader with a copy of a program that is not granted", script: `cp /usr/bin/id x; $LD ./x`, outcome: refused, allow: []string{"cp"}, tree: true},
	{name: "the loader with a file of the attacker's own", script: `$LD $E code`, outcome: contained, tree: true},
	{name: "`LD_PRELOAD`", script: `LD_PRELOAD=$L ESCAPE_WRITE=$O/pwned ls`, outcome: contained, tree: true},
	{name: "`enable -f`, which a fenced shell has switched off", script: `ESCAPE_WRITE=$O/pwned enable -f $L x; builtin enable -f $L x`, outcome: refused, tree: true, alone: true},
	{name: "`LD_AUDIT`, `GCONV_PATH` and their kin in a granted program", script: `LD_AUDIT=$L ESCAPE_EXEC=/usr/bin/id ls`, outcome: contained, tree: true},
	{name: "own code starting a program", script: `$LD $E exec /usr/bin/id`, outcome: refused, tree: true},
	{name: "own code: memfd_create, execveat and fexecve", script: `$LD $E memfd /bin/cat; $LD $E fd /usr/bin/id`, outcome: refused, tree: true, alone: true},
	{name: "the file of the shell's supervisor, which starts a program", script: `/proc/$PPID/exe /usr/bin/id; echo 'echo GOT' >/proc/$PPID/exe`, outcome: refused},
	{name: "own code: ptrace, process_vm_writev, pidfd_getfd", script: `$LD $E ptrace $H; $LD $E vm_write $H; $LD $E pidfd_getfd $H`, outcome: refused, tree: true, alone: true},
	{name: "own code: io_uring", script: `$LD $E io_uring`, outcome: refused, tree: true, alone: true},
	{name: "own code: open_by_handle_at", script: `$LD $E handle`, outcome: refused, tree: true, alone: true},
	{name: "own code: unshare, clone, setns, mount, chroot", script: `$LD $E unshare; $LD $E clone; $LD $E setns; $LD $E mount $W; $LD $E chroot`, outcome: refused, tree: true, alone: true},
	{name: "own code: bpf, keyctl, userfaultfd", script: `$LD $E bpf; $LD $E keyctl; $LD $E userfaultfd`, outcome: refused, tree: true, alone: true},
	{name: "own code: system calls of the 32-bit table", script: `$LD $E old`, outcome: refused, tree: true, alone: true},
	{name: "own code: truncate, unlink, rename, link, chmod of a tree outside", script: `$LD $E truncate $O/victim; $LD $E unlink $O/victim; $LD $E rename $O/victim $W/v; $LD $E rename $W/notes $O/victim; $LD $E link $O/victim $W/v; $LD $E write $O/pwned`, outcome: refused, tree: true},
	{name: "own code: device files", script: `$LD $E mknod $W/disk`, outcome: refused, tree: true, alone: true},
	{name: "`/dev/tcp`, `/dev/udp` and sockets of other families", script: `exec 9<>/dev/tcp/127.0.0.1/$P && echo GOT; echo x >/dev/udp/127.0.0.1/9 && echo GOT; $LD $E tcp; $LD $E udp; $LD $E vsock; $LD $E raw`, outcome: refused, tree: true},
	{name: "an abstract Unix socket of the host", script: `$LD $E abstract $A`, outcome: refused, tree: true},
	{name: "a Unix socket with a path", script: `$LD $E unix $S`, outcome: open, tree: true},
	{name: "signals to the host", script: `kill -0 $H && echo GOT; $LD $E kill $H`, outcome: refused, tree: true},
	{name: "`/proc` of the host: memory, environment, descriptors", script: `read -r -N1 x </proc/$H/mem && echo GOT; read -r -N1 x </proc/$H/environ && echo GOT; ls /proc/$H/fd/0 && echo GOT; cd /proc/$H/cwd && echo GOT`, outcome: refused, alone: true},
	{name: "its own memory through `/proc/self/mem`", script: `exec 9<>/proc/self/mem && echo GOT`, outcome: refused},
	{name: "text pushed into the terminal", script: `$LD $E tiocsti`, outcome: refused, tree: true, alone: true},
	{name: "redirections outside: create, append, clobber, read and write", script: `echo >$O/pwned && echo GOT; echo >>$O/victim && echo GOT; echo >|$O/victim && echo GOT; : <>$O/pwned && echo GOT; : &>$O/pwned && echo GOT`, outcome: refused},
	{name: "relative paths, `cd`, `pushd` and `CDPATH` outside", script: `echo >../outside/pwned && echo GOT; cd $O; echo >pwned && echo GOT; echo >/proc/self/cwd/pwned && echo GOT`, outcome: refused, tree: true},
	{name: "a symbolic link in the tree that leads outside", script: `ln -s $O l; echo >l/pwned && echo GOT; ln -s $O/victim v; echo >v && echo GOT`, outcome: refused, allow: []string{"ln"}, tree: true},
	{name: "`mkdir`, `rm`, `mv`, `cp`, `touch`, `tee` outside", script: `mkdir $O/pwned; rm -rf $O/victim; mv $O/victim .; cp notes $O/pwned; touch $O/pwned; tee $O/pwned </dev/null && echo GOT`, outcome: refused, allow: []string{"mkdir", "rm", "mv", "cp", "touch", "tee"}, tree: true},
	{name: "`find -delete`, `sed -i`, `sort -o`, `tar -x` outside", script: `find $O -name victim -delete; sed -i s/o/p/ $O/victim; sort -o $O/pwned notes; tar cf x.tar notes; tar xf x.tar -C $O && echo GOT`, outcome: refused, allow: []string{"find", "sed", "sort", "tar"}, tree: true},
	{name: "start-up files: `~/.bashrc`, `authorized_keys`, cron", script: `echo >>$HOME/.bashrc && echo GOT; echo >>/etc/crontab && echo GOT; echo >/etc/cron.d/execkit-escape && echo GOT; echo >/etc/ld.so.preload && echo GOT`, outcome: refused, alone: true},
	{name: "kernel settings: `/proc/sys`, `/sys`", script: `echo x >/proc/sys/kernel/core_pattern && echo GOT; echo 0 >/proc/sys/kernel/randomize_va_space && echo GOT; echo >/sys/kernel/uevent_helper && echo GOT; echo 0 >/proc/self/oom_score_adj && echo GOT`, outcome: refused, alone: true},
	{name: "disks and memory: `/dev/vda`, `/dev/mem`, `/dev/kmsg`", script: `for d in /dev/vd* /dev/sd* /dev/mem /dev/kmsg /dev/nvme*; do [ -e $d ] && read -r -N1 x <$d && echo GOT; done`, outcome: refused, alone: true},
	{name: "the session's own pipes: making or removing files beside them", script: `for d in /dev/shm/execkit-[0-9]*/; do echo >$d/x && echo GOT; rm $d/out && echo GOT; done`, outcome: refused, allow: []string{"rm"}, alone: true},
	{name: "modes and times outside, while no tree may be written", script: `chmod 777 $O/victim && echo GOT; touch -d 2001-01-01 $O/victim && echo GOT`, outcome: refused, allow: []string{"chmod --version", "touch --version"}},
	{name: "modes and times outside, while a tree may be written", script: `chmod 600 $O/victim && echo GOT`, outcome: open, allow: []string{"chmod"}, tree: true},
	{name: "reading data outside", script: `read -r x <$O/victim && echo GOT`, outcome: open},
}

func TestEscapes(t *testing.T) {
	if k := enforce.Probe(); !k.Enforces() {
		t.Skip("this kernel cannot confine: ", k.Missing)
	}
	documented, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	program, library, tool := build(t)
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(documented), "| "+a.name+" | "+a.outcome) {
				t.Errorf("docs/policy.md does not tell: | %s | %s |", a.name, a.outcome)
			}
			out, hurt := try(t, a, program, library, tool, "require")
			got := strings.Contains(out, "GOT") || strings.Contains(out, "uid=") || strings.Contains(out, "\n"+strconv.Itoa(os.Getuid())+"\n")
			if want := a.outcome != refused; got != want {
				t.Errorf("got through: %t, want %t\n%s", got, want, out)
			}
			if hurt {
				t.Errorf("a file outside changed\n%s", out)
			}
			if a.outcome == refused && !a.alone {
				// Without the confinement it works, so it is the confinement that refuses it.
				out, hurt := try(t, a, program, library, tool, "off")
				if !strings.Contains(out, "GOT") && !strings.Contains(out, "uid=") && !hurt {
					t.Errorf("it fails without the confinement too\n%s", out)
				}
			}
		})
	}
	if len(attempts) < 30 {
		t.Errorf("%d attempts", len(attempts))
	}
}

// try runs an attempt in a session and returns its output and whether a file outside changed.
func try(t *testing.T, a attempt, program, library, tool, enforcement string) (out string, hurt bool) {
	top := t.TempDir()
	work, outside := filepath.Join(top, "work"), filepath.Join(top, "outside")
	for _, dir := range []string{work, outside} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put := func(path, from string, mode os.FileMode) {
		text := []byte("old\n")
		if from != "" {
			var err error
			if text, err = os.ReadFile(from); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, text, mode); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(outside, "victim"), "", 0o644)
	put(filepath.Join(work, "notes"), "", 0o644)
	put(filepath.Join(work, "escape"), program, 0o644)
	put(filepath.Join(work, "escape.so"), library, 0o644)
	put(filepath.Join(work, "tool"), tool, 0o755)

	object := map[string]any{"default": "deny", "allow": append([]string{"ls", "cat"}, a.allow...), "enforce": enforcement, "write": []string{}, "network": false}
	if a.tree {
		object["write"] = []string{"."}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(context.Background(), "local", Config{Policy: p, Cwd: work})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	abstract, path := listen(t, "@execkit-escape-"+filepath.Base(filepath.Dir(top))+strconv.Itoa(os.Getpid())+enforcement), listen(t, filepath.Join(top, "s"))
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	prelude := ""
	for _, v := range [][2]string{
		{"W", work}, {"T", s.env["TMPDIR"]}, {"O", outside}, {"E", filepath.Join(work, "escape")}, {"L", filepath.Join(work, "escape.so")},
		{"H", strconv.Itoa(os.Getpid())}, {"LD", loader(t)}, {"A", strings.TrimPrefix(abstract, "@")}, {"S", path}, {"P", port},
	} {
		prelude += v[0] + "=" + engine.Quote(v[1]) + "\n"
	}
	var stdout, stderr bytes.Buffer
	s.shell.Run(context.Background(), engine.Command{Text: prelude + a.script, Timeout: 20 * time.Second, Stdout: &stdout, Stderr: &stderr})
	text, err := os.ReadFile(filepath.Join(outside, "victim"))
	entries, _ := os.ReadDir(outside)
	return stdout.String() + stderr.String(), err != nil || string(text) != "old\n" || len(entries) != 1
}

func listen(t *testing.T, name string) string {
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return name
}

// loader returns the ELF loader of the shell.
func loader(t *testing.T) string {
	found, _ := filepath.Glob("/lib*/ld-linux-*.so.*")
	if len(found) == 0 {
		t.Fatal("no loader")
	}
	return found[0]
}

// build compiles what tries to escape, and a program that only says that it runs.
func build(t *testing.T) (program, library, tool string) {
	dir := t.TempDir()
	program, library, tool = filepath.Join(dir, "escape"), filepath.Join(dir, "escape.so"), filepath.Join(dir, "tool")
	for _, arguments := range [][]string{{"-o", program}, {"-o", tool}, {"-shared", "-fPIC", "-DLIBRARY", "-o", library}} {
		cmd := osexec.Command("cc", append(arguments, "-O1", "testdata/escape.c")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return program, library, tool
}
