package sshconfig

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// Limits of a configuration. They end runaway Include cycles and files that are none; OpenSSH has the depth too.
const (
	maxDepth = 16
	maxLine  = 1 << 20
	maxFiles = 1000
)

// A place is a line of a file.
type place struct {
	file string
	line int
}

func (p place) error(code errdefs.Code, format string, args ...any) *errdefs.Error {
	e := errdefs.New(code, format, args...)
	e.Message = p.String() + ": " + e.Message
	return e.WithDetail("file", p.file).WithDetail("line", p.line)
}

func (p place) bad(format string, args ...any) *errdefs.Error {
	return p.error(errdefs.InvalidArgument, format, args...).WithHint("correct the line; ssh would refuse it too")
}

func (p place) String() string { return errdefs.Visible(p.file) + " line " + strconv.Itoa(p.line) }

// A setting is what a keyword got, and where.
type setting struct {
	values []string
	at     place
}

// A reader collects the settings for one host.
type reader struct {
	host, asked string // the host that Host blocks see; as asked for
	local       Local
	set         map[string]*setting
	final       bool // the second pass that Match final asks for
	again       bool // a Match final was seen
	files       int
	// ignore are the patterns of IgnoreUnknown.
	ignore string
	// userDir is where relative names in the user's configuration begin.
	userDir string
}

// file reads one file. A file that does not exist is none; required makes that an error.
func (r *reader) file(path string, user, check, required, active bool, depth int) error {
	if r.files++; r.files > maxFiles || depth > maxDepth {
		return errdefs.New(errdefs.InvalidArgument, "%s: too many included configuration files", errdefs.Visible(path)).
			WithHint("look for an Include that includes itself")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		return errdefs.New(errdefs.InvalidArgument, "cannot read the ssh configuration %s: %v", errdefs.Visible(path), plain(err)).
			WithHint("make it readable, or name another with ssh.config, or false for none").WithDetail("file", path).WithCause(err)
	}
	defer f.Close()
	if check {
		if err := checkOwner(f, path); err != nil {
			return err
		}
	}
	b := &block{reader: r, user: user, check: check, active: active, outer: active, depth: depth}
	in := bufio.NewReaderSize(f, 4096)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if len(line) > maxLine {
			return place{path, n}.bad("the line is longer than %d bytes", maxLine)
		}
		if line != "" {
			b.at = place{path, n}
			if err := b.line(strings.TrimRight(line, blanks+"\f")); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return place{path, n}.error(errdefs.InvalidArgument, "cannot be read: %v", plain(err))
		}
	}
}

// plain is the reason alone: the path is in the message already.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// checkOwner refuses a file that somebody else can write: it names commands that we would run.
func checkOwner(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && (stat.Uid != 0 && int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0) {
		return errdefs.New(errdefs.InvalidArgument, "others than its owner can write %s", errdefs.Visible(path)).
			WithHint("chmod 600 the file and see that it is yours; ssh refuses it too").WithDetail("file", path)
	}
	return nil
}

// A block is the state within one file: whether the lines after the last Host or Match count.
type block struct {
	*reader
	at     place
	user   bool
	check  bool
	active bool
	outer  bool // false inside an Include whose Host did not match: nothing in it counts
	depth  int
}

func (b *block) line(text string) error {
	word, args, ok := splitKeyword(text)
	if !ok {
		return b.at.bad("a quote is not closed")
	}
	if word == "" {
		return nil
	}
	name := strings.ToLower(word)
	if args == "" {
		return b.at.bad("%s has no argument", errdefs.Quote(word))
	}
	if alias, found := aliases[name]; found {
		name = alias
	}
	switch name {
	case "match":
		return b.match(args)
	case "proxycommand", "proxyjump", "remotecommand", "knownhostscommand", "refuseconnection":
		return b.take(name, []string{strings.TrimLeft(args, blanks+"=")})
	}
	list, ok := words(args)
	if !ok {
		return b.at.bad("a quote is not closed")
	}
	switch name {
	case "host":
		return b.hosts(list)
	case "include":
		return b.include(list)
	case "ignoreunknown":
		if len(list) != 1 {
			return b.at.bad("IgnoreUnknown takes one list")
		}
		if b.ignore == "" && b.active {
			b.ignore = list[0]
		}
		return nil
	}
	if _, known := keywords[name]; !known {
		if b.ignore != "" && MatchList(name, strings.ToLower(b.ignore)) {
			return nil
		}
		e := b.at.error(errdefs.InvalidArgument, "unknown keyword %s", errdefs.Quote(word))
		return e.WithHint("correct it, or name it in IgnoreUnknown").WithDetail("keyword", name)
	}
	return b.take(name, list)
}

// take checks a keyword's arguments and keeps them if the line counts.
func (b *block) take(name string, args []string) error {
	k := keywords[name]
	if k.kind == anything {
		return nil
	}
	if err := b.check1(name, k, args); err != nil {
		return err
	}
	if !b.active {
		return nil
	}
	old := b.set[name]
	switch {
	case name == "proxycommand" && b.set["proxyjump"] != nil, name == "proxyjump" && b.set["proxycommand"] != nil:
		return nil // whichever comes first counts
	case old == nil:
		b.set[name] = &setting{args, b.at}
	case k.kind == add && !slices.Contains(old.values, args[0]):
		old.values = append(old.values, args[0])
	}
	return nil
}

func (b *block) check1(name string, k keyword, args []string) error {
	if len(args) == 0 || slices.Contains(args, "") {
		return b.at.bad("%s has no argument", name)
	}
	if len(args) > 1 && k.kind != list {
		return b.at.bad("%s takes one argument, not %d", name, len(args))
	}
	first := args[0]
	var good bool
	switch k.kind {
	case flag:
		good = slices.Contains([]string{"yes", "no", "true", "false"}, strings.ToLower(first))
	case number:
		n, err := strconv.Atoi(first)
		good = err == nil && n >= 0
	case port:
		n, err := strconv.Atoi(first)
		good = err == nil && n >= 1 && n <= 65535
	case interval:
		_, good = duration(first)
	default:
		set, fixed := values[name]
		good = !fixed || slices.Contains(set, strings.ToLower(first))
	}
	if !good {
		return b.at.bad("%s is no value of %s", errdefs.Quote(first), name)
	}
	if name == "proxyjump" {
		_, err := parseJumps(first, b.at)
		return err
	}
	return nil
}

// duration reads a time as OpenSSH does: numbers with s, m, h, d or w behind them, seconds without; "none" is 0.
func duration(s string) (time.Duration, bool) {
	if s == "none" {
		return 0, true
	}
	var total time.Duration
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, err := strconv.ParseInt(s[:digits], 10, 32)
		if err != nil {
			return 0, false
		}
		unit := time.Second
		if s = s[digits:]; s != "" {
			var ok bool
			if unit, ok = units[s[0]|0x20]; !ok {
				return 0, false
			}
			s = s[1:]
		}
		if total += time.Duration(n) * unit; total < 0 || total > (1<<31)*time.Second {
			return 0, false
		}
	}
	return total, true
}

func (b *block) hosts(patterns []string) error {
	b.active = false
	if len(patterns) == 0 {
		return b.at.bad("Host has no pattern")
	}
	if !b.outer {
		return nil
	}
	for _, pattern := range patterns {
		negated, isNegated := strings.CutPrefix(pattern, "!")
		if !MatchPattern(b.host, negated) {
			continue
		}
		if isNegated {
			b.active = false
			return nil
		}
		b.active = true
	}
	return nil
}

func (b *block) include(patterns []string) error {
	if len(patterns) == 0 {
		return b.at.bad("Include has no file")
	}
	for _, pattern := range patterns {
		path := pattern
		switch {
		case strings.HasPrefix(path, "~") && b.user:
			var err error
			if path, err = b.local.tilde(path); err != nil {
				return b.at.bad("%v", err)
			}
		case strings.HasPrefix(path, "~"):
			return b.at.bad("Include %s: '~' has no meaning in the system's configuration", errdefs.Quote(path))
		case !filepath.IsAbs(path) && b.user:
			path = filepath.Join(b.userDir, path)
		case !filepath.IsAbs(path):
			path = filepath.Join(systemDir, path)
		}
		files, err := filepath.Glob(path)
		if err != nil {
			return b.at.bad("Include %s is no pattern", errdefs.Quote(pattern))
		}
		for _, file := range files {
			if err := b.file(file, b.user, b.check, false, b.active, b.depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
