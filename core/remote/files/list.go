package files

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/execkit/execkit/core/remote"
)

// A listing is what one directory holds.
type listing struct {
	status  int
	entries []Named
}

// list lists directories, given by their absolute paths. The target must be held.
func (t *Target) list(ctx context.Context, dirs []string, each func(i int, d *listing) error) error {
	c, err := t.ready(ctx)
	if err != nil {
		return err
	}
	all := make([]listing, len(dirs))
	err = c.Do(ctx, func(s *remote.Sender) error {
		for _, dir := range dirs {
			if err := s.Line(call("ek_list", dir)); err != nil {
				return err
			}
		}
		return nil
	}, func(next func() *remote.Frame) error {
		for i := range dirs {
			names, status, err := text(next())
			if err != nil {
				return err
			}
			states, _, err := text(next())
			if err != nil {
				return err
			}
			if all[i].status = status; status != 0 {
				continue
			}
			if all[i].entries, err = parseStates(states, splitNames(names)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = t.readLinks(ctx, dirs, all)
	}
	for i := range all {
		if err == nil {
			err = each(i, &all[i])
		}
	}
	return broken(err)
}

// splitNames takes names apart that end in NUL. A pattern that stands for nothing is among them as itself, and a name
// that looks like one twice.
func splitNames(said string) []string {
	names := strings.Split(strings.TrimSuffix(said, "\x00"), "\x00")
	seen := make(map[string]bool, 3)
	return slices.DeleteFunc(names, func(name string) bool {
		pattern := name == "*" || name == ".[!.]*" || name == "..?*"
		if name == "" || name == "." || name == ".." || strings.Contains(name, "/") || pattern && seen[name] {
			return true
		}
		if pattern {
			seen[name] = true
		}
		return false
	})
}

// readLinks finds out where symbolic links lead.
func (t *Target) readLinks(ctx context.Context, dirs []string, all []listing) error {
	var links []*Named
	var lines []string
	for i := range all {
		var names []string
		flush := func() {
			if len(names) > 0 {
				lines = append(lines, in(dirs[i], "ek_links", names...))
				names = nil
			}
		}
		for k := range all[i].entries {
			if n := &all[i].entries[k]; n.IsLink() {
				links, names = append(links, n), append(names, n.Name)
			}
			if len(names) == maxNames {
				flush()
			}
		}
		flush()
	}
	if len(links) == 0 {
		return nil
	}
	c, err := t.ready(ctx)
	if err != nil {
		return err
	}
	return c.Do(ctx, func(s *remote.Sender) error { return sendLines(s, lines) }, func(next func() *remote.Frame) error {
		for _, n := range links {
			target, status, err := text(next())
			if err != nil {
				return err
			}
			n.Target, n.unread = target, status != 0 || target == ""
		}
		return nil
	})
}

// maxNames bounds the names in one line.
const maxNames = 50

func sendLines(s *remote.Sender, lines []string) error {
	for _, line := range lines {
		if err := s.Line(line); err != nil {
			return err
		}
	}
	return nil
}

// pattern returns what ek_now takes for a name that is as it was; "-" stands for nothing.
func (f *facts) pattern(s *State, kindOnly, anyKind bool) string {
	if s == nil {
		return "-"
	}
	if kindOnly { // a directory of this restore
		return fmt.Sprintf("%x??? *", s.Kind()>>12)
	}
	device := s.Device
	mode := fmt.Sprintf("%x", s.Mode)
	switch {
	case anyKind:
		mode = "*"
	case !s.IsFile():
		mode = fmt.Sprintf("%x???", s.Kind()>>12)
	}
	at := fmt.Sprintf("%s %d %d ", mode, device, s.Inode)
	switch {
	case !s.IsFile() || anyKind:
		return at + "*"
	case !f.stats || s.Modified <= 0:
		return at + fmt.Sprintf("%d *", s.Size)
	case s.Modified%1e9 == 0:
		return at + fmt.Sprintf("%d %d *", s.Size, s.Modified/1e9)
	}
	return at + fmt.Sprintf("%d %d *.%09d*", s.Size, s.Modified/1e9, s.Modified%1e9)
}
