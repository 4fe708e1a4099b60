package engine

import "golang.org/x/sys/unix"

// waitCalls are the system calls in which a program waits for input.
var waitCalls = map[int64]string{
	unix.SYS_READ: "read", unix.SYS_READV: "readv", unix.SYS_POLL: "poll", unix.SYS_PPOLL: "ppoll",
	unix.SYS_SELECT: "select", unix.SYS_PSELECT6: "pselect6",
	unix.SYS_EPOLL_WAIT: "epoll_wait", unix.SYS_EPOLL_PWAIT: "epoll_pwait", unix.SYS_EPOLL_PWAIT2: "epoll_pwait2",
}
