package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// The index is the workspace as it was last seen: every entry with its content and state. A damaged one is no loss, since
// it can be made again by reading everything.

const indexMagic = "execkit index 1\n"

func encodeIndex(entries []Entry) []byte {
	b := append(make([]byte, 0, 128*len(entries)+64), indexMagic...)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		b = append(b, byte(e.Kind))
		b = appendString(b, e.Path)
		b = binary.AppendUvarint(b, uint64(e.Mode))
		b = binary.AppendUvarint(b, uint64(e.UID))
		b = binary.AppendUvarint(b, uint64(e.GID))
		b = binary.AppendUvarint(b, uint64(e.Size))
		b = appendChunks(b, e.Chunks)
		b = appendString(b, e.Target+e.Why) // one of them is empty
		b = binary.AppendUvarint(b, e.Stat.Device)
		b = binary.AppendUvarint(b, e.Stat.Inode)
		b = binary.AppendUvarint(b, uint64(e.Stat.Modified))
		b = binary.AppendUvarint(b, uint64(e.Stat.Change))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// decodeIndex reports false for anything but a whole index.
func decodeIndex(b []byte) ([]Entry, bool) {
	if len(b) < len(indexMagic)+sha256.Size || string(b[:len(indexMagic)]) != indexMagic {
		return nil, false
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); string(got[:]) != string(sum) {
		return nil, false
	}
	d := decoder{b: body[len(indexMagic):]}
	n := d.uvarint()
	if n > uint64(len(b)) {
		return nil, false
	}
	entries := make([]Entry, 0, n)
	for range n {
		e := Entry{Kind: Kind(d.byte()), Path: d.string()}
		e.Mode, e.UID, e.GID = uint32(d.uvarint()), uint32(d.uvarint()), uint32(d.uvarint())
		e.Size, e.Chunks = int64(d.uvarint()), d.chunks()
		if text := d.string(); e.Kind == Symlink {
			e.Target = text
		} else {
			e.Why = text
		}
		e.Stat = Stat{Device: d.uvarint(), Inode: d.uvarint(), Modified: int64(d.uvarint()), Change: int64(d.uvarint())}
		entries = append(entries, e)
	}
	return entries, !d.bad && len(d.b) == 0
}

// A file that changes twice within one tick of the file system's clock shows the same time twice. So a file that changed
// just before it was seen is looked at again the next time.
const (
	tick       = 50 * time.Millisecond // the kernel's own clock ticks every 1 to 10 ms
	coarseTick = 3 * time.Second       // of file systems that keep whole seconds, or two
)

// markRecent forgets the state of what changed so recently that a further change might not show.
func markRecent(entries []Entry, seen time.Time) {
	for i := range entries {
		s := &entries[i].Stat
		window := tick
		if s.Change%int64(time.Second) == 0 {
			window = coarseTick
		}
		if entries[i].Kind == File && (seen.IsZero() || s.Change > seen.Add(-window).UnixNano()) {
			s.Change = 0
		}
	}
}
