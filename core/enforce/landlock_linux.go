package enforce

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The rights of a tree that may be written. Device files are never made: one would be another door to a disk.
const (
	writeFile = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	writeTree = writeFile | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_REFER
	execute  = unix.LANDLOCK_ACCESS_FS_EXECUTE
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	// fileRights are those that a rule for a file may hold.
	fileRights = writeFile | execute | readFile | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled returns everything that is refused where no rule grants it. Listing directories stays free: names are no
// secret here, and globs need them.
func handled(abi int, freeNetwork bool) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{
		Handled_access_fs: execute | readFile | writeTree | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK,
	}
	if abi >= 4 && !freeNetwork {
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	return a
}

// ruleNetPort is LANDLOCK_RULE_NET_PORT of linux/landlock.h.
const ruleNetPort = 2

// A grant is one rule.
type grant struct {
	path   string
	rights uint64
}

// A Confinement is what one session's processes may do. It may be used for several starts, also at once.
type Confinement struct {
	grants   []grant
	ports    []uint16
	free     bool     // the network is not confined
	write    []string // real paths
	withheld []string
	filter   []unix.SockFilter
}

// New works the rules out. What is asked for and cannot be granted is in [Confinement.Withheld].
func New(r Rules) (*Confinement, error) {
	if k := Probe(); !k.Enforces() {
		return nil, errors.ErrUnsupported
	}
	c := &Confinement{}
	for _, path := range r.Write {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			// A rule is for a file that exists: nothing can be granted to a name.
			c.withheld = append(c.withheld, "write "+path+": it does not exist")
			continue
		}
		c.write = append(c.write, real)
		c.add(real, writeTree|readFile)
	}
	c.free = r.Network && r.Ports == nil
	limited := r.Network && r.Ports != nil
	if limited && Probe().Landlock < 4 {
		c.withheld, limited = append(c.withheld, "network: without Landlock 4 (Linux 6.7) no port can be told from another, so it is closed"), false
	}
	if limited {
		c.ports = r.Ports
	}
	// A temporary directory of its own is no reason to let modes and owners be changed elsewhere.
	c.filter = filter(len(c.write) == 0, c.free || limited, limited)
	if r.Temp != "" {
		if real, err := filepath.EvalSymlinks(r.Temp); err == nil {
			c.write = append(c.write, real)
			c.add(real, writeTree|readFile)
		}
	}
	c.add("/dev/null", writeFile|readFile)
	c.add("/dev/tty", writeFile|readFile|unix.LANDLOCK_ACCESS_FS_IOCTL_DEV)
	if r.AnyProgram {
		c.add("/", execute)
	} else {
		c.grantPrograms(r)
	}
	c.grantReading(r)
	return c, nil
}

func (c *Confinement) add(path string, rights uint64) {
	c.grants = append(c.grants, grant{path, rights})
}

// Writable reports whether path is in a tree that may be written.
func (c *Confinement) Writable(path string) bool { return belowAny(path, c.write) }

// Executable reports whether a file, given by its real path, is granted to be executed.
func (c *Confinement) Executable(path string) bool {
	return slices.ContainsFunc(c.grants, func(g grant) bool { return g.rights&execute != 0 && below(path, g.path) })
}

func (c *Confinement) grantPrograms(r Rules) {
	granted, seen := make(map[string]bool), make(map[string]bool)
	for i, program := range slices.Concat([]string{r.Shell}, r.Programs) {
		for _, file := range executables(program, seen) {
			if granted[file] {
				continue
			}
			granted[file] = true
			// A file that can be overwritten in place is every program. The shell itself is not in question: without it
			// there is no session, and what replaces it is still confined.
			if c.Writable(file) && i > 0 {
				c.withheld = append(c.withheld, "execute "+file+": it is in a tree that may be written")
				continue
			}
			c.add(file, execute|readFile)
		}
		for _, pattern := range helpers[filepath.Base(program)] {
			if below, ok := strings.CutPrefix(pattern, "~"); ok {
				if !filepath.IsAbs(r.Home) {
					continue
				}
				pattern = r.Home + below
			}
			found, _ := filepath.Glob(pattern)
			for _, real := range resolve(found) {
				if !c.Writable(real) {
					c.add(real, execute|readFile)
				}
			}
		}
	}
}

func (c *Confinement) grantReading(r Rules) {
	excluded := []string{"/dev"}
	if !r.AnyProgram {
		excluded = append(excluded, systemDirs()...)
		open := slices.Concat(resolve(r.Open), c.write)
		for _, dir := range resolve(r.ProgramDirs) {
			// Excluding a directory would make its neighbours that are created later unreadable too, in the very
			// places where people work.
			if dir != "/" && !belowAny(dir, open) && !slices.ContainsFunc(open, func(o string) bool { return below(o, dir) }) {
				excluded = append(excluded, dir)
			}
		}
	}
	trees := []string{"/"}
	if r.Read != nil {
		trees = resolve(slices.Concat(systemTrees, r.Read))
	}
	for _, top := range trees {
		for _, tree := range around(top, excluded) {
			c.add(tree, readFile)
		}
	}
	for _, device := range devices {
		c.add(device, readFile)
	}
	c.add("/dev/shm", readFile)
}

// ruleset makes the kernel's object of the grants.
func (c *Confinement) ruleset(e Engine) (fd int, err error) {
	attr := handled(Probe().Landlock, c.free)
	number, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), rulesetSize(Probe().Landlock), 0)
	if errno != 0 {
		return -1, errorf("landlock_create_ruleset", errno)
	}
	fd = int(number)
	grants := slices.Clone(c.grants)
	if e.Pipes != "" {
		grants = append(grants, grant{e.Pipes, unix.LANDLOCK_ACCESS_FS_WRITE_FILE | readFile})
	}
	if e.Terminal != "" {
		grants = append(grants, grant{e.Terminal, writeFile | readFile | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV})
	}
	for _, g := range grants {
		if err := addRule(fd, g, attr.Handled_access_fs); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	for _, port := range c.ports {
		// struct landlock_net_port_attr
		rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(fd), ruleNetPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if errno != 0 {
			unix.Close(fd)
			return -1, errorf("landlock_add_rule for a port", errno)
		}
	}
	return fd, nil
}

// rulesetSize: a kernel refuses a structure that is larger than it knows, unless the rest is zero.
func rulesetSize(abi int) uintptr {
	switch {
	case abi < 4:
		return 8
	case abi < 6:
		return 16
	}
	return 24
}

func addRule(ruleset int, g grant, handled uint64) error {
	file, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EACCES) {
		return nil // gone since, or not the user's to see: then there is nothing to grant
	}
	if err != nil {
		return errorf("open "+g.path, err)
	}
	defer unix.Close(file)
	rule := unix.LandlockPathBeneathAttr{Allowed_access: g.rights & handled, Parent_fd: int32(file)}
	add := func() unix.Errno {
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		return errno
	}
	errno := add()
	if errno == unix.EINVAL {
		// Some rights are for directories alone, and this is a file.
		rule.Allowed_access &= fileRights
		errno = add()
	}
	if errno != 0 {
		return errorf("landlock_add_rule "+g.path, errno)
	}
	return nil
}
