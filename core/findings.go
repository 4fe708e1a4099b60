package execkit

import (
	"maps"
	"strconv"
	"sync"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/semantic"
)

const (
	// maxFindings and maxFindingsBytes bound the semantic events of a result, which a budget in tokens does not count.
	maxFindings      = 20
	maxFindingsBytes = 8 << 10
)

// findings collects what the streams of one command tell. It is derived from output, which the command controls:
// nothing but a reader's attention may depend on it.
type findings struct {
	mu     sync.Mutex
	events []semantic.Event
	shown  []Event
	bytes  int
	emit   func(Event) // nil without a reader of events
}

// watch has both streams read for events. A command that only shows what is already there, such as an old log, tells
// nothing new.
func (j *job) watch(emit func(Event)) {
	if j.raw || semantic.OnlyReads(j.asked) {
		return
	}
	f := &findings{emit: emit}
	j.found = f
	j.stdout.read = semantic.NewScanner(func(e semantic.Event) { f.add("stdout", e) })
	j.stderr.read = semantic.NewScanner(func(e semantic.Event) { f.add("stderr", e) })
}

func (f *findings) add(stream string, e semantic.Event) {
	fields := maps.Clone(e.Fields)
	fields["stream"], fields["output_line"] = stream, e.Line
	event := Event{Type: "semantic", Kind: e.Kind, Fields: fields}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.emit != nil {
		f.emit(event)
	}
	if e.Kind == semantic.Progress || len(f.shown) >= maxFindings {
		return
	}
	if f.bytes += sizeOf(fields); f.bytes <= maxFindingsBytes {
		f.events, f.shown = append(f.events, e), append(f.shown, event)
	}
}

// sizeOf is about what fields take in a result, in bytes.
func sizeOf(fields map[string]any) int {
	n := 0
	for name, value := range fields {
		n += len(name) + 8
		switch v := value.(type) {
		case string:
			n += len(v)
		case []string:
			for _, s := range v {
				n += len(s) + 4
			}
		}
	}
	return n
}

// describe adds to a result what its output told and, where the command failed, what its exit code means and where the
// failure seems to come from.
func (j *job) describe(r *Result) {
	var events []semantic.Event
	if f := j.found; f != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		r.Events, events = f.shown, f.events
	}
	if r.Hint != "" || r.ExitCode == nil || *r.ExitCode == 0 {
		return
	}
	meaning, likely := semantic.Meaning(j.asked, *r.ExitCode), semantic.Likely(events)
	if meaning == "" && likely == "" {
		return
	}
	r.Hint = "exit code " + strconv.Itoa(*r.ExitCode)
	if meaning != "" {
		r.Hint += ", " + meaning
	}
	if likely != "" {
		// The text is the output's, so it is quoted: it must not read as a word of ours.
		r.Hint += "; the output tells of " + errdefs.Quote(likely)
	}
}

// readable reports whether the stream is still text that can be read for events.
func (c *capture) readable() bool { return c.read != nil && !c.raw }
