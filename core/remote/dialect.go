package remote

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/execkit/execkit/core/engine"
)

// A report is what the shell said after a command.
type report struct {
	engine.Report
	cwd string // physical; "" where it is that of the report before
	// logical is the name that bash has for the directory, to recognise an unchanged one by.
	logical string
}

// streams are the words that open a command's streams, and the marks' own.
type streams struct{ stdin, stdout, stderr string }

// A dialect is what is said to one kind of shell, and how its answers are understood.
type dialect interface {
	// program is the shell's arguments after its path.
	arguments() string
	// hello is the first line.
	hello() string
	// command is the line that runs c and reports; ask only reports.
	command(c engine.Command, last report, to streams, nonce uint64) string
	ask(last report, to streams, nonce uint64) string
	// brief is the line that runs a command for which leavesAll holds, on the session's own streams. Where the directory is
	// still the same it tells the status and ends stderr with nothingNew; else it reports like the others.
	brief(c engine.Command, last report, to streams, nonce uint64) string
	// listWords prints the names of functions and aliases, and nothing where there are none.
	listWords() string
	// direct are the streams of the session's own program.
	direct() streams
	// parse reads the sections of a report.
	parse(status int, sections []string, last report) report
	// starts says whether a mark comes before the command.
	starts() bool
}

// reportSections is how many marks a report has, where none says that it is the last.
const reportSections = 3

// bashDialect speaks to bash 4.4 and later.
type bashDialect struct {
	// sources says that a here-string can be sourced: bash 5.1 keeps one in a pipe, not in a file, and /dev/fd is there.
	// Sourcing (and not only eval) keeps an interactive bash from printing "[1] 123" for every background job, and that its
	// terminal is none where a signal ended a program. It also numbers the lines of an error.
	sources bool
	mayTrap bool
	// briefly says that the last line was a brief one, which leaves the shell outside of POSIX mode.
	briefly bool
	// proof is what the last command assigned when it began, in __ek_n; "" for a brief one, which cannot be kept from it.
	proof string
}

func (*bashDialect) arguments() string {
	return "--norc --noprofile --noediting +H +o history -i"
}

// hello keeps what every command needs in variables that the session cannot change, so that a line is short.
func (d *bashDialect) hello() string {
	return `PS1= PS2= SHLVL=1;exec 250>&8 251>&9 8>&- 9>&-;shopt -u checkwinsize;\readonly __ek_l=` + engine.Quote(leavePosix) +
		" __ek_e=" + engine.Quote(d.evaluate(d.direct())) + " __ek_r=" + engine.Quote(reportText(d.direct())) +
		`;__ek_b=$BASHOPTS POSIXLY_CORRECT=1` + "\n"
}

func (*bashDialect) direct() streams { return streams{"/dev/null", "&250", "&251"} }

func (*bashDialect) starts() bool { return false }

// leavePosix is evaluated with the command, before it is parsed. POSIX mode turns inherit_errexit on and never off.
const leavePosix = `case ${__ek_b-} in *inherit_errexit*);;*)\shopt -u inherit_errexit;;esac;\unset __ek_b __ek_c __ek_p POSIXLY_CORRECT
`

// sourceFD is the descriptor of a sourced here-string, high enough to be nobody else's.
const sourceFD = "249"

// evaluateHere runs the command in __ek_c without sourcing it.
const evaluateHere = `\eval "$__ek_l$__ek_c"`

func redirect(to streams) string {
	return " <" + to.stdin + " >" + to.stdout + " 2>" + to.stderr + " 250>&- 251>&-"
}

// evaluate runs the command in __ek_c.
func (d *bashDialect) evaluate(to streams) string {
	if !d.sources {
		return evaluateHere + redirect(to)
	}
	return source(evaluateHere, to)
}

// source runs a simple or compound command from a script. It has its streams inside of that, since a RETURN trap that it
// leaves runs at the script's end.
func source(text string, to streams) string {
	return `\. /dev/fd/` + sourceFD + " " + sourceFD + "<<<" + engine.Quote(text+" "+sourceFD+"<&-"+redirect(to))
}

func (*bashDialect) listWords() string {
	return `(POSIXLY_CORRECT=1;\unset -f builtin;\builtin declare -F;\builtin alias -p)`
}

// brief needs neither POSIX mode nor eval: the text is one line that parses, and no word in it is the session's own. Nor
// does anything run between its parts.
func (d *bashDialect) brief(c engine.Command, last report, to streams, nonce uint64) string {
	d.proof = ""
	leave := ""
	if !d.briefly {
		leave, d.briefly = `\eval "$__ek_l";`, true
	}
	group := "{ " + c.Text + ";}"
	evaluate := group + redirect(to)
	if d.sources {
		evaluate = source(group, to)
	}
	return leave + evaluate + ";" + tellStatus(nonce) + ";if [[ $PWD -ef . ]];then TIMEFORMAT=" + prefixOf(nonce) + nothingNew +
		";{ time;} 2>&251;else " + enterPosix + ";__ek_d=" + engine.Quote(last.logical) + `;\eval "$__ek_r";fi` + "\n"
}

// enterPosix makes special builtins what they are called, whatever functions there are.
const enterPosix = `__ek_b=$BASHOPTS POSIXLY_CORRECT=1`

// tellStatus prints the nonce with the status.
func tellStatus(nonce uint64) string {
	return `{ time;} 2>&"$((TIMEFORMAT=` + strconv.FormatUint(nonce, 10) + `+$?,250))"`
}

func (d *bashDialect) command(c engine.Command, last report, to streams, nonce uint64) string {
	enter := ""
	if d.briefly {
		enter = enterPosix + `;\unset TIMEFORMAT;`
	}
	d.mayTrap = d.mayTrap || engine.SetsTrap(c.Text)
	evaluate := `\eval "$__ek_e"`
	if to != d.direct() || !d.sources { // hello did not know yet whether it can
		evaluate = d.evaluate(to)
	}
	d.proof = prefixOf(engine.NewNonce())
	text := "__ek_n=" + d.proof + "\n" + engine.BashText(c, last.Report, d.sources)
	return enter + "__ek_c=" + engine.Quote(text) + ";" + evaluate + ";" + d.ask(last, to, nonce)
}

// ask prints the nonce and the status before anything that a DEBUG trap or a function could stand in for, and resolves
// no name until POSIX mode is on; traps that would run between the driver's commands are read and taken away. The report
// says so where the command was not begun: __ek_c may have been readonly, or eval skipped by a trap.
func (d *bashDialect) ask(last report, to streams, nonce uint64) string {
	d.briefly = false
	traps, report, proof := "", `\eval "$__ek_r"`, ""
	if d.proof != "" {
		proof = " __ek_v=" + d.proof
	}
	if d.mayTrap {
		traps = `\trap -p DEBUG ERR RETURN >&250;\trap - DEBUG ERR RETURN;`
	}
	if to != d.direct() {
		report = reportText(to)
	}
	return tellStatus(nonce) + ";" + enterPosix + ";" + traps + "__ek_d=" + engine.Quote(last.logical) + proof + ";" + report + "\n"
}

// reportText tells the state; __ek_d is the directory that the host knows. Tracing is turned off before anything is
// told, since PS4 is the session's own text.
//
// One redirection serves the marks here, and only one mark follows the environment where the directory is the same: bash writes line
// by line, and each write is a message on its way to the host.
//
// The directory is told only when it changed: [[ is a keyword, so nothing that the session defined stands in for it,
// and a PWD that was assigned is not the same file as the real one. A subshell, which costs a fork, can forget a
// function called pwd.
//
// What follows the marks keeps nobody waiting: prompts would run between commands, and print into the next one's output.
func reportText(to streams) string {
	side := ""
	if to.stdout != "&250" {
		side = "{ time;} 2>" + to.stdout + ";{ time;} 2>" + to.stderr + ";"
	}
	return `case $-${__ek_p-} in *[xv,]*)__ek_f=$-;\set +xv;__ek_c=$TIMEFORMAT;TIMEFORMAT="set $__ek_f
pipe ${__ek_p-}";{ time;} 2>&250;TIMEFORMAT=$__ek_c;\unset __ek_c __ek_f __ek_p;esac;{ \export -p >&2;` +
		`if [[ ${__ek_n-} != "${__ek_v-${__ek_n-}}" ]];then TIMEFORMAT=${TIMEFORMAT%???}` + notBegun + `;{ time;};` +
		`elif [[ ${PWD-} = "$__ek_d" && $PWD -ef . ]];then TIMEFORMAT=${TIMEFORMAT%???}` + reportEnds + `;{ time;};` +
		`else { time;};(\unset -f pwd&&{ \pwd;\pwd -P;} >&2;:);{ time;};fi;} 2>&250;{ time;} 2>&251;` +
		side + `\unset TIMEFORMAT __ek_d __ek_v;PS1= PS2=;\unset PS0 PROMPT_COMMAND`
}

func (d *bashDialect) parse(status int, sections []string, last report) report {
	if len(sections) == 0 { // of a brief line
		last.Status, last.PipeStatus = status, nil
		return last
	}
	d.briefly = false
	r := report{Report: engine.ReadReport(status, sections[0]), logical: last.logical}
	if len(sections) == 1 { // the directory is the same
		return r
	}
	r.logical, r.cwd = readDirectory(sections[1], last)
	return r
}

// readDirectory reads the logical and the physical name of a directory, each on a line of its own; a name may hold
// newlines.
func readDirectory(text string, last report) (logical, physical string) {
	if text == "" {
		return last.logical, ""
	}
	names := strings.TrimSuffix(text, "\n")
	if i := len(names) / 2; len(names)%2 == 1 && names[:i] == names[i+1:] {
		return names[:i], names[i+1:]
	}
	// A logical name that is not the physical one cannot be told from it where one of them holds a newline.
	logical, physical, _ = strings.Cut(names, "\n")
	if !strings.HasPrefix(physical, "/") {
		return "", last.cwd
	}
	return logical, physical
}

// shDialect speaks to dash and busybox, whose descriptors have one digit.
//
// Only busybox reads ahead for the programs that it runs; its echo knows -e, and dash's does not.
type shDialect struct{ readsAhead bool }

func (*shDialect) arguments() string { return "-i" }

func (*shDialect) hello() string { return "PS1= PS2=\n" }

func (*shDialect) direct() streams { return streams{"/dev/null", "&8", "&9"} }

func (d *shDialect) starts() bool { return d.readsAhead }

func (d *shDialect) command(c engine.Command, last report, to streams, nonce uint64) string {
	start := ""
	if d.readsAhead {
		start = `(\unset -f printf;\printf ` + prefixOf(nonce) + commandStarts + `\\n >&8);`
	}
	return start + `\eval ` + engine.Quote(engine.ShText(c, last.Report)) + " <" + to.stdin + " >" + to.stdout + " 2>" + to.stderr + " 8>&- 9>&-;" +
		d.ask(last, to, nonce)
}

func (*shDialect) listWords() string { return "alias" }

// brief needs no subshell, since no word in it is the session's own.
func (d *shDialect) brief(c engine.Command, _ report, to streams, nonce uint64) string {
	p, start := prefixOf(nonce), ""
	if d.readsAhead {
		start = `printf ` + p + commandStarts + `\\n >&8;`
	}
	return fmt.Sprintf(`%s{ %s;} <%s >%s 2>%s 8>&- 9>&-;printf %s%%03d\\n $? >&8;if [ "$PWD" -ef . ];then printf %s%s\\n >&9;`+
		`else { export -p;printf %s000\\n;pwd;pwd -P;printf %s000\\n;printf %s000\\n >&9;} >&8 2>/dev/null;fi`+"\n",
		start, c.Text, to.stdin, to.stdout, to.stderr, p, p, nothingNew, p, p, p)
}

func (*shDialect) ask(_ report, to streams, nonce uint64) string {
	p := prefixOf(nonce)
	side := ""
	if to.stdout != "&8" {
		side = fmt.Sprintf(`\printf %s000\\n >%s;\printf %s000\\n >%s;`, p, to.stdout, p, to.stderr)
	}
	return fmt.Sprintf(`__ek_m=$?;(\set +exuvC;\unset -f printf pwd;\printf %s%%03d\\n "$__ek_m";\unset __ek_m;\export -p;\printf %s000\\n;\pwd;\pwd -P;\printf %s000\\n;\printf %s000\\n >&9;%s:) >&8 2>/dev/null;\unset __ek_m`+"\n",
		p, p, p, p, side)
}

func (*shDialect) parse(status int, sections []string, last report) report {
	if len(sections) == 0 { // of a brief line
		last.Status = status
		return last
	}
	r := report{Report: engine.Report{Status: status, Env: sections[0]}}
	r.logical, r.cwd = readDirectory(sections[1], last)
	return r
}
