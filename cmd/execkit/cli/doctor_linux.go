package cli

import (
	"golang.org/x/sys/unix"
)

func checkMemfd() finding {
	fd, err := unix.MemfdCreate("execkit-doctor", unix.MFD_CLOEXEC)
	if err == nil {
		_ = unix.Close(fd)
	}
	return verdict("memfd", "memfd_create works", err, "use a kernel from 3.17 on, and allow memfd_create in the container's seccomp profile")
}

func checkPTY() finding {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return verdict("pty", "/dev/ptmx opens", err, "mount devpts at /dev/pts (mount -t devpts devpts /dev/pts) and make /dev/ptmx writable")
}
