package audit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// A Follower reads a log as it grows, across its rotation, and follows the chain. It is for one goroutine.
type Follower struct {
	path  string
	file  *os.File
	rest  []byte // a line that is not finished
	chain *chain
	found []*Record
}

// Follow begins at the first record of a log, which need not be there yet.
func Follow(path string) *Follower {
	f := &Follower{path: path, chain: newChain()}
	f.chain.each = func(text []byte, _ *line) bool {
		if r, err := decode(text); err == nil {
			f.found = append(f.found, r)
		}
		return true
	}
	return f
}

// Bad returns the first damage that was met; nothing after it is returned.
func (f *Follower) Bad() *Damage { return f.chain.damage }

// Poll returns the records since the last call, none if there are none. It does not wait.
func (f *Follower) Poll() ([]*Record, error) {
	f.found = nil
	for f.chain.damage == nil {
		if f.file == nil {
			if ok, err := f.open(); !ok || err != nil {
				return f.found, err
			}
		}
		if err := f.read(); err != nil {
			return f.found, err
		}
		if !f.over() {
			break
		}
		// Between the last read and the rename more may have been written.
		if err := f.read(); err != nil {
			return f.found, err
		}
		f.Close()
	}
	return f.found, nil
}

// open opens the next file and reports whether there is one.
func (f *Follower) open() (bool, error) {
	name := f.next()
	file, err := os.Open(name)
	if name == f.path && f.next() != name {
		// Rotated meanwhile: what the path names now may be further on.
		if err == nil {
			_ = file.Close()
		}
		return f.open()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, openError(name, err, os.O_RDONLY)
	}
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		_ = file.Close()
		return false, openError(name, errors.New("it is not a regular file"), os.O_RDONLY)
	}
	f.file, f.rest = file, nil
	f.chain.nextFile(name)
	return true, nil
}

// next is the file that continues the chain: the first rotated one that begins after its end, or the path.
func (f *Follower) next() string {
	rotated, _ := rotatedFiles(f.path)
	for _, file := range rotated {
		if file > rotatedName(f.path, f.chain.seq) {
			return file
		}
	}
	return f.path
}

func (f *Follower) read() error {
	data, err := io.ReadAll(f.file)
	if err != nil {
		return err
	}
	data = append(f.rest, data...)
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 || f.chain.done() {
			break
		}
		f.chain.line(data[:i], true)
		data = data[i+1:]
	}
	f.rest = bytes.Clone(data)
	return nil
}

// over reports whether the file will not grow any more: it is a rotated one, or the path names another by now.
func (f *Follower) over() bool {
	if f.file.Name() != f.path {
		return true
	}
	mine, err := f.file.Stat()
	if err != nil {
		return true
	}
	now, err := os.Stat(f.path)
	return err == nil && !os.SameFile(mine, now)
}

// Close ends the following.
func (f *Follower) Close() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}
