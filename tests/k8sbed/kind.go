package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// kindOf is the annotation of a pod that says what its containers are like; without it there is nothing odd about them.
const kindOf = "k8sbed/kind"

// A kind is what the programs of a container find.
type kind struct {
	// mounts is run by a shell in a mount namespace that the program then has for itself.
	mounts string
	// sh takes the place of the shell.
	sh string
	// uid and gid that no file of users knows; 0 for those of the bed.
	uid, gid int
	env      []string
}

// readOnly leaves nothing to write on.
const readOnly = "for m in / /tmp /run /dev/shm; do mount -o remount,ro,bind $m 2>/dev/null; done; "

var kinds = map[string]kind{
	"":           {},
	"read-only":  {mounts: readOnly},
	"full-disk":  {mounts: readOnly + "mount -t tmpfs -o size=16k none /tmp && "},
	"no-proc":    {mounts: "mount -t tmpfs none /proc && "},
	"stranger":   {uid: 4242, gid: 4343},
	"variables":  {env: variables()},
	"liar":       {sh: "#!/bin/sh\nwhile :; do echo garbage; done\n"},
	"parrot":     {sh: "#!/bin/cat\n"},
	"no-shell":   {sh: "neither a script nor a program\n"},
	"short-life": {sh: "#!/bin/sh\nexit 9\n"},
}

func variables() []string {
	list := make([]string, 1000)
	for i := range list {
		list[i] = fmt.Sprintf("VARIABLE_%d=%s", i, strings.Repeat("v", 100))
	}
	return list
}

// command makes the command of a program. A kind that changes what the kernel shows needs a user namespace where the bed
// does not run as root.
func (c *container) command(argv []string) (*exec.Cmd, error) {
	k, known := kinds[c.kind]
	if !known {
		return nil, fmt.Errorf("no kind %q", c.kind)
	}
	path := os.Getenv("PATH")
	if k.sh != "" {
		path = c.own + ":" + path
		if err := os.MkdirAll(c.own, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(c.own, "sh"), []byte(k.sh), 0o755); err != nil {
			return nil, err
		}
	}
	program, err := lookIn(path, argv[0])
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: program, Args: argv, Dir: "/", SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	cmd.Env = append([]string{"PATH=" + path, "HOME=/", "HOSTNAME=bed"}, k.env...)
	attr := cmd.SysProcAttr
	inside := 0 // the user in the namespace
	if k.mounts != "" {
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", k.mounts + `exec "$@"`, "sh", program}, argv[1:]...)
		attr.Cloneflags |= syscall.CLONE_NEWNS
	}
	if k.uid != 0 {
		inside = k.uid
		attr.Credential = &syscall.Credential{Uid: uint32(k.uid), Gid: uint32(k.gid), NoSetGroups: os.Geteuid() != 0}
	}
	if os.Geteuid() != 0 && (k.mounts != "" || k.uid != 0) {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: k.gid, HostID: os.Getegid(), Size: 1}}
	}
	return cmd, nil
}

// lookIn finds a program on a PATH.
func lookIn(path, name string) (string, error) {
	if strings.Contains(name, "/") {
		return exec.LookPath(name)
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}
