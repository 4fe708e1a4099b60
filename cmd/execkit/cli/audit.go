package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// exitDamaged is the status of audit verify for a log that is not whole.
const exitDamaged = 1

// auditFlags are those of the three words of audit.
type auditFlags struct {
	head, heads, publicKey                 string
	session, label, kinds, contains, since string
	from, to                               int64
	limit                                  int
	last                                   bool
}

func auditCommand() command {
	return command{
		name: "audit", args: " verify|query|head LOG", summary: "Check an audit log, look into it, or print its head",
		words: []string{"verify", "query", "head"},
		examples: []string{
			"execkit audit verify audit.jsonl --head /mnt/elsewhere/audit.head",
			"execkit audit verify audit.jsonl --head audit.head --public-key auditor.pub",
			"execkit audit verify audit.jsonl --heads collector.json",
			"execkit audit query audit.jsonl --kind block,approval --since 24h",
			"execkit audit head audit.jsonl   # COUNT:HASH, to be kept elsewhere",
		},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			var f auditFlags
			fs.StringVar(&f.head, "head", "", "verify: the head `FILE` of the log, or a COUNT:HASH that was kept")
			fs.StringVar(&f.heads, "heads", "", "verify: a `FILE` in which a collector, syslog or the head command wrote heads")
			fs.StringVar(&f.publicKey, "public-key", "", "verify: the `KEY` that signed the head, or a file with it")
			fs.StringVar(&f.session, "session", "", "query: records of this session, `ID`")
			fs.StringVar(&f.label, "label", "", "query: records with this `LABEL`")
			fs.StringVar(&f.kinds, "kind", "", "query: records of these `KINDS`, separated by commas")
			fs.StringVar(&f.contains, "contains", "", "query: commands that contain `TEXT`")
			fs.StringVar(&f.since, "since", "", "query: records since this `TIME`: 2006-01-02T15:04:05Z, or an age such as 90m")
			fs.Int64Var(&f.from, "from", 0, "query: from this record `NUMBER` on")
			fs.Int64Var(&f.to, "to", 0, "query: up to this record `NUMBER`")
			fs.IntVar(&f.limit, "limit", 0, "query: at most this `MANY`, 1,000 by default")
			fs.BoolVar(&f.last, "last", false, "query: the last records instead of the first")
			return func(a *app, args []string) (int, error) { return runAudit(a, fs, &f, args) }
		},
	}
}

func runAudit(a *app, fs *flag.FlagSet, f *auditFlags, args []string) (int, error) {
	words, err := interleaved(fs, "audit", args)
	if err != nil {
		return 0, err
	}
	if len(words) != 2 {
		return 0, errdefs.New(errdefs.InvalidArgument, "audit: say verify, query or head, and the log").WithHint("execkit audit verify LOG")
	}
	word, err := oneOf("audit", "word", []string{"verify", "query", "head"}, words[:1])
	if err != nil {
		return 0, err
	}
	server := rpc.NewServer()
	defer server.Close()
	switch word {
	case "verify":
		return verifyLog(a, server, f, words[1])
	case "query":
		return queryLog(a, server, f, words[1])
	}
	return headOfLog(a, server, words[1])
}

// interleaved parses flags that stand between and after the words, where people write them.
func interleaved(fs *flag.FlagSet, name string, args []string) (words []string, err error) {
	for len(args) > 0 {
		words = append(words, args[0])
		if err := fs.Parse(args[1:]); err != nil {
			return nil, flagError(fs, name, err)
		}
		args = fs.Args()
	}
	return words, nil
}

func do[T any](a *app, server *rpc.Server, method string, params any) (*T, error) {
	body, err := wire.Encode(params)
	if err != nil {
		return nil, err
	}
	result, err := server.Do(a.ctx, method, body)
	if err != nil {
		return nil, err
	}
	typed, ok := result.(*T)
	if !ok {
		return nil, errdefs.New(errdefs.Internal, "%s returned %T", method, result)
	}
	return typed, nil
}

func verifyLog(a *app, server *rpc.Server, f *auditFlags, path string) (int, error) {
	params := map[string]any{"path": path, "public_key": f.publicKey, "heads": f.heads}
	if f.head != "" {
		params["head"] = f.head
	}
	r, err := do[audit.Report](a, server, "audit.verify", params)
	if err != nil {
		return 0, err
	}
	status := exitOK
	if !r.OK {
		status = exitDamaged
	}
	if a.json {
		a.ok(r)
		return status, nil
	}
	for _, one := range r.Recovered {
		if one.TornBytes > 0 {
			fmt.Fprintf(a.stderr, "note: record %d seals a torn tail of %d bytes that a crash or a full disk left\n", one.Seq, one.TornBytes)
		}
		if one.Unanchored > 0 {
			fmt.Fprintf(a.stderr, "note: %d records before record %d were written without the head; look whether they are genuine\n", one.Unanchored, one.Seq)
		}
	}
	if r.ClockBack > 0 {
		fmt.Fprintf(a.stderr, "note: the clock went back %d times\n", r.ClockBack)
	}
	if r.OK {
		fmt.Fprintf(a.stdout, "ok: %d records, %s\n", r.Records, held(r))
		return status, nil
	}
	where := ""
	if r.Bad.Line > 0 {
		where = fmt.Sprintf(" (%s, line %d, byte %d)", r.Bad.File, r.Bad.Line, r.Bad.Offset)
	}
	fmt.Fprintf(a.stdout, "damaged: record %d: %s: %s%s\n", r.Bad.Seq, r.Bad.Kind, r.Bad.Message, where)
	return status, nil
}

// held says what the log was compared with.
func held(r *audit.Report) string {
	fits := "the head fits"
	if r.Heads > 0 {
		fits = fmt.Sprintf("all published heads fit (%d)", r.Heads)
	}
	switch {
	case !r.Anchored:
		return "but without --head or --heads nobody can tell whether the end is missing or everything was written anew"
	case r.AfterHead > 0:
		return fmt.Sprintf("%s, %d records were added since", fits, r.AfterHead)
	case r.Signed:
		return fits + " and its signature is good"
	}
	return fits
}

func headOfLog(a *app, server *rpc.Server, path string) (int, error) {
	r, err := do[audit.Report](a, server, "audit.verify", map[string]any{"path": path})
	if err != nil {
		return 0, err
	}
	if !r.OK {
		return 0, errdefs.New(errdefs.AuditFailed, "the log is damaged at record %d: %s", r.Bad.Seq, r.Bad.Message).
			WithHint("the head of a damaged log would vouch for the damage")
	}
	if a.json {
		a.ok(r.Head)
	} else {
		fmt.Fprintf(a.stdout, "%d:%s\n", r.Head.Count, r.Head.Hash)
	}
	return exitOK, nil
}

func (f *auditFlags) filter() (audit.Filter, error) {
	filter := audit.Filter{Session: f.session, Label: f.label, Contains: f.contains, FromSeq: f.from, ToSeq: f.to, Limit: f.limit, Last: f.last}
	if f.kinds != "" {
		filter.Kinds = strings.Split(f.kinds, ",")
	}
	if f.since != "" {
		if age, err := time.ParseDuration(f.since); err == nil {
			filter.SinceMS = time.Now().Add(-age).UnixMilli()
		} else if at, err := time.Parse(time.RFC3339, f.since); err == nil {
			filter.SinceMS = at.UnixMilli()
		} else {
			return filter, errdefs.New(errdefs.InvalidArgument, "audit: --since %s is neither a time nor an age", errdefs.Quote(f.since)).
				WithHint("2026-01-31T08:00:00Z, or 90m")
		}
	}
	return filter, nil
}

func queryLog(a *app, server *rpc.Server, f *auditFlags, path string) (int, error) {
	filter, err := f.filter()
	if err != nil {
		return 0, err
	}
	s, err := do[audit.Selection](a, server, "audit.query", struct {
		Path string `json:"path"`
		audit.Filter
	}{path, filter})
	if err != nil {
		return 0, err
	}
	if a.json {
		a.ok(s)
	} else {
		for _, r := range s.Records {
			printRecord(a.stdout, r)
		}
		if s.More {
			fmt.Fprintln(a.stderr, "execkit: there are more records; --from, --last and --limit choose others")
		}
	}
	if s.Bad != nil {
		fmt.Fprintf(a.stderr, "execkit: the log is damaged at record %d and was read up to there: %s\n", s.Bad.Seq, s.Bad.Message)
		return exitDamaged, nil
	}
	return exitOK, nil
}

// printRecord writes a record as lines for a person.
func printRecord(w io.Writer, r *audit.Record) {
	for _, line := range recordLines(r) {
		fmt.Fprintln(w, line)
	}
}

// recordLines is a record for a person, without a character that could drive the terminal.
func recordLines(r *audit.Record) []string {
	head := fmt.Sprintf("%6d %s %-10s %s", r.Seq, time.UnixMilli(r.TimeMS).Format("2006-01-02 15:04:05"), shortID(r.Session), r.Kind)
	add := func(format string, args ...any) { head += " " + plain(fmt.Sprintf(format, args...)) }
	if r.Label != "" && r.Kind == audit.Open {
		add("[%s]", r.Label)
	}
	switch r.Kind {
	case audit.Open:
		add("%s in %s", r.Target, r.Cwd)
	case audit.Intent:
		add("%s$ %s", r.Cwd, r.Command)
		if r.ApprovedBy != "" {
			add("(approved by %s)", r.ApprovedBy)
		}
	case audit.Outcome:
		head += " " + plain(outcomeText(r))
	case audit.Block:
		add("%s: %s -- %s", r.Code, r.Command, r.Reason)
	case audit.Approval:
		add("%s by %s: %s (%.16s)", r.Answer, r.Who, r.Command, r.Digest)
	case audit.Input:
		add("%d bytes %s", r.StdinBytes, r.Stdin)
	default:
		if len(r.Data) > 0 {
			if text, err := wire.Encode(r.Data); err == nil {
				add("%s", text)
			}
		}
	}
	lines := []string{head}
	if r.Kind == audit.Outcome {
		lines = append(lines, outputLines(r)...)
	}
	return lines
}

func outcomeText(r *audit.Record) string {
	text := "exit ?"
	if r.ExitCode != nil {
		text = fmt.Sprintf("exit %d", *r.ExitCode)
	}
	for _, one := range []struct {
		set  bool
		text string
	}{
		{r.Signal != "", r.Signal}, {r.TimedOut, "timed out"}, {r.Cancelled, "cancelled"}, {r.ShellExited, "the shell ended"}, {r.Code != "", r.Code},
	} {
		if one.set {
			text += ", " + one.text
		}
	}
	if r.DurationMS != nil {
		text += fmt.Sprintf(", %d ms", *r.DurationMS)
	}
	return text
}

// outputLines are what is recorded of the two streams.
func outputLines(r *audit.Record) []string {
	var lines []string
	for _, s := range []struct {
		mark, text string
		total      int64
	}{{"    | ", r.Stdout, r.StdoutBytes}, {"    ! ", r.Stderr, r.StderrBytes}} {
		if s.text == "" {
			continue
		}
		if r.Encoding != "" {
			lines = append(lines, fmt.Sprintf("%s(%d bytes that are not text)", s.mark, s.total))
			continue
		}
		for line := range strings.Lines(s.text) {
			lines = append(lines, s.mark+plain(strings.TrimSuffix(line, "\n")))
		}
		if int64(len(s.text)) < s.total {
			lines = append(lines, fmt.Sprintf("%s… (%d bytes)", s.mark, s.total))
		}
	}
	return lines
}

func shortID(id string) string { return id[:min(len(id), 10)] }

// plain replaces what could drive a terminal: a log quotes what an agent wrote.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
