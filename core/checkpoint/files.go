package checkpoint

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// Files is how the files of one workspace are reached. It is all that a transport has to offer; [Local] is the one for
// this machine. Its methods are not called concurrently. Every path that it takes is relative to the workspace, and
// it must neither follow a symbolic link below the workspace nor leave it.
type Files interface {
	// Scan visits everything below the workspace, a directory before what it holds, with everything but Chunks. What skip
	// reports is neither visited nor entered. A workspace that does not exist is empty.
	Scan(ctx context.Context, skip func(path string, dir bool) bool, visit func(Entry) error) error
	// Read opens the files one after another. each gets the index in files and the contents up to the entry's size, or
	// the error of the one file; an error that it returns ends the reading.
	Read(ctx context.Context, files []Entry, each func(i int, content io.Reader, err error) error) error
	// Apply makes the changes in their order, each as a whole or not at all. get returns the contents of a chunk. done gets
	// the error of each operation; one that fails does not stop the others.
	Apply(ctx context.Context, ops []Op, get func(Hash) ([]byte, error), done func(i int, err error)) error
}

// A Clock is Files whose times are not those of this machine's clock.
type Clock interface {
	// Scanned returns when, by the clock of the files, the last Scan began; the zero time where that is unknown.
	Scanned() time.Time
}

// A HoleReader is a content that knows its holes. SkipHole moves past whole chunks of zeros, counted from the position of
// the last chunk, and returns how many they were.
type HoleReader interface {
	io.Reader
	SkipHole() int64
}

// An Action is what an [Op] does.
type Action string

const (
	Remove    Action = "remove" // a file, a symbolic link or an empty directory
	MakeDir   Action = "mkdir"
	WriteFile Action = "write" // create or replace
	WriteLink Action = "link"  // create or replace
	SetMode   Action = "mode"  // and owner
)

// An Op is one change of a restore.
type Op struct {
	Action Action
	Path   string
	// Expect is what is there now, nil for nothing; where something else is found, the operation fails with ErrChanged.
	Expect *Entry
	// Want is what is to be there; nil for Remove.
	Want *Entry
}

var (
	// ErrChanged says that a name is no longer what it was when the restore was planned.
	ErrChanged = errors.New("it changed while the restore ran")
	// ErrMount says that a file is on another file system than the workspace.
	ErrMount    = errors.New(WhyMount)
	errNotThere = fs.ErrNotExist
)

// Reasons why something is not saved.
const (
	WhySpecial    = "neither a file nor a directory nor a symbolic link"
	WhyMount      = "a mount point"
	WhyUnreadable = "it cannot be read"
	WhyDeep       = "the directories are too deep"
	whyTooLarge   = "it is larger than the limit for one file"
)
