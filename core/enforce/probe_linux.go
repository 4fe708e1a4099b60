package enforce

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Probe asks the kernel what it offers. The answer does not change while the process lives, so it is asked for once.
func Probe() Kernel { return probe() }

var probe = sync.OnceValue(func() Kernel {
	k := Kernel{Landlock: landlockABI(), Seccomp: seccompAvailable()}
	for _, part := range []struct {
		abi  int
		what string
	}{
		{1, "landlock (Linux 5.13; CONFIG_SECURITY_LANDLOCK and lsm=landlock): programs and files"},
		{3, "landlock 3 (Linux 6.2): truncating files"},
		{5, "landlock 5 (Linux 6.10): ioctl on devices"},
		{6, "landlock 6 (Linux 6.12): signals and abstract Unix sockets to processes outside the session"},
	} {
		if k.Landlock < part.abi {
			k.Missing = append(k.Missing, part.what)
		}
	}
	if !k.Seccomp {
		k.Missing = append(k.Missing, "seccomp filters (amd64 and arm64): system calls that get around Landlock")
	}
	return k
})

func landlockABI() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0 // not built in, switched off, or refused by a container's filter
	}
	return int(version)
}

// seccompAvailable asks for an action without installing anything.
func seccompAvailable() bool {
	action := uint32(unix.SECCOMP_RET_KILL_PROCESS)
	return auditArch != 0 && seccomp(unix.SECCOMP_GET_ACTION_AVAIL, 0, &action) == nil
}

func errorf(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
