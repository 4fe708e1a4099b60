package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/screen"
)

// keptLines bounds the transcript of the full-screen view.
const keptLines = 5000

// A view is what watch shows on a full screen. It knows no terminal, so that a test can look at it.
type view struct {
	path       string
	sessions   []*watchedSession
	byID       map[string]*watchedSession
	transcript []transcriptLine
	damage     string
	commands   int
	blocks     int
	// chosen is the place of the session that is shown alone, -1 for all. scroll counts lines from the end.
	chosen, scroll int
}

type watchedSession struct {
	id, label, target, cwd, state string
	commands, blocks              int
	running                       string // the command
	since                         int64
}

type transcriptLine struct {
	session, text string
	blocked       bool
}

func newView(path string) *view {
	return &view{path: path, byID: make(map[string]*watchedSession), chosen: -1}
}

func (v *view) add(records []*audit.Record, damage []*audit.Damage) {
	for _, r := range records {
		v.addRecord(r)
	}
	for _, bad := range damage {
		v.damage = fmt.Sprintf("DAMAGED at record %d: %s", bad.Seq, plain(bad.Message))
	}
	if extra := len(v.transcript) - keptLines; extra > 0 {
		v.transcript = v.transcript[extra:]
	}
}

func (v *view) addRecord(r *audit.Record) {
	if r.Session == "" {
		return
	}
	s := v.byID[r.Session]
	if s == nil {
		s = &watchedSession{id: r.Session, label: plain(r.Label), target: plain(r.Target), state: "open"}
		v.byID[r.Session] = s
		v.sessions = append(v.sessions, s)
	}
	if r.Cwd != "" {
		s.cwd = plain(r.Cwd)
	}
	switch r.Kind {
	case audit.Intent:
		v.commands++
		s.commands++
		s.state, s.running, s.since = "runs", plain(r.Command), r.TimeMS
	case audit.Outcome:
		s.state, s.running = "idle", ""
	case audit.Block:
		v.blocks++
		s.blocks++
	case audit.Close:
		s.state = "closed"
	}
	for _, text := range recordLines(r) {
		line := transcriptLine{r.Session, text, r.Kind == audit.Block}
		v.transcript = append(v.transcript, line)
		if v.scroll > 0 && v.shows(line) {
			v.scroll++ // what is read stays where it is
		}
	}
}

// press takes a key and reports whether it ends the view.
func (v *view) press(key string) bool {
	switch key {
	case "q", "Q", "\x03", "\x1b":
		return true
	case "k", "\x1b[A", "\x1bOA":
		v.chosen = max(v.chosen-1, -1)
		v.scroll = 0
	case "j", "\x1b[B", "\x1bOB":
		v.chosen = min(v.chosen+1, len(v.sessions)-1)
		v.scroll = 0
	case "a":
		v.chosen, v.scroll = -1, 0
	case "\x1b[5~", "b":
		v.scroll += 10
	case "\x1b[6~", " ":
		v.scroll = max(v.scroll-10, 0)
	case "\x1b[H", "\x1b[1~", "\x1bOH", "g":
		v.scroll = keptLines
	case "\x1b[F", "\x1b[4~", "\x1bOF", "G":
		v.scroll = 0
	}
	return false
}

// shows reports whether a line belongs to the chosen session.
func (v *view) shows(line transcriptLine) bool {
	return v.chosen < 0 || v.chosen >= len(v.sessions) || line.session == v.sessions[v.chosen].id
}

// frame is one picture of the screen.
func (v *view) frame(width, height int) string {
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range v.lines(width, height) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[0m\x1b[K")
	}
	b.WriteString("\x1b[J")
	return b.String()
}

// lines are at most height lines of at most width characters, with colours.
func (v *view) lines(width, height int) []string {
	state := "log whole so far"
	switch {
	case v.damage != "":
		state = v.damage
	case len(v.sessions) == 0:
		state = "waiting for the first session"
	}
	lines := []string{"\x1b[7m" + fit(fmt.Sprintf(" execkit watch %s   %d sessions  %d commands  %d blocked   %s", plain(v.path), len(v.sessions), v.commands, v.blocks, state), width)}
	// The sessions take at most a third; those around the chosen one are shown.
	shown := min(len(v.sessions), max((height-3)/3, 1))
	first := min(max(v.chosen-shown+1, len(v.sessions)-shown, 0), max(len(v.sessions)-shown, 0))
	if v.chosen >= 0 && v.chosen < first {
		first = v.chosen
	}
	for i := first; i < first+shown; i++ {
		lines = append(lines, v.sessionLine(i, width))
	}
	what := "all sessions"
	if v.chosen >= 0 && v.chosen < len(v.sessions) {
		what = v.sessions[v.chosen].id
	}
	lines = append(lines, "\x1b[2m"+fit("── "+what+" ── up/down session, a all, PgUp/PgDn/Home/End scroll, q quit "+strings.Repeat("─", width), width))
	return append(lines, v.body(width, height-len(lines))...)
}

func (v *view) sessionLine(i, width int) string {
	s := v.sessions[i]
	text := fmt.Sprintf(" %-10s %-12s %-10s %-6s %4d cmds %3d blocked  %s", shortID(s.id), s.label, s.target, s.state, s.commands, s.blocks, s.cwd)
	if s.running != "" {
		text += fmt.Sprintf(" (%d s) $ %s", max(time.Now().UnixMilli()-s.since, 0)/1000, s.running)
	}
	colour := ""
	switch {
	case i == v.chosen:
		colour = "\x1b[1;7m"
	case s.state == "closed":
		colour = "\x1b[2m"
	case s.state == "runs":
		colour = "\x1b[1m"
	}
	return colour + fit(text, width)
}

func (v *view) body(width, height int) []string {
	var mine []transcriptLine
	for _, line := range v.transcript {
		if v.shows(line) {
			mine = append(mine, line)
		}
	}
	height = max(height, 0)
	v.scroll = min(v.scroll, max(len(mine)-height, 0))
	end := len(mine) - v.scroll
	var lines []string
	for _, line := range mine[max(end-height, 0):end] {
		colour := ""
		if line.blocked {
			colour = "\x1b[31m"
		}
		lines = append(lines, colour+fit(line.text, width))
	}
	return lines
}

// fit cuts a text to a width in places of the screen, of which some characters take two.
func fit(text string, width int) string {
	for i, r := range text {
		if width -= screen.Cells(r); width < 0 {
			return text[:i]
		}
	}
	return text
}
