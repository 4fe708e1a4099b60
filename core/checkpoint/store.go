package checkpoint

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// A Record is one checkpoint.
type Record struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	// Auto says that it was made by itself before Command, which is redacted, and Changed how many paths that changed.
	Auto    bool   `json:"auto,omitempty"`
	Command string `json:"command,omitempty"`
	Changed int    `json:"changed,omitempty"`
	// Parent is the checkpoint that the workspace stood on; after a restore that is the restored one, so that branches
	// stay.
	Parent    string `json:"parent,omitempty"`
	Seq       uint64 `json:"seq"`
	CreatedMS int64  `json:"created_ms"`
	Root      string `json:"root"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	// Unsaved counts what was there and is not held.
	Unsaved int      `json:"unsaved,omitempty"`
	Ignore  []string `json:"ignore,omitempty"`
	Paths   []string `json:"paths,omitempty"`
}

// state is what the store knows besides its objects. Ledger is the file of the ledger, and LedgerSize how much of it
// counts.
type state struct {
	Format     int    `json:"format"`
	Target     string `json:"target"`
	Root       string `json:"root"`
	Seq        uint64 `json:"seq"`
	Head       string `json:"head,omitempty"`
	LedgerSize int64  `json:"ledger_size"`
	Ledger     string `json:"ledger"`
}

const storeFormat = 1

// A store is the directory of one workspace. Its methods need the lock.
type store struct {
	dir   string
	state state
	packs *packs
	lock  *os.File
}

func (s *store) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// openStore opens or makes the store of a workspace.
func openStore(dir, target, root string) (*store, error) {
	s := &store{dir: dir, state: state{Format: storeFormat, Target: target, Root: root, Ledger: "ledger"}}
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		if _, err := os.Stat(s.path("lock")); err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "workspace.store: %s is not a store of checkpoints", errdefs.Quote(dir)).
				WithHint("give an empty or new directory").WithDetail("field", "workspace")
		}
	}
	for _, d := range []string{dir, s.path("packs"), s.path("checkpoints"), s.path("running")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, unusable(err)
		}
	}
	var err error
	if s.lock, err = os.OpenFile(s.path("lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, unusable(err)
	}
	return s, nil
}

func unusable(err error) error {
	if errors.Is(err, errDamaged) {
		return errdefs.New(errdefs.CheckpointNotFound, "the store of checkpoints cannot be read: %v", err).
			WithHint("remove its directory to begin anew, or give another one as workspace.store").WithCause(err)
	}
	return errdefs.New(errdefs.Unavailable, "the store of checkpoints cannot be used: %v", err).
		WithHint("give a directory that can be written as workspace.store").WithCause(err)
}

// acquire takes the lock, which other processes honour too, and reads what they may have changed.
func (s *store) acquire(ctx context.Context) error {
	for {
		err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			return unusable(err)
		}
		select {
		case <-ctx.Done():
			return errdefs.New(errdefs.Cancelled, "cancelled while another process used the checkpoints").WithCause(ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	err := s.refresh()
	if err != nil {
		s.release()
		return unusable(err)
	}
	return nil
}

func (s *store) release() { _ = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_UN) }

func (s *store) refresh() error {
	b, err := os.ReadFile(s.path("state"))
	if err == nil {
		var st state
		if json.Unmarshal(b, &st) != nil || st.Format < 1 {
			return errDamaged
		}
		if st.Format > storeFormat {
			return fmt.Errorf("it has format %d, made by a newer execkit", st.Format)
		}
		if st.Root != s.state.Root || st.Target != s.state.Target {
			return fmt.Errorf("it belongs to the workspace %q of %q", st.Root, st.Target)
		}
		s.state = st
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := os.ReadDir(s.path("packs"))
	if err != nil {
		return err
	}
	var names []string
	for _, f := range list {
		if strings.HasSuffix(f.Name(), packSuffix) {
			names = append(names, f.Name())
		} else if strings.HasSuffix(f.Name(), ".tmp") {
			os.Remove(s.path("packs", f.Name())) // of a process that ended; we hold the lock
		}
	}
	if s.packs != nil {
		have := slices.Clone(s.packs.names)
		slices.Sort(have)
		if slices.Equal(have, names) {
			return nil
		}
		s.packs.close()
	}
	s.packs, err = openPacks(s.path("packs"))
	return err
}

func (s *store) close() {
	if s.packs != nil {
		s.packs.close()
	}
	s.lock.Close()
}

func writeFile(path string, data []byte) error {
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func (s *store) ledger() string { return s.path(filepath.Base(s.state.Ledger)) }

func (s *store) saveState() error {
	b, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	return writeFile(s.path("state"), b)
}

// note adds a change to the ledger.
func (s *store) note(by By, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	s.state.Seq++
	end, err := appendLedger(s.ledger(), s.state.LedgerSize, change{seq: s.state.Seq, by: by, paths: paths})
	if err != nil {
		return err
	}
	s.state.LedgerSize = end
	return s.saveState()
}

func (s *store) newRecord(r Record) (*Record, error) {
	s.state.Seq++
	r.ID, r.Seq, r.Parent, r.CreatedMS = "c_"+strings.ToLower(rand.Text()), s.state.Seq, s.state.Head, time.Now().UnixMilli()
	if err := s.putRecord(&r); err != nil {
		return nil, err
	}
	s.state.Head = r.ID
	return &r, s.saveState()
}

func (s *store) putRecord(r *Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return writeFile(s.path("checkpoints", r.ID+".json"), b)
}

// records returns all checkpoints, the oldest first.
func (s *store) records() ([]Record, error) {
	list, err := os.ReadDir(s.path("checkpoints"))
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, f := range list {
		id, ok := strings.CutSuffix(f.Name(), ".json")
		if !ok {
			continue
		}
		r, err := s.record(id)
		if err != nil {
			return nil, err
		}
		all = append(all, *r)
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}

// record returns one checkpoint. The id comes from a caller, so it must not be a path.
func (s *store) record(id string) (*Record, error) {
	missing := errdefs.New(errdefs.CheckpointNotFound, "no checkpoint %s", errdefs.Quote(id)).
		WithHint("checkpoint.list shows those of this workspace")
	if !strings.HasPrefix(id, "c_") || strings.ContainsAny(id, "/.\x00") {
		return nil, missing
	}
	b, err := os.ReadFile(s.path("checkpoints", id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, unusable(err)
	}
	var r Record
	if json.Unmarshal(b, &r) != nil || r.ID != id {
		return nil, errdefs.New(errdefs.CheckpointNotFound, "the checkpoint %s is damaged", errdefs.Quote(id)).
			WithHint("delete it, or restore another one")
	}
	return &r, nil
}

// entries returns what a checkpoint holds.
func (s *store) entries(r *Record) ([]Entry, error) {
	root, err := parseHash(r.Root)
	if err != nil {
		return nil, unusable(err)
	}
	entries, err := readTrees(root, s.packs.get)
	if err != nil {
		return nil, unusable(err)
	}
	return entries, nil
}

// remove deletes checkpoints; those that stood on them then stand on what they stood on.
func (s *store) remove(gone map[string]string) error {
	all, err := s.records()
	if err != nil {
		return err
	}
	heir := func(id string) string {
		for range len(all) {
			up, ok := gone[id]
			if !ok {
				break
			}
			id = up
		}
		return id
	}
	for i := range all {
		r := &all[i]
		if _, ok := gone[r.ID]; ok || heir(r.Parent) == r.Parent {
			continue
		}
		r.Parent = heir(r.Parent)
		if err := s.putRecord(r); err != nil {
			return err
		}
	}
	s.state.Head = heir(s.state.Head)
	if err := s.saveState(); err != nil {
		return err
	}
	for id := range gone {
		if err := os.Remove(s.path("checkpoints", id+".json")); err != nil {
			return err
		}
	}
	return nil
}

// collect removes the objects that no checkpoint holds, and what the ledger says of times before the oldest.
func (s *store) collect() error {
	all, err := s.records()
	if err != nil {
		return err
	}
	want := make(map[Hash]bool)
	oldest := s.state.Seq
	for _, r := range all {
		root, err := parseHash(r.Root)
		if err != nil {
			return err
		}
		if err := reachable(root, s.packs.get, want); err != nil {
			return err
		}
		oldest = min(oldest, r.Seq)
	}
	if err := s.packs.repack(want); err != nil {
		return err
	}
	return s.trimLedger(oldest)
}

func (s *store) trimLedger(oldest uint64) error {
	changes, err := readLedger(s.ledger(), s.state.LedgerSize)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return c.seq <= oldest })
	if len(kept) == len(changes) {
		return nil
	}
	// The new ledger has a name of its own, so that writing the state switches file and length in one step.
	old, end := s.state.Ledger, int64(0)
	fresh := "ledger-" + strings.ToLower(rand.Text())
	if err := os.WriteFile(s.path(fresh), nil, 0o600); err != nil {
		return err
	}
	for _, c := range kept {
		if end, err = appendLedger(s.path(fresh), end, c); err != nil {
			return err
		}
	}
	s.state.Ledger, s.state.LedgerSize = fresh, end
	if err := s.saveState(); err != nil {
		return err
	}
	return os.Remove(s.path(old))
}

func parseHash(text string) (h Hash, err error) {
	if len(text) != 2*len(h) {
		return h, errDamaged
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return h, errDamaged
	}
	return h, nil
}
