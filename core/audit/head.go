package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// A Head is where a log ends: how many records it has and the hash of the last one. Whoever keeps it can tell later
// whether the log still holds what it held.
type Head struct {
	Format int    `json:"format,omitempty"`
	Log    string `json:"log,omitempty"`
	Count  int64  `json:"count"`
	Hash   string `json:"hash"`
	TimeMS int64  `json:"time_ms,omitempty"`
}

// line is the text of a head file, and what a signature is over.
func (h Head) line() []byte {
	h.Format = Format
	text, err := wire.Encode(h)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(text, '\n')
}

// ParseHead reads a head: the text of a head file, or COUNT:HASH.
func ParseHead(text []byte) (Head, error) {
	var h Head
	text = bytes.TrimSpace(text)
	if count, hash, ok := bytes.Cut(text, []byte(":")); ok && len(hash) == hashLen {
		n, rest, ok := digits(count)
		if ok && len(rest) == 0 {
			h.Count, h.Hash = n, string(hash)
			return h, h.check()
		}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&h); err != nil {
		return h, errdefs.New(errdefs.InvalidArgument, "the audit head is not valid: %s", errdefs.Quote(string(text))).
			WithHint("a head is {\"count\":…,\"hash\":\"…\"} or COUNT:HASH")
	}
	if _, err := dec.Token(); err != io.EOF {
		return h, errdefs.New(errdefs.InvalidArgument, "the audit head holds more than one JSON value")
	}
	return h, h.check()
}

func (h Head) check() error {
	if h.Format > Format {
		return errdefs.New(errdefs.InvalidArgument, "the audit head is of format %d; this version reads up to %d", h.Format, Format).
			WithHint("use the version of execkit that wrote it")
	}
	if h.Count < 0 || len(h.Hash) != hashLen || strings.Trim(h.Hash, "0123456789abcdef") != "" {
		return errdefs.New(errdefs.InvalidArgument, "the audit head needs a count that is not negative and a hash of %d hexadecimal digits", hashLen).
			WithHint("execkit audit head LOG prints one")
	}
	return nil
}

// A headFile keeps the head beside the log in three files: HEAD, the announced one HEAD.next, and with a key the
// signature HEAD.sig or HEAD.minisig. A crash between two of the writes leaves HEAD or HEAD.next as the end of the log.
type headFile struct {
	path            string
	head, next, sig file
	key             signer
	last            []byte // what HEAD holds as far as we know
	known           *Head  // the same, read
}

const (
	nextSuffix = ".next"
	sigSuffix  = ".sig"
)

func openHead(path string, key signer, open opener) (*headFile, error) {
	h := &headFile{path: path, key: key}
	var err error
	if h.head, err = open(path, os.O_RDWR|os.O_CREATE); err != nil {
		return nil, err
	}
	if h.next, err = open(path+nextSuffix, os.O_RDWR|os.O_CREATE); err == nil && key != nil {
		h.sig, err = open(path+key.suffix(), os.O_RDWR|os.O_CREATE)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *headFile) close() {
	for _, f := range []file{h.head, h.next, h.sig} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// read returns what HEAD and HEAD.next hold; nil for an empty one.
func (h *headFile) read() (head, next *Head, err error) {
	text, err := readSmall(h.head)
	if err != nil {
		return nil, nil, err
	}
	if head, err = parseIfAny(text); err != nil {
		return nil, nil, err
	}
	h.last, h.known = text, head
	if text, err = readSmall(h.next); err != nil {
		return nil, nil, err
	}
	// What was announced matters only right after a crash, which may have cut it too.
	next, _ = parseIfAny(text)
	return head, next, nil
}

// same reports whether HEAD still holds what this process wrote last.
func (h *headFile) same() bool {
	buf := make([]byte, len(h.last)+1)
	n, err := h.head.ReadAt(buf, 0)
	return errors.Is(err, io.EOF) && bytes.Equal(buf[:n], h.last)
}

func parseIfAny(text []byte) (*Head, error) {
	if len(text) == 0 {
		return nil, nil
	}
	h, err := ParseHead(text)
	return &h, err
}

func readSmall(f file) ([]byte, error) {
	text := make([]byte, 4096)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return text[:n], nil
}

// announce writes the head that the next record will make.
func (h *headFile) announce(text []byte) error { return overwrite(h.next, text) }

// confirm makes the announced head the head.
func (h *headFile) confirm(head Head, text []byte) error {
	if h.key != nil {
		if err := overwrite(h.sig, h.key.sign(text)); err != nil {
			return err
		}
	}
	if err := overwrite(h.head, text); err != nil {
		return err
	}
	h.last, h.known = text, &head
	return nil
}

// overwrite replaces the content of a file in place: a rename would cost more than the record, and one small write is
// not cut by the death of the process.
func overwrite(f file, text []byte) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	n, err := f.WriteAt(text, 0)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err == nil && size > int64(len(text)) {
		err = f.Truncate(int64(len(text)))
	}
	return err
}

// ReadHeadFile reads a head file and, where there is one, the head that was announced beside it.
func ReadHeadFile(path string) (head Head, next *Head, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return head, nil, errdefs.New(errdefs.InvalidArgument, "the audit head: %v", err).WithHint("give the head_path of the log")
	}
	if head, err = ParseHead(text); err != nil {
		return head, nil, err
	}
	if text, err = os.ReadFile(path + nextSuffix); err == nil {
		next, _ = parseIfAny(text)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return head, nil, errdefs.New(errdefs.InvalidArgument, "the audit head: %v", err)
	}
	return head, next, nil
}
