package enforce

// A Kernel is what the running kernel offers.
type Kernel struct {
	// Landlock is the version of its interface, 0 for none.
	Landlock int
	// Seccomp says whether filters can be installed, on an architecture whose numbers are known here.
	Seccomp bool
	// Missing names each part that the kernel lacks and what that leaves open.
	Missing []string
}

// Enforces reports whether the parts are there without which a confinement would not hold: files (with truncation,
// Landlock 3, Linux 6.2) and the filter of system calls. The others are only told in Missing.
func (k Kernel) Enforces() bool { return k.Landlock >= minLandlock && k.Seccomp }

const minLandlock = 3

// Rules say what a session's processes may do. Paths are absolute.
type Rules struct {
	// Shell is the shell's file, and Programs the granted ones'. AnyProgram grants all, and all reading.
	Shell      string
	Programs   []string
	AnyProgram bool
	// ProgramDirs are the directories whose programs are not readable unless granted, besides the system's own; those
	// below one of Open stay readable.
	ProgramDirs []string
	// Read, if not nil, are the only trees that may be read besides the system's own (systemTrees), what may be written
	// and the granted programs.
	Read []string
	// Open are directories in which new files must stay readable: the home and the first directory.
	Open []string
	// Home is the home directory, in which some programs keep parts of themselves; "" for none.
	Home string
	// Write are the files and trees that may be written.
	Write []string
	// Temp is a tree for temporary files, written as those of Write.
	Temp string
	// Network opens Internet sockets; with Ports only connections to these TCP ports, and UDP, which name resolution
	// needs.
	Network bool
	Ports   []uint16
}

// An Engine adds what only the caller of [Confinement.Start] knows: files and trees that its own protocol writes
// to (Pipes, no new files), and the session's terminal.
type Engine struct {
	Pipes    string
	Terminal string
}
