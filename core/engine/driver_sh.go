package engine

import (
	"bytes"
	"strconv"
	"strings"
)

// shDriver drives dash and busybox ash. In both, special builtins win over functions (POSIX XCU 2.9.1), so the report
// is made of nothing else: export -p prints the environment, and the status in a variable that is exported for just
// that moment.
//
// Command and report are one line. An error makes these shells abandon it; the engine notices and asks again. A second
// line would be read ahead: busybox reads through stdio, and an applet that it forks without an exec (sort, head) would
// take that line, with the nonce, for its own input.
//
// busybox leaves fflush, which it calls after each builtin, by a jump out of its handler of an interrupt. Where that
// leaves stdio's lock held, the shell locks itself up and is given up.
type shDriver struct {
	stdoutPath, stderrPath string
	proof                  uint64 // of the command that runs or ran last
}

// dash takes only one digit before a redirection.
const (
	shReportFD  = 8
	shControlFD = 9
)

func (*shDriver) arguments() []string                { return []string{"-i"} }
func (*shDriver) supervise() []string                { return []string{"-c"} }
func (*shDriver) descriptors() (report, control int) { return shReportFD, shControlFD }

func (d *shDriver) scripts(stdoutPath, stderrPath, _ string) []string {
	d.stdoutPath, d.stderrPath = stdoutPath, stderrPath
	return nil
}

func (*shDriver) start([]string) string { return "PS1= PS2=;echo $$ >&9\n" }

// ask writes the report twice: the copy on the control socket tells that the first is whole. Tracing is turned off for
// the report and on again by the next command, whose own text it is then meant for.
func (d *shDriver) ask(nonce uint64, begun bool) string {
	proof := "$__ek_n"
	if !begun {
		d.proof, proof = 0, "0"
	}
	return "__ek_m=" + strconv.FormatUint((nonce-d.proof)/statusSpan, 10) + `:` + proof + `:$?:$-;\set +xv;\export __ek_m;\export -p >&8;\export -p >&9;\unset __ek_m` + "\n"
}

func (d *shDriver) command(c Command, last report, stdinPath string, nonce uint64) string {
	if stdinPath == "" {
		stdinPath = "/dev/null"
	}
	var b strings.Builder
	b.WriteString(`\eval `)
	d.proof = newProof()
	quoteTo(&b, "__ek_n="+strconv.FormatUint(d.proof, 10)+"\n"+shText(c, last))
	b.WriteString(" <" + stdinPath + " >|" + d.stdoutPath + " 2>|" + d.stderrPath + " 8>&- 9>&-;")
	b.WriteString(d.ask(nonce, true))
	return b.String()
}

func (d *shDriver) marked(marks []byte, nonce uint64) bool {
	_, ok := d.mark(marks, nonce)
	return ok
}

// mark returns the value of the mark's variable after the nonce and the proof: "status:options".
func (d *shDriver) mark(text []byte, nonce uint64) (string, bool) {
	key := append(strconv.AppendUint(nil, (nonce-d.proof)/statusSpan, 10), ':')
	key = append(strconv.AppendUint(key, d.proof, 10), ':')
	_, after, ok := bytes.Cut(text, key)
	if !ok {
		return "", false
	}
	value, _, ok := bytes.Cut(after, []byte("'"))
	return string(value), ok
}

func (d *shDriver) parse(_, reported []byte, nonce uint64) (report, bool) {
	value, ok := d.mark(reported, nonce)
	if !ok {
		return report{}, false
	}
	code, options, _ := strings.Cut(value, ":")
	status, err := strconv.Atoi(code)
	if err != nil {
		return report{}, false
	}
	r := report{status: status, trace: traceOptions(options)}
	for line := range strings.Lines(string(reported)) {
		if !strings.HasPrefix(line, "export __ek_m=") {
			r.env += line
		}
	}
	return r, true
}

// shText is what the shell evaluates for a command.
func shText(c Command, last report) string {
	text := c.Prelude + last.trace + restoreStatus("(\\exit %d)\n", last, c) + c.Text
	if c.Dir != "" {
		return `\command cd -- ` + Quote(c.Dir) + ` && \eval ` + Quote(text)
	}
	return text
}
