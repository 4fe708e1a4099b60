package cli

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/rpc"
)

// A finding is one line of the doctor. Fix says what to do when it is not OK.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

func doctorCommand() command {
	return command{
		name: "doctor", summary: "Check what execkit needs of this machine, with a fix for each thing missing",
		examples: []string{"execkit doctor", "execkit doctor --json"},
		bind: func(*flag.FlagSet) func(*app, []string) (int, error) {
			return func(a *app, args []string) (int, error) {
				if err := noArguments("doctor", args); err != nil {
					return 0, err
				}
				return runDoctor(a), nil
			}
		},
	}
}

func runDoctor(a *app) int {
	findings := []finding{
		{Name: "execkit", OK: true, Detail: fmt.Sprintf("%s, %s/%s, %s", execkit.Version, runtime.GOOS, runtime.GOARCH, runtime.Version())},
		checkSystem(), checkBash(), checkSyscallFile(), checkMemfd(), checkPTY(), checkSession(a), checkConfinement(a),
	}
	status := exitOK
	for _, f := range findings {
		if !f.OK {
			status = exitFailure
		}
	}
	if a.json {
		a.ok(facts(a, map[string]any{"healthy": status == exitOK, "checks": findings}))
		return status
	}
	for _, f := range findings {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
		}
		fmt.Fprintf(a.stdout, "%s %-8s %s\n", mark, f.Name, f.Detail)
		if f.Fix != "" {
			fmt.Fprintf(a.stdout, "              fix: %s\n", f.Fix)
		}
	}
	return status
}

// facts adds what this build can do and how much it takes, for programs.
func facts(a *app, found map[string]any) map[string]any {
	server := rpc.NewServer()
	defer server.Close()
	for _, name := range []string{"capabilities", "limits"} {
		found[name], _ = server.Do(a.ctx, name+".get", nil)
	}
	return found
}

// verdict makes a finding of a check's outcome; the fix is only shown for a failure.
func verdict(name, detail string, err error, fix string) finding {
	if err != nil {
		return finding{Name: name, Detail: err.Error(), Fix: fix}
	}
	return finding{Name: name, OK: true, Detail: detail}
}

func checkSystem() finding {
	var u unix.Utsname
	err := unix.Uname(&u)
	return verdict("kernel", unix.ByteSliceToString(u.Sysname[:])+" "+unix.ByteSliceToString(u.Release[:]), err, "run execkit on Linux")
}

func checkBash() finding {
	const fix = "install bash with the system's package manager and have it in PATH"
	path, err := exec.LookPath("bash")
	if err != nil {
		return verdict("bash", "", err, fix)
	}
	out, err := exec.Command(path, "--norc", "--noprofile", "-c", "echo $BASH_VERSION").Output()
	return verdict("bash", path+" "+strings.TrimSpace(string(out)), err, fix)
}

// The engine reads this file of a process to tell one that waits for input from one that works.
func checkSyscallFile() finding {
	_, err := os.ReadFile("/proc/self/syscall")
	return verdict("syscall", "/proc/self/syscall is readable", err,
		"mount /proc, and allow reading it in the container's security profile; without it a waiting command is not recognised")
}

// checkSession opens one, which proves more than any list of parts.
func checkSession(a *app) finding {
	session, err := execkit.Open(a.ctx, "local", execkit.Config{})
	if err == nil {
		err = session.Close()
	}
	return verdict("session", "a local session opens and closes", err, "mend the failures above; if there are none, report this")
}

// checkConfinement opens a session that requires the kernel's part of the fence. What is missing of it is no failure of
// the machine's: sessions open without, and the answer says so.
func checkConfinement(a *app) finding {
	kernel := enforce.Probe()
	detail := fmt.Sprintf("landlock %d, seccomp %t", kernel.Landlock, kernel.Seccomp)
	err := error(nil)
	if kernel.Enforces() {
		var policy *execkit.Policy
		if policy, err = execkit.LoadPolicy([]byte(`{"default":"deny","allow":["ls"],"enforce":"require"}`)); err == nil {
			var session *execkit.Session
			if session, err = execkit.Open(a.ctx, "local", execkit.Config{Policy: policy}); err == nil {
				err = session.Close()
			}
		}
	}
	if err != nil {
		return finding{Name: "enforce", Detail: detail + ": " + err.Error(), Fix: "report this; policies with enforce \"off\" work without it"}
	}
	f := finding{Name: "enforce", OK: true, Detail: detail + ": the kernel confines fenced sessions"}
	if !kernel.Enforces() {
		f.Detail = detail + ": only the parser's part of a fence holds here"
	}
	if len(kernel.Missing) > 0 {
		f.Detail += "; missing: " + strings.Join(kernel.Missing, "; ")
		f.Fix = "use a newer kernel with CONFIG_SECURITY_LANDLOCK and landlock in its lsm= list; in a container, a seccomp profile that allows landlock_* and seccomp"
	}
	return f
}
