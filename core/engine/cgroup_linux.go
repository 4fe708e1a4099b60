package engine

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Cgroup holds the processes of one session, however they were started and whoever their parent is now: a process is born
// into its parent's. No controller is needed for that, only a directory of the second version's file system that this
// process may write to.
type Cgroup struct{ dir string }

// NewCgroup makes one below this process's own; the error says why there is none.
func NewCgroup() (*Cgroup, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	path := ""
	for line := range strings.Lines(string(own)) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			path = strings.TrimSuffix(rest, "\n")
		}
	}
	mount, root := cgroupMount()
	rel, err := filepath.Rel(root, path)
	if mount == "" || path == "" || err != nil || !filepath.IsLocal(rel) {
		return nil, errors.New("no cgroup2 file system shows this process's group")
	}
	c := &Cgroup{filepath.Join(mount, rel, "execkit-"+strings.ToLower(rand.Text()))}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, err
	}
	return c, nil
}

// cgroupMount returns where the file system is mounted, and what of it; see proc_pid_mountinfo(5).
func cgroupMount() (mount, root string) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		field := strings.Fields(left)
		if ok && len(field) >= 5 && strings.HasPrefix(right, "cgroup2 ") {
			return field[4], field[3]
		}
	}
	return "", ""
}

// take moves a process into the group.
func (c *Cgroup) take(pid int) error {
	return os.WriteFile(filepath.Join(c.dir, "cgroup.procs"), strconv.AppendInt(nil, int64(pid), 10), 0)
}

// groups are the directories of the group and of those that a process of it made below.
func (c *Cgroup) groups() (dirs []string) {
	_ = filepath.WalkDir(c.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}

// processes returns the ids of those in the group.
func (c *Cgroup) processes() map[int]bool {
	pids := make(map[int]bool)
	for _, dir := range c.groups() {
		text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, word := range bytes.Fields(text) {
			if pid, err := strconv.Atoi(string(word)); err == nil {
				pids[pid] = true
			}
		}
	}
	return pids
}

// used returns the processor time of all that were ever in the group.
func (c *Cgroup) used() (time.Duration, bool) {
	text, err := os.ReadFile(filepath.Join(c.dir, "cpu.stat"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "usage_usec "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Duration(n) * time.Microsecond, err == nil
		}
	}
	return 0, false
}

// freeze holds all processes of the group, or lets them go on. One that is held can be killed and starts no other.
func (c *Cgroup) freeze(on bool) {
	word := "0"
	if on {
		word = "1"
	}
	_ = os.WriteFile(filepath.Join(c.dir, "cgroup.freeze"), []byte(word), 0)
}

// Close kills what is left in the group and removes it.
func (c *Cgroup) Close() {
	for range 200 {
		if os.WriteFile(filepath.Join(c.dir, "cgroup.kill"), []byte("1"), 0) != nil {
			for pid := range c.processes() { // before Linux 5.14
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		dirs := c.groups()
		for i := len(dirs) - 1; i >= 0; i-- {
			_ = os.Remove(dirs[i])
		}
		if _, err := os.Stat(c.dir); errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
