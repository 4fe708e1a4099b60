package enforce

import (
	"bufio"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// programDirs hold the system's programs. Those below /usr/lib are not here, where libraries must be readable.
var programDirs = []string{
	"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/games", "/usr/local/games", "/usr/libexec", "/snap/bin",
}

// systemTrees are what programs read to run at all: programs, libraries, zones, certificates, settings, the kernel's own
// files. A process outside the session shows nothing of itself in /proc, since Landlock counts that as tracing it.
var systemTrees = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc", "/proc", "/sys", "/nix/store", "/gnu/store"}

// devices are read by ordinary programs. A disk or the memory of the machine would show every file whatever the rules.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// helpers are directories and files of programs that a program starts as parts of itself, as patterns. What Debian
// installs of PostgreSQL's clients are scripts that start the client of the right version.
var helpers = map[string][]string{
	"git":    {"/usr/lib/git-core", "/usr/libexec/git-core"},
	"docker": {"/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins"},
	"man":    {"/usr/lib/man-db/*", "/usr/libexec/man-db/*"},
	"psql":   {"/usr/lib/postgresql/*/bin/psql"}, "pg_dump": {"/usr/lib/postgresql/*/bin/pg_dump"}, "pg_isready": {"/usr/lib/postgresql/*/bin/pg_isready"},
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
// header names, and for a script the interpreter of its first line, with what that needs.
func executables(program string) []string {
	var files []string
	for range 5 { // the kernel follows an interpreter that is a script four times
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
			files = append(files, executables(next)...)
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

// interpreter returns what the kernel starts in place of a file: PT_INTERP, or the words after #!.
func interpreter(file string) (path, argument string) {
	f, err := os.Open(file)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil {
		return "", ""
	}
	if string(head[:2]) == "#!" {
		_, _ = f.Seek(2, io.SeekStart)
		line, _ := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
		words := strings.Fields(line)
		if len(words) == 0 {
			return "", ""
		}
		if len(words) > 1 {
			argument = words[len(words)-1]
			if words[1] != "-S" && len(words) > 1 {
				argument = words[1]
			}
		}
		return words[0], argument
	}
	if string(head) != elf.ELFMAG {
		return "", ""
	}
	object, err := elf.NewFile(f)
	if err != nil {
		return "", ""
	}
	for _, p := range object.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err == nil {
				return strings.TrimRight(string(name), "\x00"), ""
			}
		}
	}
	return "", ""
}
