//go:build linux && !amd64

package engine

import "golang.org/x/sys/unix"

// waitCalls are the system calls in which a program waits for input. A kernel without old programs (arm64) has only the
// newer form of each.
var waitCalls = map[int64]string{
	unix.SYS_READ: "read", unix.SYS_READV: "readv", unix.SYS_PPOLL: "ppoll", unix.SYS_PSELECT6: "pselect6",
	unix.SYS_EPOLL_PWAIT: "epoll_pwait", unix.SYS_EPOLL_PWAIT2: "epoll_pwait2",
}
