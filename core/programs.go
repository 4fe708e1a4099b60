package execkit

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/policy"
)

// A finder looks programs up in a PATH. It reads a directory once: a policy may have thousands of entries, and a search
// for each of them in each directory would take longer than everything else.
type finder struct {
	dirs  []string
	cwd   string            // what a relative path starts from
	names []map[string]bool // nil until it is needed
	asked int
	files map[string]string
}

func newFinder(path, cwd string) *finder {
	f := &finder{cwd: cwd, files: make(map[string]string)}
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) { // a relative entry means another program in every directory
			f.dirs = append(f.dirs, dir)
		}
	}
	return f
}

// manyNames is the number of searches after which reading the directories is cheaper.
const manyNames = 100

func (f *finder) find(name string) string {
	if f.asked++; f.asked == manyNames {
		for _, dir := range f.dirs {
			f.names = append(f.names, namesIn(dir))
		}
	}
	for i, dir := range f.dirs {
		if f.names != nil && !f.names[i][name] {
			continue
		}
		if file := filepath.Join(dir, name); executable(file) {
			return file
		}
	}
	return ""
}

func namesIn(dir string) map[string]bool {
	names := make(map[string]bool)
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	return names
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// file returns the file of a program and keeps it, "" where there is none.
func (f *finder) file(name string) string {
	if file, ok := f.files[name]; ok {
		return file
	}
	file := ""
	switch {
	case filepath.Base(name) == name:
		file = f.find(name)
	case filepath.IsAbs(name):
		file = name
	default:
		file = filepath.Join(f.cwd, name)
	}
	if file != "" && !executable(file) {
		file = ""
	}
	f.files[name] = file
	return file
}

// maxWarnings bounds what is told about a policy that was written for another machine.
const maxWarnings = 50

// absent warns of an entry that grants nothing here.
func (g *guard) absent(name string) {
	const more = "more programs of the policy are not on PATH"
	if len(g.warnings) > maxWarnings {
		return
	}
	if len(g.warnings) == maxWarnings {
		g.warnings = append(g.warnings, more)
		return
	}
	warning := errdefs.Quote(name) + " is granted and names no program on PATH"
	if !slices.Contains(g.warnings, warning) {
		g.warnings = append(g.warnings, warning)
	}
}

// PolicyWarnings tells what of a policy is probably not meant on this machine: the policy's own warnings, and the entries
// that name no program on PATH.
func PolicyWarnings(p *Policy) []string {
	g := &guard{warnings: p.Warnings()}
	if p.Fence() {
		cwd, _ := os.Getwd()
		find := newFinder(os.Getenv("PATH"), cwd)
		names := p.Programs()
		slices.Sort(names)
		for _, name := range names {
			if !policy.Builtin(name) && find.file(name) == "" {
				g.absent(name)
			}
		}
	}
	return g.warnings
}
