package enforce

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// programDirs hold the system's programs. Those below /usr/lib are not here, where libraries must be readable.
var programDirs = []string{
	"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games", "/usr/local/games", "/usr/libexec", "/snap/bin",
}

// systemTrees are what programs read to run at all: programs, libraries, zones, certificates, settings, the kernel's own
// files. A process outside the session shows nothing of itself in /proc, since Landlock counts that as tracing it.
var systemTrees = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc", "/proc", "/sys", "/nix/store", "/gnu/store"}

// systemDirs are the real paths of programDirs, which a running system does not move.
var systemDirs = sync.OnceValue(func() []string { return resolve(programDirs) })

// devices are read by ordinary programs. A disk or the memory of the machine would show every file whatever the rules.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// helpers are directories and files of programs that a program starts as parts of itself, as patterns; ~ is
// the home directory. What Debian
// installs of PostgreSQL's clients are scripts that start the client of the right version.
var helpers = map[string][]string{
	"git":    {"/usr/lib/git-core", "/usr/libexec/git-core"},
	"docker": {"/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins"},
	"cargo":  {"~/.rustup/toolchains/*/bin/*"}, "rustc": {"~/.rustup/toolchains/*/bin/*"},
	"man":  {"/usr/lib/man-db/*", "/usr/libexec/man-db/*"},
	"psql": {"/usr/lib/postgresql/*/bin/psql"}, "pg_dump": {"/usr/lib/postgresql/*/bin/pg_dump"}, "pg_isready": {"/usr/lib/postgresql/*/bin/pg_isready"},
}

// resolve returns the real path of what exists, without links.
func resolve(paths []string) []string {
	var real []string
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			continue
		}
		if r, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(real, r) {
			real = append(real, r)
		}
	}
	return real
}

// below reports whether path is tree or in it.
func below(path, tree string) bool {
	return path == tree || tree == "/" || strings.HasPrefix(path, tree+"/")
}

func belowAny(path string, trees []string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool { return below(path, tree) })
}

// around returns the trees that together hold everything but the excluded ones. A directory on the way to an excluded
// one is given by what it holds now.
func around(dir string, excluded []string) []string {
	if slices.Contains(excluded, dir) {
		return nil
	}
	if !slices.ContainsFunc(excluded, func(e string) bool { return below(e, dir) }) {
		return []string{dir}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var trees []string
	for _, entry := range entries {
		if entry.Type()&os.ModeSymlink == 0 {
			trees = append(trees, around(filepath.Join(dir, entry.Name()), excluded)...)
		}
	}
	return trees
}

// executables returns the files that have to be executed so that a program runs: its own, the loader that its ELF
// header names, and for a script the interpreter of its first line, with what that needs. Paths that are in seen were given before, as most
// programs' loader was, and are left out.
func executables(program string, seen map[string]bool) []string {
	var files []string
	for range 5 { // the kernel follows an interpreter that is a script four times
		if seen[program] {
			return files
		}
		seen[program] = true
		real, err := filepath.EvalSymlinks(program)
		if err != nil || slices.Contains(files, real) {
			return files
		}
		if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
			return files // a directory would grant everything in it
		}
		files = append(files, real)
		next, argument := interpreter(real)
		if next == "" {
			return files
		}
		if filepath.Base(next) == "env" && argument != "" {
			files = append(files, executables(next, seen)...)
			next = argument
			if next, err = findProgram(next); err != nil {
				return files
			}
		}
		program = next
	}
	return files
}

// findProgram looks in the system's directories only: which file an env takes from the session's PATH is known
// when it runs.
func findProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode()&0o111 != 0 {
			return filepath.Join(dir, name), nil
		}
	}
	return "", os.ErrNotExist
}

// Script reports whether the kernel starts another program for a file.
func Script(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "#!"
}

// interpreter returns what the kernel starts in place of a file: PT_INTERP, or the words after #!. Package debug/elf
// would read all sections as well, which for a dozen programs takes longer than the shell's start.
func interpreter(file string) (path, argument string) {
	f, err := os.Open(file)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return "", ""
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("#!")):
		return firstLine(head[2:])
	case bytes.HasPrefix(head, []byte("\x7fELF\x02\x01")) && n >= elfHeader:
		return loaderOf(f, head), ""
	}
	return "", ""
}

// firstLine splits what follows #!: the interpreter, and the word after it that matters where that is env.
func firstLine(head []byte) (path, argument string) {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return "", ""
	}
	if len(words) > 1 {
		argument = words[1]
		if argument == "-S" {
			argument = words[len(words)-1]
		}
	}
	return words[0], argument
}

// The sizes of the headers of a 64-bit ELF file, elf(5).
const (
	elfHeader     = 64
	programHeader = 56
)

// loaderOf reads the program headers of a 64-bit little-endian file, which is what this package's architectures run.
func loaderOf(f io.ReaderAt, head []byte) string {
	little := binary.LittleEndian
	offset, size, count := int64(little.Uint64(head[32:])), int64(little.Uint16(head[54:])), int64(little.Uint16(head[56:]))
	if size < programHeader || offset < 0 {
		return ""
	}
	header := make([]byte, programHeader)
	for i := range count {
		if _, err := f.ReadAt(header, offset+i*size); err != nil {
			return ""
		}
		if little.Uint32(header) != uint32(elf.PT_INTERP) {
			continue
		}
		length := little.Uint64(header[32:])
		if length >= 4096 {
			return ""
		}
		name := make([]byte, length)
		if _, err := f.ReadAt(name, int64(little.Uint64(header[8:]))); err != nil {
			return ""
		}
		return strings.TrimRight(string(name), "\x00")
	}
	return ""
}
