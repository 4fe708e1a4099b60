// Package enforce confines a session's processes with what the Linux kernel offers: Landlock, seccomp, no_new_privs
// and fewer capabilities. It stands behind the parser: a hole in the fence then leads to the granted programs with free
// arguments, and not to the machine.
//
// # How
//
// [Confinement.Start] locks a goroutine to its thread, confines that thread, starts the child from it and lets the
// thread die. Landlock domains, seccomp filters and no_new_privs belong to a thread and are inherited by its children,
// so the child's whole tree is confined and no other thread of the host is.
//
// # What holds
//
//   - Executed are the shell, the granted programs' own files, the interpreters that a granted script names in its first
//     line, and the ELF loaders that these need. A grant is for the file (inode) and not for its name: a copy, a
//     file renamed over it and a link to another program are not granted. A granted program in a tree that may be written
//     is not executed, since it could be overwritten in place.
//   - Written, made, removed, truncated and renamed are files below the granted trees, and besides them /dev/null and the
//     session's terminal. Device files are never made.
//   - Read is, where the rules name trees, only those and the system's own; otherwise every file except the programs in the system's program directories and in PATH that are not granted, and
//     the devices. That is wide on purpose: which data a program needs (locales, zones, libraries, sources) cannot be
//     listed, and a fence in which ls fails is switched off. Unreadable programs close the route of handing one to the
//     loader. What is created directly in / or /usr after the session opened is unreadable.
//   - No Internet socket is opened, TCP is neither bound nor connected, and of other families only Unix and netlink
//     sockets exist. A policy has no key that grants a port yet.
//   - Signals, ptrace and abstract Unix sockets reach no process outside the session.
//   - What would get around this is refused: memfd_create, execveat, ptrace, process_vm_*, io_uring, pidfd_getfd, bpf,
//     keyctl, mounts, namespaces, open_by_handle_at and the like. A system call of another architecture ends the process.
//   - Where no tree may be written, modes, owners, times and extended attributes cannot be changed either.
//
// # What is not promised
//
//   - A granted program does what it can do by itself: python removes files (in the granted trees), cat reads secrets.
//     Reading is confined only where the rules say which trees.
//   - The loader has to be executable for a shell that is not static. A file that the session may write and read, or a
//     program below /usr/lib, /opt or the home directory, can be run with ld.so FILE, LD_PRELOAD or enable -f. It gains
//     native code inside this confinement, which still writes only the granted trees and starts only the granted programs.
//   - A program with many names is one file: granting one applet of busybox grants all.
//   - Where a tree may be written, chmod, chown, touch and setfattr work outside of it too, as far as the user's rights
//     go; Landlock has no right for them and seccomp sees no paths.
//   - Unix sockets that have a path can be connected to. Whoever may talk to the Docker daemon is not confined by this.
//   - A program that starts others (make, npm, man) needs them granted, sh included; git finds its own helpers.
//   - No setuid program gains rights (sudo, su, ping), and a program for another architecture does not run.
//   - A here-document too large for a pipe (64 KiB) needs TMPDIR in a granted tree.
//   - Time, memory and processes are not limited.
package enforce
