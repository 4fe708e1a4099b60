package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// watchEvery is the pause between two looks at a log: soon enough for a person, seldom enough to cost nothing.
const watchEvery = 200 * time.Millisecond

func watchCommand() command {
	return command{
		name: "watch", args: " [LOG|DIRECTORY]", summary: "Follow an audit log, or a directory of them, as it grows",
		examples: []string{
			"execkit watch audit.jsonl            # full screen; keys: up and down choose a session, q ends",
			"execkit watch audit.jsonl --session s_ab12cd34   # one session, also by the beginning of its ID",
			"execkit watch --follow audit.jsonl   # line by line",
			"execkit watch                        # what EXECKIT_MCP_AUDIT_DIR or EXECKIT_MCP_AUDIT names",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			follow := fs.Bool("follow", false, "print record by record instead of a full screen")
			session := fs.String("session", "", "only this session, `ID`")
			all := fs.Bool("all", false, "with --follow: also what is there already, not only the last ten records")
			return func(a *app, args []string) (int, error) {
				words, err := interleaved(fs, "watch", args)
				if err != nil {
					return 0, err
				}
				path, err := watched(words, os.Getenv)
				if err != nil {
					return 0, err
				}
				w := newWatcher(path, *session)
				defer w.close()
				if *follow || a.json || !isTerminal(stdoutFile(a)) {
					return followLog(a, w, *all)
				}
				return watchScreen(a, w)
			}
		},
	}
}

func stdoutFile(a *app) *os.File {
	f, _ := a.stdout.(*os.File)
	return f
}

// watched is the log to watch.
func watched(words []string, getenv func(string) string) (string, error) {
	switch {
	case len(words) == 1:
		return words[0], nil
	case len(words) > 1:
		return "", errdefs.New(errdefs.InvalidArgument, "watch: give one log or directory")
	}
	for _, name := range []string{"EXECKIT_MCP_AUDIT_DIR", "EXECKIT_MCP_AUDIT"} {
		if text := getenv(name); text != "" {
			o, err := wire.ParseAudit(text)
			return o.Path + o.Dir, err // only one of them is set
		}
	}
	return "", errdefs.New(errdefs.InvalidArgument, "watch: no log is given").
		WithHint("execkit watch LOG, or set EXECKIT_MCP_AUDIT or EXECKIT_MCP_AUDIT_DIR")
}

// A watcher follows a log, or all logs of a directory.
type watcher struct {
	path, session string
	logs          map[string]*audit.Follower
	told          map[string]bool // damage that was told
}

func newWatcher(path, session string) *watcher {
	return &watcher{path: path, session: session, logs: make(map[string]*audit.Follower), told: make(map[string]bool)}
}

func (w *watcher) close() {
	for _, f := range w.logs {
		f.Close()
	}
}

// poll returns the new records by time, and damage that was not told before.
func (w *watcher) poll() (records []*audit.Record, damage []*audit.Damage, err error) {
	paths := []string{w.path}
	if info, err := os.Stat(w.path); err == nil && info.IsDir() {
		paths, _ = filepath.Glob(filepath.Join(w.path, "*.jsonl"))
	}
	for _, path := range paths {
		if w.logs[path] == nil {
			w.logs[path] = audit.Follow(path)
		}
	}
	for path, log := range w.logs {
		found, err := log.Poll()
		if err != nil {
			return nil, nil, err
		}
		for _, r := range found {
			if w.session == "" || audit.IsSession(r.Session, w.session) {
				records = append(records, r)
			}
		}
		if bad := log.Bad(); bad != nil && !w.told[path] {
			w.told[path] = true
			damage = append(damage, bad)
		}
	}
	if len(w.logs) > 1 {
		slices.SortStableFunc(records, func(a, b *audit.Record) int { return int(a.TimeMS - b.TimeMS) })
	}
	return records, damage, nil
}

// shownAtFirst is how many of the records that are there already are printed.
const shownAtFirst = 10

func followLog(a *app, w *watcher, all bool) (int, error) {
	if _, err := os.Stat(w.path); err != nil {
		fmt.Fprintf(a.stderr, "execkit: waiting for %s\n", errdefs.Quote(w.path))
	}
	for first := true; ; first = false {
		records, damage, err := w.poll()
		if err != nil {
			return 0, err
		}
		if first && !all && len(records) > shownAtFirst {
			records = records[len(records)-shownAtFirst:]
		}
		for _, r := range records {
			if a.json {
				a.ok(r)
			} else {
				printRecord(a.stdout, r)
			}
		}
		for _, bad := range damage {
			fmt.Fprintf(a.stderr, "execkit: the log is damaged at record %d: %s; nothing after it is shown\n", bad.Seq, bad.Message)
		}
		select {
		case <-a.ctx.Done():
			return exitOK, nil
		case <-time.After(watchEvery):
		}
	}
}

// watchScreen shows the log on the whole terminal until q or an interrupt.
func watchScreen(a *app, w *watcher) (int, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return 0, errdefs.New(errdefs.Unavailable, "watch: there is no terminal: %v", err).WithHint("use --follow")
	}
	defer tty.Close()
	restore, err := rawTerminal(tty)
	if err != nil {
		return 0, errdefs.New(errdefs.Unavailable, "watch: the terminal cannot be used: %v", err).WithHint("use --follow")
	}
	// The other screen keeps what the person had; the cursor would blink over the view.
	fmt.Fprint(tty, "\x1b[?1049h\x1b[?25l")
	defer func() {
		fmt.Fprint(tty, "\x1b[?25h\x1b[?1049l")
		restore()
	}()
	keys := make(chan string)
	go readKeys(a, tty, keys)
	v := newView(w.path)
	shown := ""
	for {
		records, damage, err := w.poll()
		if err != nil {
			return 0, err
		}
		v.add(records, damage)
		width, height := terminalSize(tty)
		if frame := v.frame(width, height); frame != shown {
			if _, err := tty.WriteString(frame); err != nil {
				return 0, err
			}
			shown = frame
		}
		select {
		case <-a.ctx.Done():
			return exitOK, nil
		case typed := <-keys:
			if slices.ContainsFunc(splitKeys(typed), v.press) {
				return exitOK, nil
			}
		case <-time.After(watchEvery):
		}
	}
}

// key is one key: an escape sequence, or a character.
var key = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|(?s:.)`)

// splitKeys takes apart what came in one piece: keys that were held down, or pressed while the connection was slow.
func splitKeys(typed string) []string { return key.FindAllString(typed, -1) }

// readKeys passes on what is typed, an escape sequence in one piece, until the terminal is closed.
func readKeys(a *app, tty *os.File, keys chan<- string) {
	buf := make([]byte, 64)
	for {
		n, err := tty.Read(buf)
		if n > 0 {
			select {
			case keys <- string(buf[:n]):
			case <-a.ctx.Done():
				return
			}
		}
		if err != nil {
			if errors.Is(err, os.ErrClosed) {
				return
			}
			select {
			case keys <- "q":
			case <-a.ctx.Done():
			}
			return
		}
	}
}
