package engine

import (
	"strconv"
	"strings"

	"github.com/execkit/execkit/core/command"
)

// bashDriver drives bash 4.4 and later. See the package documentation for why it looks as it does.
type bashDriver struct {
	eval, report string // the paths of the sealed scripts
	// mayTrap says whether the session may have set a trap; see setsTrap.
	mayTrap bool
	// watch adds the state of the shell to every report; see watchScript.
	watch bool
	proof uint64 // of the command that runs or ran last
	// pristine says that nothing gave a word of the shell another meaning yet, so that what a command can change is in its
	// text. brief says that the last one can change nothing, and that only its status is asked for.
	pristine, brief bool
}

const (
	bashReportFD  = 250
	bashControlFD = 251
)

func (*bashDriver) arguments() []string {
	return []string{"--norc", "--noprofile", "--noediting", "+H", "+o", "history", "-i"}
}

// supervise: -p keeps what the session exported (BASH_ENV, functions) from running in the supervisor, and --norc the
// file ~/.bashrc, which bash reads for -c too when its stdin is a socket, as below rshd.
func (*bashDriver) supervise() []string { return []string{"--norc", "-p", "-c"} }

func (*bashDriver) descriptors() (report, control int) { return bashReportFD, bashControlFD }

func (d *bashDriver) scripts(stdoutPath, stderrPath, closes string) []string {
	report := reportScript
	if d.watch {
		report = watchScript
	}
	return []string{evalScript(stdoutPath, stderrPath, closes), report}
}

func (d *bashDriver) start(scripts []string) string {
	d.eval, d.report = scripts[0], scripts[1]
	disable := ""
	if d.watch {
		// Without enable no builtin can be taken away from the report or loaded from a file; the others run what they
		// are given, and no fence lets them through.
		disable = "enable -n enable bind compgen complete compopt fc;"
	}
	return disable + `PS1= PS2=;shopt -u checkwinsize;{ time;} 2>&"$((TIMEFORMAT=$$,251))";unset TIMEFORMAT;__ek_b=$BASHOPTS POSIXLY_CORRECT=1` + "\n"
}

func (d *bashDriver) parse(marks, reported []byte, nonce uint64) (report, bool) {
	if d.brief {
		status, _, ok := findMark(marks, nonce)
		return report{status: status, brief: true}, ok
	}
	r, ok := parseReport(reported, nonce)
	if !ok || !d.watch {
		return r, ok
	}
	env, state, found := cutMark(r.env, nonce)
	if !found {
		return report{}, false
	}
	r.env, r.state = env, r.traps+state
	return r, true
}

func (*bashDriver) marked(marks []byte, nonce uint64) bool {
	_, _, ok := findMark(marks, nonce)
	return ok
}

// evalScript evaluates the command in __ek_c with its own streams; stdin is the file that __ek_i names.
//
// The command leaves POSIX mode before it is parsed, and with it the option inherit_errexit, which that mode turns on
// and never off. >| defeats noclobber, and every name is quoted against aliases.
// Sourcing (and not only eval) keeps bash from printing "[1] 123" for every background job.
func evalScript(stdoutPath, stderrPath, closes string) string {
	return `\eval 'case ${__ek_b-inherit_errexit} in *inherit_errexit*);;*)\shopt -u inherit_errexit;;esac;\unset __ek_b __ek_c __ek_i __ek_p TIMEFORMAT POSIXLY_CORRECT;'"$__ek_c" <"${__ek_i-/dev/null}" >|` + stdoutPath + ` 2>|` + stderrPath + ` 250>&- 251>&-` + closes + `
`
}

// reportScript tells the state and then repeats the mark on the control socket. Tracing is turned off before anything
// is written to the report, since PS4 is the session's own text.
//
// What follows the mark keeps nobody waiting. Prompts would run between commands with the driver's descriptors, and one
// that waits would hold up every command to come. A watched shell keeps them, since a prompt is a reason to replace it.
const reportScript = tellState + tellEnd + `PS1= PS2=;\unset PS0 PROMPT_COMMAND
`

// tellEnd also takes the type away that the session may have given the driver's names (upper case).
const tellEnd = `{ time;} 2>&251
\unset TIMEFORMAT __ek_c __ek_i __ek_p
`

const tellState = `case $-${__ek_p-} in *[xv,]*)
__ek_f=$-;\set +xv;__ek_c=$TIMEFORMAT;TIMEFORMAT="set $__ek_f
pipe ${__ek_p-}";{ time;} 2>&250
TIMEFORMAT=$__ek_c;\unset __ek_c __ek_f __ek_p
esac
\export -p >&250
`

// watchScript tells, after a second mark, everything that gives later commands another meaning: functions, integer
// and reference variables, aliases, remembered paths, traps, options and the variables that the shell itself reads. Only
// the special builtins and keywords are what they are called in POSIX mode, so the first one takes a function away that
// may stand for builtin; where that is not possible its message makes the state another one. Nothing in it fails under
// the options errexit and nounset.
const watchScript = tellState + `{ time;} 2>&250
{ \unset -f builtin;\builtin declare -F;\builtin declare -pi;\builtin declare -pn;\builtin alias -p;\builtin hash -l;\trap;} >&250 2>&250||\:
__ek_c=$TIMEFORMAT;TIMEFORMAT="options $-
shellopts $SHELLOPTS
bashopts $BASHOPTS
IFS ${IFS+${IFS@Q}}
PS0 ${PS0+${PS0@Q}}
PS1 ${PS1+${PS1@Q}}
PS2 ${PS2+${PS2@Q}}
PS4 ${PS4+${PS4@Q}}
CDPATH ${CDPATH+${CDPATH@Q}}
GLOBIGNORE ${GLOBIGNORE+${GLOBIGNORE@Q}}
FIGNORE ${FIGNORE+${FIGNORE@Q}}
EXECIGNORE ${EXECIGNORE+${EXECIGNORE@Q}}
PROMPT_COMMAND ${PROMPT_COMMAND+${PROMPT_COMMAND@Q}}
BASH_ENV ${BASH_ENV+${BASH_ENV@Q}}
BASH_COMPAT ${BASH_COMPAT+${BASH_COMPAT@Q}}
BASH_LOADABLES_PATH ${BASH_LOADABLES_PATH+${BASH_LOADABLES_PATH@Q}}
TMOUT ${TMOUT+${TMOUT@Q}}";{ time;} 2>&250
TIMEFORMAT=$__ek_c
` + tellEnd

// ask resolves no name until POSIX mode is on. The mark is the nonce only with the proof that the command was begun,
// which it assigned itself: __ek_c may have been readonly, eval skipped by a trap, or the line read by a process of
// the session that has a copy of the shell's descriptor.
//
// The traps that would run between the driver's own commands are read and taken away here, since a sourced script
// does not see them. The redirection is on trap alone: a DEBUG trap runs before it is made, and must not write to the
// report.
func (d *bashDriver) ask(nonce uint64, begun bool) string {
	d.brief = false
	mark := func(fd int) string { return d.mark(nonce, begun, fd) }
	saveTraps := ""
	if d.mayTrap || d.watch {
		saveTraps = `\trap -p DEBUG ERR RETURN >&250;\trap - DEBUG ERR RETURN;`
	}
	return mark(bashReportFD) + `;__ek_b=$BASHOPTS POSIXLY_CORRECT=1;` + saveTraps + `\. ` + d.report + "\n"
}

// mark writes the status to one of the sockets.
func (d *bashDriver) mark(nonce uint64, begun bool, fd int) string {
	proof := "__ek_n"
	if !begun {
		d.proof, proof = 0, "0"
	}
	return `{ time;} 2>&"$((TIMEFORMAT=` + strconv.FormatUint(nonce-d.proof, 10) + `+` + proof + `+$?,` + strconv.Itoa(fd) + `))"`
}

// leavesAll says whether a command surely leaves the shell as it is, and takes note of one after which that cannot be said
// any more. A program cannot change its parent, so while there are only programs and the shell's own builtins, the text of
// a command tells. A watched shell tells of itself after each command.
func (d *bashDriver) leavesAll(c Command, last report) bool {
	if !d.pristine || c.Own {
		return false // the host's own questions ask in a subshell
	}
	m := command.MannerOf(c.Text)
	d.pristine = m != command.Unruly && !d.watch
	if c.Prelude != "" || c.Dir != "" {
		d.pristine = d.pristine && command.KeepsMeanings(c.Prelude)
		return false
	}
	return m == command.Plain && d.pristine && !strings.Contains(c.Text, "|") && last.env != "" // a pipeline tells each status
}

// setsTrap says whether a command may set a trap. One that hides it loses the trap's place: it then also runs between
// commands, with its output going nowhere, and can change no result.
func setsTrap(command string) bool {
	for _, word := range []string{"trap", "eval", "source", ". "} {
		if strings.Contains(command, word) {
			return true
		}
	}
	return false
}

func (d *bashDriver) command(c Command, last report, stdinPath string, nonce uint64) string {
	d.mayTrap = d.mayTrap || setsTrap(c.Text)
	var b strings.Builder
	b.Grow(len(c.Prelude) + len(c.Text) + 250)
	b.WriteString("__ek_c=")
	d.proof = newProof()
	text := "__ek_n=" + strconv.FormatUint(d.proof, 10) + "\n" + bashText(c, last, true)
	quoteTo(&b, text)
	if stdinPath != "" {
		b.WriteString(";__ek_i=")
		b.WriteString(stdinPath)
	}
	b.WriteString(`;\. `)
	b.WriteString(d.eval)
	b.WriteString(";")
	if d.leavesAll(c, last) {
		d.brief = true
		b.WriteString(d.mark(nonce, true, bashControlFD))
		b.WriteString("\n")
	} else {
		b.WriteString(d.ask(nonce, true))
	}
	return b.String()
}

// bashText is what the shell evaluates for a command, in a script that it sources or not.
func bashText(c Command, last report, sourced bool) string {
	text := c.Prelude + last.traps + last.trace + restoreStatus("(POSIXLY_CORRECT=1;\\exit %d)\n", last, c) + c.Text
	if last.traps == "" && last.trace == "" && wantsPipeStatus(c.Text) {
		text += pipeStatusTail
		if sourced {
			text += returnStatus
		} else {
			text += exitWithStatus
		}
	}
	switch {
	case c.Dir == "":
		return text
	case sourced:
		return `\builtin cd -- ` + Quote(c.Dir) + ` || \return 1` + "\n" + text
	}
	return `\builtin cd -- ` + Quote(c.Dir) + ` && \eval ` + Quote(text)
}
