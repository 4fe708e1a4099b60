package checkpoint

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A pack is a file of objects: packMagic, the stored bytes of each, an index, and a trailer with the place, the length and
// the SHA-256 of the index. Bytes that deflate makes smaller are stored so.

const (
	packMagic   = "execkit pack 1\n\x00"
	packSuffix  = ".pack"
	trailerSize = 8 + 4 + sha256.Size
	// indexSize is one entry: address, offset, stored length, length, and a byte that says whether it is deflated.
	indexSize = sha256.Size + 8 + 4 + 4 + 1
	// maxObject bounds one object in memory. Only the tree of a directory with a million names comes near.
	maxObject = 256 << 20
)

var errDamaged = errors.New("the store is damaged")

// A place is where an object is.
type place struct {
	pack        int // in packs
	offset      int64
	stored, raw uint32
	deflated    bool
}

// packs are the objects of a store. They are not safe for concurrent use.
type packs struct {
	dir    string
	names  []string // of the pack files
	files  []*os.File
	places map[Hash]place
	bytes  int64 // of all packs
	adding *packWriter
}

// openPacks reads the indexes of all packs.
func openPacks(dir string) (*packs, error) {
	p := &packs{dir: dir, places: make(map[Hash]place)}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if !strings.HasSuffix(f.Name(), packSuffix) {
			continue
		}
		if err := p.load(f.Name()); err != nil {
			p.close()
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return p, nil
}

func (p *packs) load(name string) error {
	f, err := os.Open(filepath.Join(p.dir, name))
	if err != nil {
		return err
	}
	p.names, p.files = append(p.names, name), append(p.files, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	var trailer [trailerSize]byte
	if size < int64(len(packMagic)+trailerSize) {
		return errDamaged
	}
	if _, err := f.ReadAt(trailer[:], size-trailerSize); err != nil {
		return err
	}
	at, count := int64(binary.LittleEndian.Uint64(trailer[:])), int64(binary.LittleEndian.Uint32(trailer[8:]))
	if at < int64(len(packMagic)) || at+count*indexSize != size-trailerSize {
		return errDamaged
	}
	index := make([]byte, count*indexSize)
	if _, err := f.ReadAt(index, at); err != nil {
		return err
	}
	if sum := sha256.Sum256(index); !bytes.Equal(sum[:], trailer[12:]) {
		return errDamaged
	}
	for ; len(index) > 0; index = index[indexSize:] {
		at := place{
			pack: len(p.files) - 1, offset: int64(binary.LittleEndian.Uint64(index[32:])),
			stored: binary.LittleEndian.Uint32(index[40:]), raw: binary.LittleEndian.Uint32(index[44:]), deflated: index[48] == 1,
		}
		p.places[Hash(index[:32])] = at
	}
	p.bytes += size
	return nil
}

func (p *packs) close() {
	p.abort()
	for _, f := range p.files {
		f.Close()
	}
	p.files = nil
}

func (p *packs) has(h Hash) bool {
	if _, ok := p.places[h]; ok || h == (Hash{}) {
		return true
	}
	return p.adding != nil && p.adding.added[h]
}

// get returns an object, checked against its address.
func (p *packs) get(h Hash) ([]byte, error) {
	at, ok := p.places[h]
	if !ok {
		return nil, fmt.Errorf("%w: object %v is missing", errDamaged, h)
	}
	if at.stored > maxObject || at.raw > maxObject {
		return nil, errDamaged
	}
	stored := make([]byte, at.stored)
	if _, err := p.files[at.pack].ReadAt(stored, at.offset); err != nil {
		return nil, fmt.Errorf("%w: %v", errDamaged, err)
	}
	raw := stored
	if at.deflated {
		raw = make([]byte, at.raw)
		r := flate.NewReader(bytes.NewReader(stored))
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, fmt.Errorf("%w: %v", errDamaged, err)
		}
	}
	if sha256.Sum256(raw) != h {
		return nil, fmt.Errorf("%w: object %v holds other bytes", errDamaged, h)
	}
	return raw, nil
}

// A packWriter is the pack that a save is writing.
type packWriter struct {
	file   *os.File
	offset int64
	index  []byte
	added  map[Hash]bool
	small  *flate.Writer
	buffer bytes.Buffer
	out    []byte
}

// put adds an object unless it is there. It is durable once commit has returned.
func (p *packs) put(h Hash, raw []byte) error {
	if p.has(h) {
		return nil
	}
	if len(raw) > maxObject {
		return fmt.Errorf("an object of %d bytes is too large", len(raw))
	}
	if p.adding == nil {
		f, err := os.CreateTemp(p.dir, "new-*.tmp")
		if err != nil {
			return err
		}
		p.adding = &packWriter{file: f, added: make(map[Hash]bool), out: []byte(packMagic), offset: int64(len(packMagic))}
	}
	return p.adding.add(h, raw)
}

// flushAt is how much is gathered for one write.
const flushAt = 1 << 20

func (w *packWriter) add(h Hash, raw []byte) error {
	stored, deflated := w.deflate(raw)
	w.index = append(w.index, h[:]...)
	w.index = binary.LittleEndian.AppendUint64(w.index, uint64(w.offset))
	w.index = binary.LittleEndian.AppendUint32(w.index, uint32(len(stored)))
	w.index = binary.LittleEndian.AppendUint32(w.index, uint32(len(raw)))
	w.index = append(w.index, deflated)
	w.added[h] = true
	w.offset += int64(len(stored))
	w.out = append(w.out, stored...)
	if len(w.out) >= flushAt {
		return w.flush()
	}
	return nil
}

func (w *packWriter) flush() error {
	_, err := w.file.Write(w.out)
	w.out = w.out[:0]
	return err
}

// probeSize is how much of a large object is deflated to see whether the rest is worth the time.
const probeSize = 32 << 10

func (w *packWriter) deflate(raw []byte) (stored []byte, deflated byte) {
	if len(raw) < 128 {
		return raw, 0
	}
	if len(raw) > 4*probeSize {
		if probe := w.deflated(raw[:probeSize]); len(probe) > probeSize*9/10 {
			return raw, 0
		}
	}
	if stored = w.deflated(raw); len(stored) > len(raw)*9/10 {
		return raw, 0
	}
	return stored, 1
}

func (w *packWriter) deflated(raw []byte) []byte {
	w.buffer.Reset()
	if w.small == nil {
		w.small, _ = flate.NewWriter(&w.buffer, flate.BestSpeed) // fails for an unknown level alone
	} else {
		w.small.Reset(&w.buffer)
	}
	_, _ = w.small.Write(raw) // to memory
	_ = w.small.Close()
	return w.buffer.Bytes()
}

// commit makes the pack that was written a part of the store.
func (p *packs) commit() error {
	w := p.adding
	if w == nil {
		return nil
	}
	trailer := binary.LittleEndian.AppendUint64(nil, uint64(w.offset))
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(len(w.index)/indexSize))
	sum := sha256.Sum256(w.index)
	w.out = append(append(append(w.out, w.index...), trailer...), sum[:]...)
	if err := w.flush(); err != nil {
		p.abort()
		return err
	}
	old := w.file.Name()
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(old), "new-"), ".tmp") + packSuffix
	if err := w.file.Close(); err != nil {
		p.abort()
		return err
	}
	if err := os.Rename(old, filepath.Join(p.dir, name)); err != nil {
		p.abort()
		return err
	}
	p.adding = nil
	return p.load(name)
}

// abort drops the pack that was being written.
func (p *packs) abort() {
	if p.adding != nil {
		p.adding.file.Close()
		os.Remove(p.adding.file.Name())
		p.adding = nil
	}
}

// repack writes the objects that are wanted to one new pack and removes all others.
func (p *packs) repack(want map[Hash]bool) error {
	old := slices.Clone(p.names)
	hashes := make([]Hash, 0, len(want))
	for h := range want {
		if _, ok := p.places[h]; ok {
			hashes = append(hashes, h)
		}
	}
	// In their old order the reads are in one direction.
	slices.SortFunc(hashes, func(a, b Hash) int {
		x, y := p.places[a], p.places[b]
		if x.pack != y.pack {
			return x.pack - y.pack
		}
		return int(x.offset - y.offset)
	})
	from := &packs{dir: p.dir, files: p.files, places: p.places}
	to := &packs{dir: p.dir, places: make(map[Hash]place)}
	for _, h := range hashes {
		raw, err := from.get(h)
		if err == nil {
			err = to.put(h, raw)
		}
		if err != nil {
			to.close()
			return err
		}
	}
	if err := to.commit(); err != nil {
		to.close()
		return err
	}
	for _, f := range p.files {
		f.Close()
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
			return err
		}
	}
	*p = *to
	return nil
}
