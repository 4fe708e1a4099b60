package checkpoint

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
)

// By is who made a change.
type By byte

const (
	ByCommand By = 'c'
	ByOutside By = 'o'
	// ByRestore is a change of our own, which a later restore may take back.
	ByRestore By = 'r'
)

// A change is one line of the ledger: who changed which paths, and when in the order of events.
type change struct {
	seq   uint64
	by    By
	paths []string
}

// appendLedger writes a change at offset at, over whatever a crash left there, and returns where the next one goes.
func appendLedger(file string, at int64, c change) (int64, error) {
	b := binary.AppendUvarint(nil, c.seq)
	b = append(b, byte(c.by))
	b = binary.AppendUvarint(b, uint64(len(c.paths)))
	for _, p := range c.paths {
		b = appendString(b, p)
	}
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(b)))
	record = append(record, b...)
	record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(b))
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return at, err
	}
	if _, err := f.WriteAt(record, at); err != nil {
		f.Close()
		return at, err
	}
	return at + int64(len(record)), f.Close()
}

// readLedger returns the changes in the first size bytes.
func readLedger(file string, size int64) (changes []change, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if size > int64(len(b)) {
		return nil, errDamaged
	}
	for b = b[:size]; len(b) > 0; {
		if len(b) < 8 {
			return nil, errDamaged
		}
		n := uint64(binary.LittleEndian.Uint32(b))
		if n > uint64(len(b)-8) {
			return nil, errDamaged
		}
		body := b[4 : 4+n]
		if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(b[4+n:]) {
			return nil, errDamaged
		}
		d := decoder{b: body}
		c := change{seq: d.uvarint(), by: By(d.byte())}
		for count := d.uvarint(); count > 0 && !d.bad; count-- {
			c.paths = append(c.paths, d.string())
		}
		if d.bad {
			return nil, errDamaged
		}
		changes = append(changes, c)
		b = b[n+8:]
	}
	return changes, nil
}

// since returns which paths were changed after seq by what execkit knows, and which from outside.
func since(changes []change, seq uint64) (known, outside map[string]bool) {
	known, outside = make(map[string]bool), make(map[string]bool)
	for _, c := range changes {
		if c.seq <= seq {
			continue
		}
		to := known
		if c.by == ByOutside {
			to = outside
		}
		for _, p := range c.paths {
			to[p] = true
		}
	}
	return known, outside
}
