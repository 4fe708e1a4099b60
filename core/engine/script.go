package engine

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
)

const (
	reportFD  = 250 // a socket for what the shell tells of itself; nobody waits on it, so writing wakes nobody
	controlFD = 251 // a socket for the mark that ends a report; the engine waits on it
	// statusSpan leaves three decimal digits for $? below the nonce.
	statusSpan = 1000
)

// evalScript evaluates the command in __ek_c with its own streams; stdin is the file that __ek_i names.
//
// The command leaves POSIX mode before it is parsed. >| defeats noclobber, and every name is quoted against aliases.
// Sourcing (and not only eval) keeps bash from printing "[1] 123" for every background job.
func evalScript(stdoutPath, stderrPath string) string {
	return `\eval '\unset __ek_c __ek_i __ek_p POSIXLY_CORRECT
'"$__ek_c" <"${__ek_i-/dev/null}" >|` + stdoutPath + ` 2>|` + stderrPath + ` 250>&- 251>&-
`
}

// reportScript tells the state and then repeats the mark on the control socket. Tracing is turned off before anything
// is written to the report, since PS4 is the session's own text.
const reportScript = `case $-${__ek_p-} in *[xv,]*)
__ek_f=$-;\set +xv;__ek_c=$TIMEFORMAT;TIMEFORMAT="set $__ek_f
pipe ${__ek_p-}";{ time;} 2>&250
TIMEFORMAT=$__ek_c;\unset __ek_c __ek_f __ek_p
esac
\export -p >&250
{ time;} 2>&251
\unset TIMEFORMAT
`

// scripts are the paths of both.
type scripts struct{ eval, report string }

// reportTail asks for the status and the state. It resolves no name until POSIX mode is on.
//
// The traps that would run between the driver's own commands are read and taken away here, since a sourced script
// does not see them; traps says whether the session may have set any. The redirection is on trap alone: a DEBUG trap runs before
// it is made, and must not write to the report.
func (s scripts) reportTail(traps bool, nonce uint64) string {
	saveTraps := ""
	if traps {
		saveTraps = `\trap -p DEBUG ERR RETURN >&250;\trap - DEBUG ERR RETURN;`
	}
	return `{ time;} 2>&"$((TIMEFORMAT=` + strconv.FormatUint(nonce, 10) + `+$?,250))";POSIXLY_CORRECT=1;` +
		saveTraps + `\. ` + s.report + "\n"
}

// mayTrap says whether a command may set a trap. One that hides it loses the trap's place: it then also runs between
// commands, with its output going nowhere, and can change no result.
func mayTrap(command string) bool {
	for _, word := range []string{"trap", "eval", "source", ". "} {
		if strings.Contains(command, word) {
			return true
		}
	}
	return false
}

// commandLine is the line that runs command. prelude restores what the last report took away, and stdinPath may be
// empty for none.
func (s scripts) commandLine(prelude, command, stdinPath string, traps bool, nonce uint64) string {
	var b strings.Builder
	b.Grow(len(prelude) + len(command) + 250)
	b.WriteString("__ek_c=")
	quoteTo(&b, prelude+command)
	if stdinPath != "" {
		b.WriteString(";__ek_i=")
		b.WriteString(stdinPath)
	}
	b.WriteString(`;\. `)
	b.WriteString(s.eval)
	b.WriteString(";")
	b.WriteString(s.reportTail(traps, nonce))
	return b.String()
}

// Quote returns s as one shell word.
func Quote(s string) string {
	var b strings.Builder
	quoteTo(&b, s)
	return b.String()
}

// quoteTo writes s in single quotes, in which the shell gives no byte a meaning (POSIX XCU 2.2.2).
func quoteTo(b *strings.Builder, s string) {
	b.WriteByte('\'')
	b.WriteString(strings.ReplaceAll(s, `'`, `'\''`))
	b.WriteByte('\'')
}

// newNonce returns a multiple of statusSpan that a command cannot guess, with 50 bits of randomness; the sum with a
// status stays within bash's signed 64-bit arithmetic and always has 19 or fewer digits.
func newNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return (binary.LittleEndian.Uint64(b[:])>>14 + 1<<50) * statusSpan
}
