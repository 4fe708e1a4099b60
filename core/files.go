package execkit

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
	"github.com/execkit/execkit/core/wire"
)

// # Files and the policy
//
// A file operation is judged as the command that would do it: reading as cat PATH, listing as ls PATH, stat as stat PATH and
// writing as : >>PATH. What is judged is not only the path that was asked for but also the one that the kernel
// opened, and the operation is done on that very descriptor: no link, no rename and no race comes in between. On another machine
// there is no descriptor to be had, and package remote/files tells what stands in for it.

// A fileSystem is where a session's files are.
type fileSystem interface {
	// open opens a path without an effect on what is there.
	open(ctx context.Context, path string) (fileHandle, error)
	// openParent opens a directory, or the nearest one above it that exists where parents may be made; missing are the
	// names below that.
	openParent(ctx context.Context, path string, parents bool) (dir fileHandle, missing []string, err error)
}

// A fileHandle is what a path stands for, whatever has its name by now.
type fileHandle interface {
	// path is the one without symbolic links.
	path() string
	close()
	// stream hands the file over until each returns false, and returns the size of the file.
	stream(ctx context.Context, each func(p []byte) bool) (int64, error)
	// small returns the content of a small regular file of the directory.
	small(name string) ([]byte, error)
	stat(name string) (*wire.FileInfo, error)
	list(limit int) (entries []wire.FileInfo, truncated bool, err error)
	// write makes the missing directories and replaces one file as a whole.
	write(missing []string, name string, content []byte, mode int64, exclusive bool) (created bool, err error)
}

// localFS are the files of this machine.
type localFS struct{}

func (localFS) open(_ context.Context, path string) (fileHandle, error) {
	f, err := openNamed(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (localFS) openParent(_ context.Context, path string, parents bool) (fileHandle, []string, error) {
	f, missing, err := openParent(path, parents)
	if err != nil {
		return nil, nil, err
	}
	return f, missing, nil
}

func (f *openFile) path() string { return f.real }

const (
	defaultReadBytes = 1 << 20
	maxReadBytes     = 16 << 20
	// maxWriteBytes bounds one write; a request is at most 64 MiB.
	maxWriteBytes = 32 << 20
	// maxReadFile bounds the file itself: it is read from its beginning, since a secret may begin anywhere.
	maxReadFile = 1 << 30
	maxList     = 100_000
)

func badFile(field, format string, args ...any) *errdefs.Error {
	return errdefs.New(errdefs.InvalidArgument, format, args...).WithDetail("field", field)
}

// filePath returns the absolute path that a request means. The session must be held.
func (s *Session) filePath(path string) (string, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return "", badFile("path", "path: %s is not the path of a file", errdefs.Quote(path))
	}
	if !filepath.IsAbs(path) {
		s.mu.Lock()
		path = filepath.Join(s.cwd, path)
		s.mu.Unlock()
	}
	return filepath.Clean(path), nil
}

// permitFile has the policy judge an operation on a path. Where a grant is relative, it holds below the directory in which
// the session opened.
func (s *Session) permitFile(ctx context.Context, path string, text func(path string) string) error {
	d := s.guard.checkFile(text(engine.Quote(path)))
	if d.Decision != policy.Allow && onlyWrite(d) {
		if rel, err := filepath.Rel(s.target.firstDir(), path); err == nil && filepath.IsLocal(rel) {
			d = s.guard.checkFile(text(engine.Quote("./" + rel)))
		}
	}
	if d.Decision == policy.Deny && !s.guard.refuses {
		d = askInstead(d)
	}
	shown := text(engine.Quote(path))
	p := &proposal{session: s, command: shown, verdict: verdict{decision: d}}
	switch d.Decision {
	case policy.Deny:
		return p.blocked(s.hideSecrets(refusal(d)))
	case policy.Ask:
		if _, err := p.approval(ctx, s.config.Approve); err != nil {
			return p.blocked(s.hideSecrets(err))
		}
		if p.command != shown {
			return p.blocked(s.hideSecrets(p.refused("a person put another command in its place, and only this one could be done here", nil)))
		}
	}
	return nil
}

// checkFile judges a command apart from what the session ran before: no function or directory of it matters here.
func (g *guard) checkFile(text string) (d wire.Decision) {
	d.Decision = policy.Allow
	if !g.judges {
		return d
	}
	for _, p := range g.policies {
		one := p.Check(text, nil)
		d.Rules = append(d.Rules, one.Rules...)
		if policy.Stricter(one.Decision, d.Decision) {
			d.Decision, d.Reason = one.Decision, one.Reason
		}
	}
	return d
}

// onlyWrite reports whether nothing but the place of writing stands against a command.
func onlyWrite(d wire.Decision) bool {
	return !slices.ContainsFunc(d.Rules, func(r wire.RuleRef) bool { return r.Decision != policy.Allow && r.ID != "write" })
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// openJudged opens a path without an effect, judges what was asked for and what was opened, and returns that.
func (s *Session) openJudged(ctx context.Context, path string, text func(string) string) (fileHandle, error) {
	asked, err := s.filePath(path)
	if err != nil {
		return nil, err
	}
	if err := s.permitFile(ctx, asked, text); err != nil {
		return nil, err
	}
	f, err := s.target.files().open(ctx, asked)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	if f.path() != asked {
		if err := s.permitFile(ctx, f.path(), text); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

// ReadFile returns a part of a file, redacted.
func (s *Session) ReadFile(ctx context.Context, r wire.FileRead) (*wire.FileContent, error) {
	if r.Offset < 0 || r.Limit < 0 || r.Limit > maxReadBytes {
		return nil, badFile("limit", "offset or limit is out of range").WithHint("a limit is 1 to %d bytes", maxReadBytes)
	}
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	f, err := s.openJudged(ctx, r.Path, func(path string) string { return "cat " + path })
	if err != nil {
		return nil, err
	}
	defer f.close()
	if _, err := s.record(audit.File, map[string]any{"op": "read", "path": redactText(s.redact, f.path())}); err != nil {
		return nil, err
	}
	c := &wire.FileContent{Path: redactText(s.redact, f.path()), Encoding: "utf-8", Offset: r.Offset}
	limit := r.Limit
	if limit == 0 {
		limit = defaultReadBytes
	}
	w := window{from: r.Offset, to: r.Offset + limit}
	hide := s.redact.Stream()
	if c.Bytes, err = f.stream(ctx, func(p []byte) bool {
		w.write(hide.Write(nil, p))
		return w.seen <= w.to // one more byte tells whether there is more
	}); err != nil {
		return nil, s.hideSecrets(err)
	}
	w.write(hide.Flush(nil))
	c.Redactions = hide.Counts()
	// A rune that the limit cuts comes with the next part.
	if cut := partialRune(w.kept); cut > 0 && cut < len(w.kept) && w.seen > w.to {
		w.kept = w.kept[:len(w.kept)-cut]
	}
	c.NextOffset = r.Offset + int64(len(w.kept))
	c.EOF = w.seen <= c.NextOffset
	if c.Content = string(w.kept); !utf8.Valid(w.kept) {
		c.Content, c.Encoding = base64.StdEncoding.EncodeToString(w.kept), "base64"
	}
	return c, nil
}

// A window keeps the bytes [from, to) of a stream.
type window struct {
	from, to, seen int64
	kept           []byte
}

func (w *window) write(p []byte) {
	start, end := max(w.from-w.seen, 0), min(w.to-w.seen, int64(len(p)))
	if start < end {
		w.kept = append(w.kept, p[start:end]...)
	}
	w.seen += int64(len(p))
}

// StatFile describes a name; a symbolic link is not followed.
func (s *Session) StatFile(ctx context.Context, r wire.FileRef) (*wire.FileInfo, error) {
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	path, err := s.filePath(r.Path)
	if err != nil {
		return nil, err
	}
	text := func(path string) string { return "stat " + path }
	dir, err := s.openJudged(ctx, filepath.Dir(path), text)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	real := filepath.Join(dir.path(), filepath.Base(path))
	if err := s.permitFile(ctx, real, text); err != nil {
		return nil, err
	}
	info, err := dir.stat(filepath.Base(path))
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	info.Path = wire.PathOf(redactText(s.redact, real))
	return info, nil
}

// ListFiles lists a directory.
func (s *Session) ListFiles(ctx context.Context, r wire.FileRef) (*wire.FileList, error) {
	if r.Limit < 0 || r.Limit > maxList {
		return nil, badFile("limit", "limit: %d is out of range", r.Limit).WithHint("give 1 to %d", maxList)
	}
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	f, err := s.openJudged(ctx, r.Path, func(path string) string { return "ls " + path })
	if err != nil {
		return nil, err
	}
	defer f.close()
	limit := r.Limit
	if limit == 0 {
		limit = 1000
	}
	list := &wire.FileList{Path: redactText(s.redact, f.path())}
	if list.Entries, list.Truncated, err = f.list(limit); err != nil {
		return nil, s.hideSecrets(err)
	}
	return list, nil
}

// WriteFile replaces a file as a whole.
func (s *Session) WriteFile(ctx context.Context, r wire.FileWrite) (*wire.FileWritten, error) {
	content, err := writeContent(&r)
	if err != nil {
		return nil, err
	}
	mode := int64(-1)
	if r.Mode != "" {
		if mode, err = strconv.ParseInt(r.Mode, 8, 32); err != nil || mode < 0 || mode > 0o777 {
			return nil, badFile("mode", "mode: %s is not an octal mode", errdefs.Quote(r.Mode)).WithHint(`give "0644", at most "0777"`)
		}
	}
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	path, err := s.filePath(r.Path)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(path)
	if name == "/" || strings.HasSuffix(r.Path, "/") {
		return nil, badFile("path", "path: %s is not the path of a file", errdefs.Quote(r.Path))
	}
	if err := s.permitFile(ctx, path, asRedirect); err != nil {
		return nil, err
	}
	dir, missing, err := s.target.files().openParent(ctx, filepath.Dir(path), r.Parents)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	defer dir.close()
	real := filepath.Join(append([]string{dir.path()}, append(slices.Clone(missing), name)...)...)
	if real != path {
		if err := s.permitFile(ctx, real, asRedirect); err != nil {
			return nil, err
		}
	}
	if err := s.keepsSecrets(dir, missing, name, content); err != nil {
		return nil, err
	}
	return s.writeIn(ctx, dir, missing, name, real, content, mode, r.Exclusive)
}

// asRedirect is the command that a write is judged as.
func asRedirect(path string) string { return ": >>" + path }

func writeContent(r *wire.FileWrite) ([]byte, error) {
	var content []byte
	switch {
	case (r.Content == nil) == (r.ContentB64 == nil):
		return nil, badFile("content", "content and content_b64: exactly one of them is needed")
	case r.Content != nil:
		content = []byte(*r.Content)
	default:
		var err error
		if content, err = base64.StdEncoding.DecodeString(*r.ContentB64); err != nil {
			return nil, badFile("content_b64", "content_b64 is not base64: %v", err)
		}
	}
	if len(content) > maxWriteBytes {
		return nil, errdefs.New(errdefs.LimitExceeded, "the content has %d bytes; at most %d can be written", len(content), maxWriteBytes)
	}
	return content, nil
}

// keepsSecrets refuses to write a redaction mark over the secret that it stands for, which an agent would do that reads a
// file, edits it and writes it back.
func (s *Session) keepsSecrets(dir fileHandle, missing []string, name string, content []byte) error {
	mark := "[REDACTED" // with or without a label
	if len(missing) > 0 || !strings.Contains(string(content), mark) {
		return nil
	}
	old, err := dir.small(name)
	if err != nil || strings.Contains(string(old), mark) || !strings.Contains(redactText(s.redact, string(old)), mark) {
		return nil // there was no such secret, or the mark was in the file before
	}
	return badFile("content", "the content holds a redaction mark in the place of a secret of the file; writing it would destroy the secret").
		WithHint("change the other parts with a command such as sed")
}

func (s *Session) writeIn(ctx context.Context, dir fileHandle, missing []string, name, real string, content []byte, mode int64, exclusive bool) (*wire.FileWritten, error) {
	shown := redactText(s.redact, real)
	if _, err := s.record(audit.File, map[string]any{"op": "write", "path": shown, "bytes": len(content)}); err != nil {
		return nil, err
	}
	if u := s.undo; u != nil && (real == u.files.Root() || strings.HasPrefix(real, u.files.Root()+"/")) {
		mark, err := s.markWrite(ctx, fmt.Sprintf("file.write %s", real))
		if err != nil {
			return nil, err
		}
		defer s.afterCommand(ctx, mark, nil)
	}
	created, err := dir.write(missing, name, content, mode, exclusive)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	return &wire.FileWritten{Path: shown, Bytes: int64(len(content)), Created: created}, nil
}
