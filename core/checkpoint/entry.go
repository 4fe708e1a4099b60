package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// A Hash is the address of an object. The zero value stands for a chunk that holds only zeros.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// A Kind is what an entry of a workspace is.
type Kind byte

const (
	File    Kind = 'f'
	Dir     Kind = 'd'
	Symlink Kind = 'l'
	// Unsaved is something that is there and that a checkpoint does not hold: Entry.Why says why.
	Unsaved Kind = 'x'
)

func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Dir:
		return "directory"
	case Symlink:
		return "symbolic link"
	}
	return "unsaved"
}

// An Entry is one name of a workspace.
type Entry struct {
	// Path is relative to the workspace, with '/' between its parts; they may hold every other byte but NUL.
	Path string
	Kind Kind
	// Mode holds the permission bits with setuid, setgid and sticky (07777); of symbolic links it is 0.
	Mode     uint32
	UID, GID uint32
	// Size is the length of a file in bytes.
	Size int64
	// Chunks are the contents of a file, chunkSize bytes each but for the last; nil where they are not known yet.
	Chunks []Hash
	// Target is where a symbolic link leads.
	Target string
	// Why says why an entry is Unsaved.
	Why string
	// Stat tells whether the entry changed since it was last seen. It is not part of a checkpoint.
	Stat Stat
}

// A Stat is what changes when a file does. Times are nanoseconds since 1970; a Change of 0 is unknown, and the file has
// to be looked at again.
type Stat struct {
	Device, Inode    uint64
	Modified, Change int64
}

// chunkSize is the unit in which contents are stored: large enough that an ordinary file is one object, small enough
// that a change in a large one does not store it all again.
const chunkSize = 1 << 20

// same reports whether two entries are equal as far as a checkpoint holds them.
func (e *Entry) same(o *Entry) bool {
	if e.Kind != o.Kind || e.Mode != o.Mode || e.UID != o.UID || e.GID != o.GID {
		return false
	}
	return e.sameContent(o)
}

func (e *Entry) sameContent(o *Entry) bool {
	if e.Kind != o.Kind || e.Size != o.Size || e.Target != o.Target || e.Why != o.Why || len(e.Chunks) != len(o.Chunks) {
		return false
	}
	for i := range e.Chunks {
		if e.Chunks[i] != o.Chunks[i] {
			return false
		}
	}
	return true
}

// unchanged reports whether a file is, by what the file system says, still the one that was seen before.
func (e *Entry) unchanged(before *Entry) bool {
	return e.Kind == before.Kind && e.Stat == before.Stat && e.Stat.Change != 0 && e.Size == before.Size && e.Mode == before.Mode &&
		e.UID == before.UID && e.GID == before.GID
}

// unsaved returns the entry as one that is not saved.
func (e Entry) unsaved(why string) Entry {
	return Entry{Path: e.Path, Kind: Unsaved, Mode: e.Mode, UID: e.UID, GID: e.GID, Why: why, Stat: e.Stat}
}

// comparePaths orders paths so that a directory comes directly before what it holds.
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

func compareEntries(a, b Entry) int { return comparePaths(a.Path, b.Path) }

// parent returns the path of the directory that holds path, "" for the workspace itself.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
