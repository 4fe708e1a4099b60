package execkit

import (
	"regexp"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/wire"
)

const (
	// quietFor is how long nothing may have come or gone before it is worth a look at the kernel.
	quietFor = 30 * time.Millisecond
	// firstPause and lastPause are the times between looks: short after something happened, longer while nothing does.
	firstPause, lastPause = 40 * time.Millisecond, 300 * time.Millisecond
	// timedFor is how long a program has to poll with a limit, without saying anything, until that counts as waiting.
	timedFor = 600 * time.Millisecond
)

// watchForInput tells by event when the command cannot go on without input. The evidence is the kernel's, in two looks
// that agree; the text says only what kind of question it may be.
func (r *Running) watchForInput(d driver) {
	var before engine.Wait
	var since time.Time
	var seen int64
	told := false
	pause := firstPause
	for {
		select {
		case <-r.done:
			return
		case <-time.After(pause):
		}
		now := r.activity.Load()
		if now != seen {
			seen, told, before, pause = now, false, engine.Wait{}, firstPause
			r.setWaiting(nil)
		}
		if time.Since(time.Unix(0, r.lastActive.Load())) < quietFor {
			continue
		}
		w, ok := d.Waiting()
		if !ok || w.Proof != before.Proof || w.PID != before.PID {
			if told && !ok {
				r.setWaiting(nil)
			}
			before, since, told = w, time.Now(), told && ok && w.PID == before.PID && w.On == before.On
			pause = min(pause+pause/4, lastPause)
			continue
		}
		if told {
			pause = lastPause
			continue
		}
		if w.Timed && time.Since(since) < timedFor || now != r.activity.Load() {
			continue
		}
		told = true
		r.tellWaiting(w)
	}
}

func (r *Running) setWaiting(w *wire.Waiting) {
	r.live.mu.Lock()
	r.live.waiting = w
	r.live.mu.Unlock()
}

func (r *Running) tellWaiting(w engine.Wait) {
	prompt := r.prompt(w.On)
	told := &wire.Waiting{On: w.On, Kind: kindOfWait(w, prompt), Prompt: prompt, PID: w.PID, Command: redactText(r.session.redact, w.Command)}
	r.setWaiting(told)
	r.push(Event{Type: "waiting_for_input", Kind: told.Kind, Prompt: prompt, PID: w.PID, Fields: map[string]any{
		"on": w.On, "command": told.Command, "call": w.Call, "timed": w.Timed, "lines": w.Lines,
	}})
	select {
	case r.waits <- struct{}{}:
	default:
	}
}

// prompt returns the line that a person would take for the question. A command that waits on its input may have asked
// on any stream, most likely on the one that it wrote to last.
func (r *Running) prompt(on string) string {
	l := &r.live
	// What a full-screen program wrote is no text in order; its line with the cursor is.
	if m, err := r.Screen(); err == nil && m.Alternate {
		return m.Lines()[m.Row]
	}
	if on == engine.WaitsOnTerminal {
		if p := strings.TrimRight(l.tty.prompt(), " "); p != "" || r.size != nil {
			return l.tty.prompt()
		}
	}
	for _, c := range []*liveCapture{l.err, l.out, l.tty} {
		if c == nil {
			continue
		}
		if p := c.prompt(); strings.TrimSpace(p) != "" && c.unfinished() {
			return p
		}
	}
	return ""
}

var (
	confirmPrompt = regexp.MustCompile(`(?i)[\[(] ?y(es)? ?[/|] ?n(o)?( ?[/|][^\])]*)? ?[\])]|\byes/no\b|\(y or n\)|\b(continue|proceed|sure|overwrite)\b[^\n]{0,40}\?`)
	replPrompt    = regexp.MustCompile(`(^|[\w)\]])(>>>|\.\.\.|[>$#%:]|=>|=#|:\d+[:*>]\d*>?) ?$`)
)

// kindOfWait says what is waited for. Only a terminal that takes a line and does not show it makes a password.
func kindOfWait(w engine.Wait, prompt string) string {
	switch {
	case w.Hidden:
		return "password"
	case confirmPrompt.MatchString(prompt):
		return "confirm"
	case replPrompt.MatchString(prompt) && !strings.HasSuffix(strings.TrimSpace(prompt), "::"):
		return "repl"
	}
	return "other"
}
