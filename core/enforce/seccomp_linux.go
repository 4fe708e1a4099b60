package enforce

import (
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denied are the system calls that get around Landlock, or reach what it does not know.
var denied = []uint32{
	// Programs that are in no file: Landlock lets everything on the kernel's internal mounts pass. execveat starts
	// what a descriptor names; fexecve then falls back to a path below /proc, which Landlock sees.
	unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_EXECVEAT,
	// Other processes: taking their memory, descriptors or place.
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	// A second way to make system calls, which no filter sees.
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	// The kernel's attack surface, and what outlives the session in it.
	unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	// Another view of the files: mounts and namespaces. A new mount would also be a place that no rule was made for.
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE_ATTR, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_FANOTIFY_INIT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
	// The machine itself.
	unix.SYS_REBOOT, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_SETTIMEOFDAY,
	unix.SYS_CLOCK_SETTIME, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
}

// attributes change a file without writing to it, which Landlock has no right for.
var attributes = []uint32{
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR,
	unix.SYS_SETXATTRAT, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR,
}

const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

const (
	allow = unix.SECCOMP_RET_ALLOW
	eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// enosys makes the C library fall back to what the filter can look into.
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	kill   = unix.SECCOMP_RET_KILL_PROCESS
)

// The offsets in struct seccomp_data. Both architectures are little-endian, so the low half of an argument comes first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func argument(n uint32) unix.SockFilter { return load(offArgs + 8*n) }

// jump compares the accumulator with k and skips yes or no instructions.
func jump(how uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | how, Jt: yes, Jf: no, K: k}
}

func answer(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// filter writes the program. keepAttributes refuses changes of modes, owners and times; network lets Internet sockets be
// opened, and limited keeps those to what Landlock can look into.
func filter(keepAttributes, network, limited bool) []unix.SockFilter {
	p := []unix.SockFilter{
		load(offArch), jump(unix.BPF_JEQ, auditArch, 1, 0), answer(kill),
		load(offNumber), jump(unix.BPF_JGE, x32Bit, 0, 1), answer(kill),
	}
	numbers := slices.Concat(denied, archDenied)
	if keepAttributes {
		numbers = slices.Concat(numbers, attributes, archAttributes)
	}
	for _, number := range numbers {
		p = append(p, jump(unix.BPF_JEQ, number, 0, 1), answer(eperm))
	}
	// clone3 has its flags in memory, where a filter cannot look and a second thread can change them.
	p = append(p, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), answer(enosys))
	p = append(p, on(unix.SYS_CLONE, argument(0), jump(unix.BPF_JSET, namespaceFlags, 0, 1), answer(eperm))...)
	p = append(p, on(unix.SYS_SOCKET, sockets(network, limited)...)...)
	if limited {
		// A connection opened by the first send is none that Landlock sees.
		for call, flags := range map[uint32]uint32{unix.SYS_SENDTO: 3, unix.SYS_SENDMSG: 2, unix.SYS_SENDMMSG: 3} {
			p = append(p, on(call, argument(flags), jump(unix.BPF_JSET, unix.MSG_FASTOPEN, 0, 1), answer(eperm))...)
		}
	}
	// Text pushed into a terminal's input would be read by another program as typed.
	p = append(p, on(unix.SYS_IOCTL, argument(1), jump(unix.BPF_JEQ, unix.TIOCSTI, 1, 0), jump(unix.BPF_JEQ, tiocLinux, 0, 1), answer(eperm))...)
	return append(p, answer(allow))
}

// sockets says which may be opened. Landlock guards TCP alone, and only bind and connect: not MPTCP, SCTP, vsock, raw
// sockets or an implicit bind by listen. Without a socket there is none of them.
func sockets(network, limited bool) []unix.SockFilter {
	p := []unix.SockFilter{
		argument(0), jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 1), answer(allow), jump(unix.BPF_JEQ, unix.AF_NETLINK, 0, 1), answer(allow),
	}
	if !network {
		return append(p, answer(eperm))
	}
	p = append(p, jump(unix.BPF_JEQ, unix.AF_INET, 2, 0), jump(unix.BPF_JEQ, unix.AF_INET6, 1, 0), answer(eperm))
	if !limited {
		return append(p, answer(allow))
	}
	const kindOfSocket = 0xf // the rest of the type are SOCK_CLOEXEC and SOCK_NONBLOCK
	p = append(p, argument(1), unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: kindOfSocket},
		jump(unix.BPF_JEQ, unix.SOCK_STREAM, 2, 0), jump(unix.BPF_JEQ, unix.SOCK_DGRAM, 1, 0), answer(eperm), argument(2))
	for _, protocol := range []uint32{0, unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6} {
		p = append(p, jump(unix.BPF_JEQ, protocol, 0, 1), answer(allow))
	}
	return append(p, answer(eperm))
}

const tiocLinux = 0x541C

// on runs body, which falls out of its end to allow, for one call; the accumulator holds the number before and after.
func on(number uint32, body ...unix.SockFilter) []unix.SockFilter {
	p := []unix.SockFilter{jump(unix.BPF_JEQ, number, 0, uint8(len(body)+1))}
	return append(append(p, body...), answer(allow))
}

// install puts the filter on the calling thread. It needs no_new_privs.
func install(p []unix.SockFilter) error {
	program := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	// SPEC_ALLOW: else the kernel slows every program of the session down against speculation between the filter and it.
	err := seccomp(unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program)
	runtime.KeepAlive(p)
	if err != nil {
		return errorf("seccomp", err)
	}
	return nil
}

func seccomp[T any](operation, flags uintptr, argument *T) error {
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, operation, flags, uintptr(unsafe.Pointer(argument)))
	if errno != 0 {
		return errno
	}
	return nil
}
