package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// Options say what is saved and where to.
type Options struct {
	// Root is the workspace: an absolute path on the target. Wide allows "/" and home directories.
	Root string
	Wide bool
	// Target names the target for the store; "local" when empty. Files reaches it; the files of this machine when nil. Homes
	// are the home directories of another target's users.
	Target string
	Files  Files
	Homes  []string
	// Store is the directory of the store; one below the user's data directory when empty.
	Store string
	// Ignore holds patterns in the notation of .gitignore of what is left out. Paths, if not empty, are the parts of the
	// workspace that alone are saved.
	Ignore, Paths []string
	// MaxBytes bounds the store, MaxFileBytes one file (a larger one is not saved), MaxFiles the number of entries. 0 is
	// the default.
	MaxBytes, MaxFileBytes int64
	MaxFiles               int
}

// The defaults of Options.
const (
	DefaultMaxBytes     = 4 << 30
	DefaultMaxFileBytes = 256 << 20
	DefaultMaxFiles     = 1_000_000
)

const (
	// maxAuto bounds the checkpoints that are made by themselves; the oldest give way.
	maxAuto = 500
	// maxPacks bounds the files of the store; beyond it they are joined.
	maxPacks = 200
)

// A Workspace saves and restores the files of one directory. Its methods may be called concurrently, and by several
// processes with the same store; one works at a time.
type Workspace struct {
	options Options
	files   Files
	match   *matcher

	mu    sync.Mutex // held by every operation
	store *store
	seen  os.FileInfo // the index file that last holds
	last  []Entry
}

// Open makes a workspace ready. It reads nothing of it yet.
func Open(o Options) (*Workspace, error) {
	if o.Target == "" {
		o.Target = "local"
	}
	if o.MaxBytes < 0 || o.MaxFileBytes < 0 || o.MaxFiles < 0 {
		return nil, invalid("a limit is negative").WithHint("leave it out for the default")
	}
	o.MaxBytes = orDefault(o.MaxBytes, DefaultMaxBytes)
	o.MaxFileBytes = min(orDefault(o.MaxFileBytes, DefaultMaxFileBytes), maxChunks*chunkSize)
	o.MaxFiles = int(orDefault(int64(o.MaxFiles), DefaultMaxFiles))
	match, err := newMatcher(o.Ignore, o.Paths)
	if err != nil {
		return nil, err
	}
	if o.Files == nil {
		if o.Root, err = localRoot(o.Root); err != nil {
			return nil, err
		}
		o.Homes = localHomes()
	}
	if !o.Wide && isWide(o.Root, o.Homes) {
		return nil, invalid("%s is the root or a home directory; undoing there reaches more than a project", errdefs.Quote(o.Root)).
			WithHint("give the directory of the project, or say allow_wide if it is meant")
	}
	if o.Store == "" {
		if o.Store, err = defaultStore(o.Target, o.Root); err != nil {
			return nil, err
		}
	}
	if o.Store, err = filepath.Abs(o.Store); err != nil {
		return nil, invalid("store: %v", err)
	}
	w := &Workspace{options: o, files: o.Files, match: match}
	if w.store, err = openStore(o.Store, o.Target, o.Root); err != nil {
		return nil, err
	}
	if w.files == nil {
		if w.files, err = Local(o.Root, o.Store); err != nil {
			w.store.close()
			return nil, err
		}
	}
	return w, nil
}

func orDefault(n, fallback int64) int64 {
	if n == 0 {
		return fallback
	}
	return n
}

func invalid(format string, args ...any) *errdefs.Error {
	return errdefs.New(errdefs.InvalidArgument, "workspace: "+format, args...).WithDetail("field", "workspace")
}

// localRoot returns the real path of a directory that exists.
func localRoot(root string) (string, error) {
	if !filepath.IsAbs(root) {
		return "", invalid("%s is not an absolute path", errdefs.Quote(root))
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", invalid("%s cannot be used: %v", errdefs.Quote(root), err).WithHint("give the path of a directory that exists")
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return "", invalid("%s is not a directory", errdefs.Quote(root))
	}
	return real, nil
}

// localHomes returns the home directories of this machine.
func localHomes() (homes []string) {
	if home, err := os.UserHomeDir(); err == nil {
		homes = append(homes, home)
		if real, err := filepath.EvalSymlinks(home); err == nil {
			homes = append(homes, real)
		}
	}
	accounts, _ := os.ReadFile("/etc/passwd") // without it only the known places count
	return append(homes, HomesOf(string(accounts))...)
}

// HomesOf returns the home directories that a passwd file names.
func HomesOf(passwd string) (homes []string) {
	for line := range strings.Lines(passwd) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 7 && filepath.IsAbs(fields[5]) && !strings.HasSuffix(fields[6], "nologin") && !strings.HasSuffix(fields[6], "false") {
			homes = append(homes, filepath.Clean(fields[5]))
		}
	}
	return homes
}

// isWide reports whether a directory holds, or is, somebody's home.
func isWide(root string, homes []string) bool {
	homes = append([]string{"/", "/root", "/home"}, homes...)
	for _, home := range homes {
		if home == root || root == "/" || strings.HasPrefix(home, root+"/") {
			return true
		}
	}
	return false
}

func defaultStore(target, root string) (string, error) {
	data := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", invalid("no place for the store: %v", err).WithHint("set HOME, or give workspace.store")
		}
		data = filepath.Join(home, ".local", "share")
	}
	sum := sha256.Sum256([]byte(target + "\x00" + root))
	return filepath.Join(data, "execkit", "checkpoints", hex.EncodeToString(sum[:10])), nil
}

// Root returns the real path of the workspace.
func (w *Workspace) Root() string { return w.options.Root }

// Close frees what the workspace holds. What is saved stays.
func (w *Workspace) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store.close()
}

// locked runs fn as the only one at work on the store.
func (w *Workspace) locked(ctx context.Context, fn func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.store.acquire(ctx); err != nil {
		return err
	}
	defer w.store.release()
	err := fn()
	w.store.packs.abort() // a no-op after a commit
	return err
}

// fail gives an error of a target or a store a class.
func (w *Workspace) fail(err error) error {
	var e *errdefs.Error
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return errdefs.New(errdefs.Cancelled, "cancelled while the workspace was read").WithCause(err)
	case errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR):
		return errdefs.New(errdefs.Unavailable, "the workspace %s is no longer a directory on its old path; part of it is a symbolic link or a file now", errdefs.Quote(w.options.Root)).
			WithHint("put the directory back").WithCause(err)
	case errors.Is(err, errDamaged):
		return unusable(err)
	}
	return errdefs.New(errdefs.Unavailable, "the workspace %s cannot be used: %v", errdefs.Quote(w.options.Root), err).WithCause(err)
}

// look scans the workspace and writes down who changed what since the last time. With save, the contents are stored.
func (w *Workspace) look(ctx context.Context, by By, save bool) (*sight, error) {
	before, known := w.readIndex()
	s, err := w.scan(ctx, before, save)
	for errors.Is(err, errFull) {
		// Old checkpoints that nobody asked for give way before a command is refused.
		if freed, freeErr := w.makeRoom(); freeErr != nil || !freed {
			return nil, errdefs.New(errdefs.LimitExceeded, "the checkpoints of this workspace would take more than %d bytes", w.options.MaxBytes).
				WithHint("delete checkpoints, ignore what can be built again, or raise workspace.max_bytes")
		}
		s, err = w.scan(ctx, before, save)
	}
	if err != nil {
		return nil, w.fail(err)
	}
	s.changed = changedPaths(before, s.entries)
	if !known {
		s.changed = nil // the first sight is nobody's change
	}
	if err := w.store.note(by, s.changed); err != nil {
		return nil, unusable(err)
	}
	if len(s.changed) > 0 || !known || s.fresh {
		if err := w.writeIndex(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readIndex returns the workspace as it was last seen. What another process wrote meanwhile is read anew.
func (w *Workspace) readIndex() ([]Entry, bool) {
	path := w.store.path("index")
	info, err := os.Stat(path)
	if err != nil {
		return nil, false
	}
	if w.seen != nil && os.SameFile(info, w.seen) && info.ModTime().Equal(w.seen.ModTime()) {
		return w.last, true
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	entries, ok := decodeIndex(b)
	if ok {
		w.seen, w.last = info, entries
	}
	return entries, ok
}

func (w *Workspace) writeIndex(s *sight) error {
	entries := append([]Entry(nil), s.entries...)
	markRecent(entries, s.at)
	path := w.store.path("index")
	w.seen = nil
	if err := writeFile(path, encodeIndex(entries)); err != nil {
		return unusable(err)
	}
	if info, err := os.Stat(path); err == nil {
		w.seen, w.last = info, entries
	}
	return nil
}

// makeRoom deletes the older half of the automatic checkpoints.
func (w *Workspace) makeRoom() (bool, error) {
	w.store.packs.abort()
	n, err := w.dropAuto(func(n int) int { return (n + 1) / 2 })
	if err != nil || n == 0 {
		return false, err
	}
	return true, w.store.collect()
}

// dropAuto deletes the oldest automatic checkpoints; how many, count says of their number.
func (w *Workspace) dropAuto(count func(n int) int) (int, error) {
	all, err := w.store.records()
	if err != nil {
		return 0, err
	}
	var auto []Record
	for _, r := range all {
		if r.Auto && r.ID != w.store.state.Head {
			auto = append(auto, r)
		}
	}
	gone := make(map[string]string)
	for _, r := range auto[:min(max(count(len(auto)), 0), len(auto))] {
		gone[r.ID] = r.Parent
	}
	if len(gone) == 0 {
		return 0, nil
	}
	return len(gone), w.store.remove(gone)
}

// record makes a checkpoint of what was seen.
func (w *Workspace) record(s *sight, r Record) (*Record, error) {
	root, err := writeTrees(s.entries, w.store.packs.put)
	if err != nil {
		return nil, w.fail(err)
	}
	if err := w.store.packs.commit(); err != nil {
		return nil, unusable(err)
	}
	r.Root, r.Ignore, r.Paths = root.String(), w.options.Ignore, w.options.Paths
	for i := range s.entries {
		switch e := &s.entries[i]; e.Kind {
		case File:
			r.Files++
			r.Bytes += e.Size
		case Unsaved:
			r.Unsaved++
		}
	}
	made, err := w.store.newRecord(r)
	if err != nil {
		return nil, unusable(err)
	}
	return made, w.tidy()
}

func (w *Workspace) tidy() error {
	if _, err := w.dropAuto(func(n int) int { return n - maxAuto }); err != nil {
		return unusable(err)
	}
	if len(w.store.packs.names) > maxPacks {
		if err := w.store.collect(); err != nil {
			return unusable(err)
		}
	}
	return nil
}

// Save makes a checkpoint. Nothing in the workspace is altered.
// busy says that earlier commands of the session still run in the background.
func (w *Workspace) Save(ctx context.Context, label string, busy bool) (r *Record, err error) {
	err = w.locked(ctx, func() error {
		s, err := w.look(ctx, w.author(busy, true), true)
		if err != nil {
			return err
		}
		r, err = w.record(s, Record{Label: label})
		return err
	})
	return r, err
}

// List returns the checkpoints, the oldest first, and the one that the workspace stands on.
func (w *Workspace) List(ctx context.Context) (all []Record, head string, err error) {
	err = w.locked(ctx, func() (err error) {
		head = w.store.state.Head
		if all, err = w.store.records(); err != nil {
			err = w.fail(err)
		}
		return err
	})
	return all, head, err
}

// Delete removes a checkpoint and what it alone held. Those that followed it stay.
func (w *Workspace) Delete(ctx context.Context, id string) error {
	return w.locked(ctx, func() error {
		r, err := w.store.record(id)
		if err != nil {
			return err
		}
		if err := w.store.remove(map[string]string{r.ID: r.Parent}); err != nil {
			return unusable(err)
		}
		if err := w.store.collect(); err != nil {
			return unusable(err)
		}
		return nil
	})
}

// A Mark stands for a command that may write and has not ended yet. While there is one, in any process, what changes in
// the workspace is taken for a command's.
type Mark struct {
	w      *Workspace
	file   *os.File
	auto   bool
	record *Record
	before string // the head before the automatic checkpoint
}

// Begin is called before a command that may write. With auto, the state before it becomes a checkpoint, unless the command
// turns out to change nothing. busy says that earlier commands of the session still run in the background. The mark
// must be ended.
func (w *Workspace) Begin(ctx context.Context, command string, auto, busy bool) (m *Mark, err error) {
	err = w.locked(ctx, func() error {
		s, err := w.look(ctx, w.author(busy, true), auto)
		if err != nil {
			return err
		}
		m = &Mark{w: w, auto: auto, before: w.store.state.Head}
		if auto {
			if m.record, err = w.record(s, Record{Label: "before: " + firstLine(command), Auto: true, Command: command}); err != nil {
				return err
			}
		}
		if m.file, err = os.CreateTemp(w.store.path("running"), fmt.Sprintf("%d-*", os.Getpid())); err != nil {
			return unusable(err)
		}
		if err := syscall.Flock(int(m.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return unusable(err)
		}
		return nil
	})
	if err != nil && m != nil && m.file != nil {
		m.drop()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	if runes := []rune(line); len(runes) > 80 {
		line, more = string(runes[:80]), true
	}
	if more {
		line += "…"
	}
	return line
}

// End is called when the command has ended. It returns how many paths changed. Where it fails, the mark stays, and
// the next look takes what changed for the command's.
func (m *Mark) End(ctx context.Context) (changed int, err error) {
	w := m.w
	err = w.locked(ctx, func() error {
		s, err := w.look(ctx, ByCommand, m.auto)
		if err != nil {
			return err
		}
		changed = len(s.changed)
		if err := w.store.packs.commit(); err != nil {
			return unusable(err)
		}
		if m.record != nil {
			err = w.settle(m, changed)
		}
		m.drop()
		return err
	})
	if err != nil {
		m.file.Close() // its lock goes, so that the next look knows that nobody will end it
	}
	return changed, err
}

// settle keeps the automatic checkpoint of a command only if the command changed something.
func (w *Workspace) settle(m *Mark, changed int) error {
	r, err := w.store.record(m.record.ID)
	if err != nil {
		return nil // it was deleted meanwhile
	}
	if changed == 0 && w.store.state.Head == r.ID {
		return w.store.remove(map[string]string{r.ID: m.before})
	}
	r.Changed = changed
	return w.store.putRecord(r)
}

func (m *Mark) drop() {
	os.Remove(m.file.Name())
	m.file.Close()
}

// author says whose the changes since the last look are. A mark whose process is gone is one of a command that nobody
// saw the end of: it counts once more and, with settle, is removed.
func (w *Workspace) author(busy, settle bool) By {
	by := ByOutside
	if busy {
		by = ByCommand
	}
	list, err := os.ReadDir(w.store.path("running"))
	if err != nil {
		return by
	}
	for _, entry := range list {
		by = ByCommand
		f, err := os.OpenFile(w.store.path("running", entry.Name()), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if settle && syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.Remove(f.Name())
		}
		f.Close()
	}
	return by
}

// peek looks without writing anything down.
func (w *Workspace) peek(ctx context.Context) (*sight, error) {
	before, _ := w.readIndex()
	s, err := w.scan(ctx, before, false)
	if err != nil {
		return nil, w.fail(err)
	}
	s.changed = changedPaths(before, s.entries)
	return s, nil
}

var errFull = errors.New("the store is full")

// A sight is the workspace at one moment, its entries sorted and with their contents known.
type sight struct {
	entries []Entry
	changed []string
	at      time.Time
	fresh   bool // something was read that the index had not, or not for sure
}
