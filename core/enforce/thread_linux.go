package enforce

import (
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Start runs start on a thread that is confined, and that dies afterwards: a process that start starts is confined, and
// nothing else is. Where any part of the confinement fails, start does not run.
func (c *Confinement) Start(e Engine, start func() error) error {
	ruleset, err := c.ruleset(e)
	if err != nil {
		return err
	}
	defer unix.Close(ruleset)
	done := make(chan error)
	go func() {
		// Never unlocked: the runtime ends the thread of a goroutine that ends locked, and it makes no new thread from a
		// locked one, so nothing of the confinement passes on to another part of the host.
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- c.startHere(ruleset, start)
			return
		}
		// The main thread does not end with its goroutine, and its confinement is what /proc/PID shows of the host: a
		// session could then look into the host's memory. While this goroutine holds it, another one gets another thread.
		defer runtime.UnlockOSThread()
		inner := make(chan error)
		go func() {
			runtime.LockOSThread()
			inner <- c.startHere(ruleset, start)
		}()
		done <- <-inner
	}()
	return <-done
}

func (c *Confinement) startHere(ruleset int, start func() error) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return errorf("no_new_privs", err)
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return errorf("landlock_restrict_self", errno)
	}
	if err := install(c.filter); err != nil {
		return err
	}
	return start()
}

// dangerous are the capabilities of a host that runs as root with which a session could change what confines it, or
// reach files past their names: /proc/self/map_files (an executable without a file), raw devices, handles, modules.
// What root's ordinary work needs (owning, killing, reading all files) is left.
var dangerous = []int{
	unix.CAP_SYS_ADMIN, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYS_PTRACE, unix.CAP_SYS_BOOT, unix.CAP_SYS_TIME, unix.CAP_SYS_CHROOT,
	unix.CAP_MKNOD, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_MAC_ADMIN, unix.CAP_MAC_OVERRIDE, unix.CAP_LINUX_IMMUTABLE,
	unix.CAP_DAC_READ_SEARCH, unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_CHECKPOINT_RESTORE, unix.CAP_SETPCAP, unix.CAP_SETFCAP,
}

// dropCapabilities takes them from the calling thread. With no_new_privs an exec by root gains none that the thread
// lacks (capabilities(7)), so the bounding set need not change.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return errorf("capget", err)
	}
	for _, capability := range dangerous {
		set, bit := &sets[capability/32], uint32(1)<<(capability%32)
		set.Effective, set.Permitted, set.Inheritable = set.Effective&^bit, set.Permitted&^bit, set.Inheritable&^bit
	}
	// An ambient capability goes with the permitted one.
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return errorf("capset", err)
	}
	return nil
}

// Missing names what of the rules could not be had, with the kernel's own gaps.
func (c *Confinement) Missing() []string { return slices.Concat(c.withheld, Probe().Missing) }

// Withheld names what the rules ask for and the confinement does not grant.
func (c *Confinement) Withheld() []string { return slices.Clone(c.withheld) }
