package engine

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
)

const (
	scriptFD  = 250 // the sealed driver script
	controlFD = 251 // the control socket
	// statusSpan leaves three decimal digits for $? below the nonce.
	statusSpan = 1000
)

// driverScript is sourced twice for a command: with __ek_c set it evaluates the command, without it reports the state.
//
// The command leaves POSIX mode before it is parsed. >| defeats noclobber, and every name is quoted against aliases.
// Sourcing (and not only eval) keeps bash from printing "[1] 123" for every background job.
func driverScript(stdoutPath, stderrPath string) string {
	return `case ${__ek_c+x} in
x) \eval '\unset __ek_c __ek_i POSIXLY_CORRECT
'"$__ek_c" <"$__ek_i" >|` + stdoutPath + ` 2>|` + stderrPath + ` 250>&- 251>&- ;;
*) __ek_c=$TIMEFORMAT;TIMEFORMAT="set $-";{ time;} 2>&251;TIMEFORMAT=$__ek_c
\set +xv;\unset __ek_c
\export -p >&251
{ time;} 2>&251
\unset TIMEFORMAT;;
esac
`
}

// reportTail asks for the status and the state. It resolves no name until POSIX mode is on. The traps that would run
// between the driver's own commands are read and taken away here, since a sourced script does not see them. The
// redirection is on trap alone: a DEBUG trap runs before it is made, and must not write to the control socket.
func reportTail(nonce uint64) string {
	return `{ time;} 2>&"$((TIMEFORMAT=` + strconv.FormatUint(nonce, 10) + `+$?,251))";POSIXLY_CORRECT=1;` +
		`\trap -p DEBUG ERR RETURN >&251;\trap - DEBUG ERR RETURN;\. /dev/fd/250` + "\n"
}

// commandLine is the line that runs command. prelude restores what the last report took away (traps).
func commandLine(prelude, command, stdinPath string, nonce uint64) string {
	var b strings.Builder
	b.Grow(len(prelude) + len(command) + 200)
	b.WriteString("__ek_c=")
	quoteTo(&b, prelude+command)
	b.WriteString(";__ek_i=")
	b.WriteString(stdinPath)
	b.WriteString(`;\. /dev/fd/250;`)
	b.WriteString(reportTail(nonce))
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
