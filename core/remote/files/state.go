package files

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// A State is what the target says of one name.
type State struct {
	Mode     uint32 // with the kind, as in st_mode
	UID, GID uint32
	Size     int64
	Device   uint64
	Inode    uint64
	Links    uint64
	// Modified and Change are nanoseconds since 1970. Change is 0 where the target tells it to the minute only.
	Modified, Change int64
}

// The kinds of st_mode.
const (
	kindMask = 0o170000
	kindFile = 0o100000
	kindDir  = 0o040000
	kindLink = 0o120000
)

// Kind tells files, directories and symbolic links apart from the rest.
func (s *State) Kind() uint32 { return s.Mode & kindMask }

// IsFile, IsDir and IsLink say what it is.
func (s *State) IsFile() bool { return s.Kind() == kindFile }

// IsDir says that it is a directory.
func (s *State) IsDir() bool { return s.Kind() == kindDir }

// IsLink says that it is a symbolic link.
func (s *State) IsLink() bool { return s.Kind() == kindLink }

// A Named is a name and its state.
type Named struct {
	Name string
	State
	Target string // of a symbolic link
	unread bool   // the target could not be read
}

// parseStates reads what ek_st printed of these names, in their order; one that is missing is gone. A name may
// hold newlines and whatever else looks like an answer, and so it has to be one of those that were asked for.
func parseStates(said string, names []string) ([]Named, error) {
	list := make([]Named, 0, len(names))
	for _, name := range names {
		head, rest, ok := strings.Cut(said, "|")
		if !ok {
			break
		}
		second, rest, ok := strings.Cut(rest, "|")
		if !ok {
			return nil, fmt.Errorf("the target tells %.100q of a file", said)
		}
		after, ok := strings.CutPrefix(rest, name+"\n")
		if !ok || strings.HasPrefix(after, "\n") {
			continue // it is another's, which comes later in the list
		}
		state, err := parseState(head, second)
		if err != nil {
			return nil, err
		}
		list, said = append(list, Named{Name: name, State: state}), after
	}
	if said != "" {
		return nil, fmt.Errorf("the target tells %.100q of a file that was not asked for", said)
	}
	return list, nil
}

// parseState reads "%f %u %g %s %d %i %h %Y %Z %y" and "%z".
func parseState(head, changed string) (s State, err error) {
	f := strings.SplitN(head, " ", 10)
	if len(f) != 10 {
		return s, fmt.Errorf("the target tells %.100q of a file", head)
	}
	n := make([]uint64, 9)
	for i := range n {
		base := 10
		if i == 0 {
			base = 16
		}
		text := f[i]
		if i >= 7 { // a time before 1970
			text = strings.TrimPrefix(text, "-")
		}
		if n[i], err = strconv.ParseUint(text, base, 63); err != nil {
			return s, fmt.Errorf("the target tells %.100q of a file", head)
		}
	}
	s = State{Mode: uint32(n[0]), UID: uint32(n[1]), GID: uint32(n[2]), Size: int64(n[3]), Device: n[4], Inode: n[5], Links: n[6]}
	if changed == "" { // what ls tells: a text that another minute changes
		h := fnv.New64a()
		_, _ = h.Write([]byte(f[9]))
		s.Modified = int64(h.Sum64() >> 1)
		return s, nil
	}
	s.Modified = nanoseconds(f[7], fraction(f[9]))
	s.Change = nanoseconds(f[8], fraction(changed))
	return s, nil
}

// fraction returns the digits behind the point of a time that people can read.
func fraction(text string) string {
	_, after, _ := strings.Cut(text, ".")
	digits, _, _ := strings.Cut(after, " ")
	return digits
}

func nanoseconds(seconds, digits string) int64 {
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || s > 1<<33 || s < -(1<<33) {
		return 0
	}
	n, err := strconv.ParseInt((digits + "000000000")[:9], 10, 64)
	if err != nil {
		n = 0
	}
	return s*1e9 + n
}

// parseFound reads one record of ek_scan without its names.
func parseFound(head string) (s State, letter byte, path string, err error) {
	f := strings.SplitN(head, " ", 10)
	if len(f) != 10 || f[0] == "" {
		return s, 0, "", fmt.Errorf("the target tells %.100q of a file", head)
	}
	letter = f[0][0]
	mode, err := strconv.ParseUint(f[0][1:], 8, 32)
	n := make([]uint64, 7)
	for i := 1; i < 7 && err == nil; i++ {
		n[i], err = strconv.ParseUint(f[i], 10, 63)
	}
	if err != nil {
		return s, 0, "", fmt.Errorf("the target tells %.100q of a file", head)
	}
	kinds := map[byte]uint32{'f': kindFile, 'd': kindDir, 'u': kindDir, 'l': kindLink}
	s = State{Mode: uint32(mode) | kinds[letter], UID: uint32(n[1]), GID: uint32(n[2]), Size: int64(n[3]), Device: n[4], Inode: n[5], Links: n[6]}
	s.Modified, s.Change = pointTime(f[7]), pointTime(f[8])
	return s, letter, strings.TrimPrefix(f[9], "./"), nil
}

func pointTime(text string) int64 {
	seconds, digits, _ := strings.Cut(text, ".")
	return nanoseconds(seconds, digits)
}
