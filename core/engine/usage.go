package engine

import "time"

// Limits are what the kernel holds each process of a shell to; 0 is none.
type Limits struct {
	// FileBytes bounds a file that is written, DataBytes the memory of a process's own, CPU its processor time, in whole
	// seconds.
	FileBytes, DataBytes int64
	CPU                  time.Duration
	// Group, if set, takes the shell and everything that it starts.
	Group *Cgroup
}

// A Usage is what the processes of a session use together. The shells and what supervises them count for CPU alone.
type Usage struct {
	Processes int
	// Memory is what is each process's own (without what it shares through files), in bytes.
	Memory int64
	CPU    time.Duration
}

// A Meter measures the processes of one session. With a Group it knows them all. Without, it knows those below its shells,
// those in their terminal sessions, and from then on those that were ever seen there and what they start: a process that
// leaves both counts on, but one whose parent was gone before anyone looked is not known. It is not safe for concurrent
// use.
type Meter struct {
	Group *Cgroup

	known map[int]seen
	owed  map[int]debt // by the pid of the parent
	gone  int64        // ticks of CPU of those that ended and that nobody waited for
	high  int64        // the most that was ever counted
}

// seen is what a process was when it was last measured.
type seen struct {
	started       uint64
	parent        int
	ticks, reaped int64
}

// A debt is what children had used that are gone: their parent's own count has it as soon as that waited for them.
type debt struct {
	started       uint64
	ticks, reaped int64 // of the children; what the parent's count was before
}
