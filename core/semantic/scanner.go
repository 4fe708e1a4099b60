package semantic

import (
	"bytes"
	"slices"

	"github.com/execkit/execkit/core/flood"
)

const (
	// maxLine is how much of a line is looked at.
	maxLine = 600
	// maxWork is how many bytes of a stream patterns are matched against, all together.
	maxWork = 48 << 20
	// maxEvents bounds the events of one stream, and maxNames the names and places in one of them.
	maxEvents = 200
	maxNames  = 50
	// maxText cuts a message or a name, in bytes.
	maxText = 300
	// delay is how many lines after a summary the names that follow it may take.
	delay = 400
)

// An Event is what was recognised. Fields hold strings, integers, booleans and lists of them, always source "output".
type Event struct {
	Kind   string
	Fields map[string]any
	// Line is the number of the line, from 1.
	Line int64
}

// The kinds of events.
const (
	ServerListening  = "server_listening"
	TestsFinished    = "tests_finished"
	BuildFinished    = "build_finished"
	PackageInstalled = "package_installed"
	Error            = "error"
	Progress         = "progress"
)

// A Scanner reads one stream. It must not be used by two goroutines at once.
type Scanner struct {
	emit    func(Event)
	pending []byte
	long    bool // the rest of the line is not looked at
	line    int64
	work    int
	events  int
	idle    []byte // the last line that said nothing although it was looked at

	open   *block // of several lines
	found  map[string]string
	opened int64

	failed  []string // names since the last summary
	places  []string // of errors since the last build
	counts  map[string]int
	summary *Event // waits for names until line due
	due     int64
	percent int
	seen    map[string]bool
}

// NewScanner returns a Scanner that calls emit, during Write and Close, for each event.
func NewScanner(emit func(Event)) *Scanner {
	return &Scanner{emit: emit, counts: make(map[string]int), seen: make(map[string]bool), percent: -100}
}

// Write reads p; p is not kept.
func (s *Scanner) Write(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		if end >= 0 && len(s.pending) == 0 && !s.long {
			if !s.read(part[:min(len(part), maxLine)]) {
				// Nor does it the next time.
				run := flood.Run(p)
				s.line += int64(run/(end+1)) - 1
				p = p[run:]
				continue
			}
		} else {
			if !s.long {
				s.pending = append(s.pending, part[:min(len(part), maxLine-len(s.pending))]...)
				s.long = len(s.pending) == maxLine
			}
			if end >= 0 {
				s.endLine()
			}
		}
		if end < 0 {
			return
		}
		p = p[end+1:]
	}
}

func (s *Scanner) endLine() {
	s.read(s.pending)
	s.pending, s.long = s.pending[:0], false
}

// Close ends the stream and emits what waited for more.
func (s *Scanner) Close() {
	if len(s.pending) > 0 {
		s.endLine()
	}
	s.closeBlock()
	s.flush()
	s.goTests()
}

// read reports whether a line says anything, or may where others follow.
func (s *Scanner) read(line []byte) (says bool) {
	s.line++
	if s.work > maxWork {
		return false
	}
	if s.summary != nil && s.line >= s.due {
		s.flush()
	}
	if s.open != nil {
		says = true
		s.inBlock(line)
	}
	wants := wanted(line)
	if wants == 0 || bytes.Equal(line, s.idle) {
		return says
	}
	for w := wants; w != 0; w &= w - 1 {
		for _, r := range byGroup[lowest(w)] {
			s.work += len(line)
			if m := r.re.FindSubmatch(line); m != nil && (r.not == nil || !r.not.Match(line)) {
				s.take(r, m)
				says = true
				break
			}
		}
	}
	if !says {
		s.idle = append(s.idle[:0], line...)
	}
	return says
}

// take acts on a line that a recogniser took.
func (s *Scanner) take(r *recogniser, m [][]byte) {
	fields := groups(r.re.SubexpNames(), m)
	switch r.kind {
	case failedName:
		s.name(fields["name"])
	case notFailed:
		s.failed = slices.DeleteFunc(s.failed, func(n string) bool { return n == fields["name"] })
	case count:
		s.counts[r.tool+" "+fields["what"]] = toInt(fields["n"])
	case blockStart:
		s.closeBlock()
		s.open, s.found, s.opened = r.block, fields, s.line
		s.tryBlock()
	case Progress:
		s.progress(r, fields)
	case TestsFinished:
		s.testsFinished(r, fields)
	case BuildFinished:
		s.buildFinished(r, fields)
	case PackageInstalled:
		s.send(PackageInstalled, r.tool, installed(fields))
	case ServerListening:
		s.server(r, fields)
	case Error:
		s.fault(r.tool, r.language, fields)
	case goPackage:
		s.counts["go packages"]++
		if fields["bad"] != "" {
			s.counts["go failed"]++
		}
	case goPassed:
		s.counts["go passed"]++
	}
}

// name notes a test that failed.
func (s *Scanner) name(name string) {
	if name = clip(name); name == "" || slices.Contains(s.failed, name) {
		return
	}
	if len(s.failed) < maxNames {
		s.failed = append(s.failed, name)
	}
}

func (s *Scanner) send(kind, tool string, fields map[string]any) {
	if s.events >= maxEvents {
		return
	}
	s.events++
	s.emit(s.event(kind, tool, fields))
}

func (s *Scanner) event(kind, tool string, fields map[string]any) Event {
	fields["source"] = "output"
	if tool != "" {
		fields["tool"] = tool
	}
	return Event{Kind: kind, Fields: fields, Line: s.line}
}

// testsFinished makes the event of a summary. Where the names follow it, it waits for them.
func (s *Scanner) testsFinished(r *recogniser, f map[string]string) {
	s.flush()
	fields := map[string]any{"failed": toInt(f["failed"]) + toInt(f["errors"])}
	switch total := f["total"]; {
	case f["passed"] != "":
		fields["passed"] = toInt(f["passed"])
	case total != "":
		fields["passed"] = max(0, toInt(total)-toInt(f["failed"])-toInt(f["errors"])-toInt(f["skipped"]))
	case r.passedFrom != "":
		if n, ok := s.counts[r.passedFrom]; ok {
			fields["passed"] = n
		}
	}
	if n := toInt(f["skipped"]); n > 0 {
		fields["skipped"] = n
	}
	e := s.event(TestsFinished, r.tool, fields)
	if r.namesAfter && toInt(f["failed"]) > 0 {
		s.summary, s.due = &e, s.line+delay
		s.failed = nil
		return
	}
	s.finishTests(e)
}

// flush emits a summary that waited for names.
func (s *Scanner) flush() {
	if s.summary != nil {
		e := *s.summary
		s.summary = nil
		s.finishTests(e)
	}
}

func (s *Scanner) finishTests(e Event) {
	failed, _ := e.Fields["failed"].(int)
	if len(s.failed) > 0 && failed > 0 {
		e.Fields["names"] = s.failed
	}
	s.failed = nil
	if s.events < maxEvents {
		s.events++
		s.emit(e)
	}
}

// goTests sums up go test, which prints no total: the packages it told of, and with -v the tests.
func (s *Scanner) goTests() {
	if s.counts["go packages"] == 0 {
		return
	}
	fields := map[string]any{"failed": len(s.failed), "packages": s.counts["go packages"], "packages_failed": s.counts["go failed"]}
	if n := s.counts["go passed"]; n > 0 {
		fields["passed"] = n
	}
	s.finishTests(s.event(TestsFinished, "go test", fields))
}

func (s *Scanner) buildFinished(r *recogniser, f map[string]string) {
	ok := r.ok
	fields := map[string]any{"ok": ok}
	if n := f["errors"]; n != "" {
		fields["ok"] = toInt(n) == 0
	}
	if len(s.places) > 0 && fields["ok"] == false {
		fields["errors"] = s.places
	}
	s.places = nil
	s.send(BuildFinished, r.tool, fields)
}

// fault makes an error's event, once for each place and message.
func (s *Scanner) fault(tool, language string, f map[string]string) {
	message := clip(f["message"])
	key := f["file"] + ":" + f["line"] + ":" + message
	if message == "" || s.seen[key] || len(s.seen) >= maxEvents {
		return
	}
	s.seen[key] = true
	fields := map[string]any{"message": message}
	if f["file"] != "" {
		fields["file"] = clip(f["file"])
		if n := toInt(f["line"]); n > 0 {
			fields["line"] = n
		}
		if len(s.places) < maxNames {
			s.places = append(s.places, clip(f["file"])+":"+f["line"])
		}
	}
	if language == "" {
		language = languageOf(f["file"])
	}
	if language != "" {
		fields["language"] = language
	}
	s.send(Error, tool, fields)
}

// progress passes on every tenth part.
func (s *Scanner) progress(r *recogniser, f map[string]string) {
	percent := toInt(f["percent"])
	if f["total"] != "" {
		total := toInt(f["total"])
		if total == 0 {
			return
		}
		percent = toInt(f["done"]) * 100 / total
	}
	if percent < 0 || percent > 100 || percent < s.percent+10 && percent >= s.percent && (percent != 100 || s.percent == 100) {
		return
	}
	s.percent = percent
	s.send(Progress, r.tool, map[string]any{"percent": percent})
}

func (s *Scanner) server(r *recogniser, f map[string]string) {
	port := toInt(f["port"])
	if port == 0 && f["scheme"] == "https" {
		port = 443
	} else if port == 0 && f["scheme"] == "http" {
		port = 80
	}
	if port < 1 || port > 65535 || s.seen["port "+f["port"]] || len(s.seen) >= maxEvents {
		return
	}
	s.seen["port "+f["port"]] = true
	fields := map[string]any{"port": port}
	if url := f["url"]; url != "" {
		fields["url"] = clip(url)
	}
	s.send(ServerListening, r.tool, fields)
}

// inBlock reads a line of a block of several lines.
func (s *Scanner) inBlock(line []byte) {
	b := s.open
	s.work += len(line)
	if s.line-s.opened > b.lines || b.until != nil && b.until.Match(line) {
		s.closeBlock()
		return
	}
	if b.then != nil {
		if m := b.then.FindSubmatch(line); m != nil && !(b.own && isLibrary(line)) {
			for name, value := range groups(b.then.SubexpNames(), m) {
				s.found[name] = value
			}
			if b.repeat {
				s.fault(b.tool, b.language, s.found)
			} else if !b.last {
				s.tryBlock()
			}
			return
		}
	}
	if b.end != nil {
		if m := b.end.FindSubmatch(line); m != nil {
			for name, value := range groups(b.end.SubexpNames(), m) {
				s.found[name] = value
			}
			s.fault(b.tool, b.language, s.found)
			s.open = nil
		}
	}
}

// tryBlock emits a block that has all it needs.
func (s *Scanner) tryBlock() {
	if b := s.open; !b.repeat && b.end == nil && s.found["message"] != "" && s.found["file"] != "" {
		s.fault(b.tool, b.language, s.found)
		s.open = nil
	}
}

// closeBlock gives up a block; what it has of an error without a place is still one where the tool says so.
func (s *Scanner) closeBlock() {
	if b := s.open; b != nil && b.placeless && s.found["message"] != "" {
		s.fault(b.tool, b.language, s.found)
	}
	s.open = nil
}
