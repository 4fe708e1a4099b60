package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A tree object lists one directory: for each name its kind, mode, owner and content. Subdirectories are named by the
// address of their own tree, so that a directory without changes is stored once.

// writeTrees turns sorted entries into tree objects and returns the address of the root.
func writeTrees(entries []Entry, put func(h Hash, raw []byte) error) (Hash, error) {
	rest := entries
	root, err := writeTree("", &rest, put)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("entry %q has no directory", rest[0].Path)
	}
	return root, err
}

// writeTree takes the entries below prefix off the front of rest.
func writeTree(prefix string, rest *[]Entry, put func(Hash, []byte) error) (Hash, error) {
	var b []byte
	for len(*rest) > 0 {
		e := &(*rest)[0]
		name, inside := strings.CutPrefix(e.Path, prefix)
		if !inside || strings.Contains(name, "/") {
			break
		}
		*rest = (*rest)[1:]
		b = append(b, byte(e.Kind))
		b = appendString(b, name)
		b = binary.AppendUvarint(b, uint64(e.Mode))
		b = binary.AppendUvarint(b, uint64(e.UID))
		b = binary.AppendUvarint(b, uint64(e.GID))
		switch e.Kind {
		case File:
			b = binary.AppendUvarint(b, uint64(e.Size))
			b = appendChunks(b, e.Chunks)
		case Symlink:
			b = appendString(b, e.Target)
		case Unsaved:
			b = appendString(b, e.Why)
		case Dir:
			sub, err := writeTree(e.Path+"/", rest, put)
			if err != nil {
				return Hash{}, err
			}
			b = append(b, sub[:]...)
		}
	}
	h := sha256.Sum256(b)
	return h, put(h, b)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendChunks writes runs: an even number 2n stands for n chunks of zeros, an odd one 2n+1 for n addresses.
func appendChunks(b []byte, chunks []Hash) []byte {
	b = binary.AppendUvarint(b, uint64(len(chunks)))
	for i := 0; i < len(chunks); {
		zero, n := chunks[i] == Hash{}, 1
		for i+n < len(chunks) && (chunks[i+n] == Hash{}) == zero {
			n++
		}
		if zero {
			b = binary.AppendUvarint(b, uint64(2*n))
		} else {
			b = binary.AppendUvarint(b, uint64(2*n+1))
			for _, h := range chunks[i : i+n] {
				b = append(b, h[:]...)
			}
		}
		i += n
	}
	return b
}

// MaxTreeDepth bounds the directories inside each other, in saving and in reading.
const MaxTreeDepth = 200

// maxChunks bounds the length of a file to 64 GiB.
const maxChunks = 64 << 10

// readTrees returns the entries of a tree, sorted.
func readTrees(root Hash, get func(Hash) ([]byte, error)) ([]Entry, error) {
	var entries []Entry
	err := readTree(root, "", 0, get, &entries)
	return entries, err
}

func readTree(h Hash, prefix string, depth int, get func(Hash) ([]byte, error), entries *[]Entry) error {
	raw, err := get(h)
	if err != nil {
		return err
	}
	if depth > MaxTreeDepth {
		return errDamaged
	}
	for d := (decoder{b: raw}); len(d.b) > 0; {
		e := Entry{Kind: Kind(d.byte())}
		name := d.string()
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
			return errDamaged
		}
		e.Path = prefix + name
		e.Mode, e.UID, e.GID = uint32(d.uvarint()), uint32(d.uvarint()), uint32(d.uvarint())
		var sub Hash
		switch e.Kind {
		case File:
			e.Size = int64(d.uvarint())
			e.Chunks = d.chunks()
		case Symlink:
			e.Target = d.string()
		case Unsaved:
			e.Why = d.string()
		case Dir:
			sub = d.hash()
		default:
			return errDamaged
		}
		if d.bad {
			return errDamaged
		}
		*entries = append(*entries, e)
		if e.Kind == Dir {
			if err := readTree(sub, e.Path+"/", depth+1, get, entries); err != nil {
				return err
			}
		}
	}
	return nil
}

// reachable adds the addresses of a tree and everything below it.
func reachable(root Hash, get func(Hash) ([]byte, error), seen map[Hash]bool) error {
	if seen[root] {
		return nil
	}
	seen[root] = true
	raw, err := get(root)
	if err != nil {
		return err
	}
	for d := (decoder{b: raw}); len(d.b) > 0; {
		kind := Kind(d.byte())
		d.string()
		d.uvarint()
		d.uvarint()
		d.uvarint()
		switch kind {
		case File:
			d.uvarint()
			for _, h := range d.chunks() {
				seen[h] = true
			}
		case Dir:
			if sub := d.hash(); !d.bad {
				if err := reachable(sub, get, seen); err != nil {
					return err
				}
			}
		default:
			d.string()
		}
		if d.bad {
			return errDamaged
		}
	}
	return nil
}

// A decoder reads what the append functions wrote. After the first mistake bad is set, and everything is zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() {
	d.b, d.bad = nil, true
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) string() string { return string(d.bytes(d.uvarint())) }

func (d *decoder) hash() (h Hash) {
	copy(h[:], d.bytes(uint64(len(h))))
	return h
}

func (d *decoder) chunks() []Hash {
	n := d.uvarint()
	if n > maxChunks {
		d.fail()
		return nil
	}
	var chunks []Hash
	for uint64(len(chunks)) < n && !d.bad {
		run := d.uvarint()
		count := run / 2
		if count == 0 || count > n-uint64(len(chunks)) {
			d.fail()
			return nil
		}
		if run%2 == 0 {
			chunks = append(chunks, make([]Hash, count)...)
			continue
		}
		for range count {
			chunks = append(chunks, d.hash())
			if d.bad {
				return nil
			}
		}
	}
	return chunks
}

// chunkOf returns the address of one chunk; the zero Hash where it holds only zeros.
func chunkOf(p []byte) Hash {
	if isZero(p) {
		return Hash{}
	}
	return sha256.Sum256(p)
}

var zeros [4096]byte

func isZero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}

func sortEntries(entries []Entry) { slices.SortFunc(entries, compareEntries) }
