package execkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// # How a shell tells its state
//
// The answer must not be one that the session's own functions, aliases or traps give. The question is asked in a subshell:
//
//	(POSIXLY_CORRECT=1;__ek_p=$((1${SHELLOPTS##*posix*}));__ek_p=$SHELLOPTS;\set +xv;\trap - …;\eval '…nonce…')
//
// An assignment looks up no name. Where it did not switch POSIX mode on (the variable is readonly), the arithmetic is not
// valid and ends the subshell before anything else runs. In POSIX mode special builtins win over functions, and the
// text of eval is parsed without aliases for keywords. What could print (traces, traps) is off before the nonce appears
// in any command. From there on \builtin is bash's own, once a function of that name is forgotten; PATH leads nowhere,
// so that no program can take the place of a builtin that was switched off. Without its last nonce an answer is none.
//
// dash and busybox need no POSIX mode, and cannot list their functions.

const (
	// stateTimeout bounds the question; it takes a few milliseconds.
	stateTimeout = 10 * time.Second
	// maxStateBytes bounds the answer, which holds the text of every function.
	maxStateBytes = 16 << 20
	// maxFunctions bounds how many functions are read.
	maxFunctions = 5000
)

// shellState is what a shell tells about itself.
type shellState struct {
	umask     string
	options   []string // of set -o, those that are on
	shopt     []string // bash: of shopt, those that are on
	aliases   map[string]string
	names     []string          // of functions
	functions map[string]string // the source by name, where it was asked for
	listed    bool              // the shell can list its functions
}

// posixSubshell runs script, which may hold a nonce, where nothing of the session stands in between.
func posixSubshell(script string) string {
	return "(POSIXLY_CORRECT=1;__ek_p=$((1${SHELLOPTS##*posix*}));__ek_p=$SHELLOPTS;\\set +xv;\\trap - DEBUG ERR RETURN EXIT;\\eval " + engine.Quote(script) + ")"
}

const (
	bashStateHead = `\unset -f builtin command_not_found_handle||\exit 9;PATH=/dev/null/none` + "\n"
	// The two functions that were forgotten above are still there in another subshell.
	bashStateBody = `\builtin printf '\n%s\n' @;\builtin umask
\builtin printf '\n%s\n' @;\builtin printf '%s\n' "$__ek_p"
\builtin printf '\n%s\n' @;\builtin printf '%s\n' "$BASHOPTS"
\builtin printf '\n%s\n' @;\builtin alias -p||\:
\builtin printf '\n%s\n' @;\builtin declare -F||\:
`
	bashStateTail = `\builtin printf '\n%s\n' @` + "\n"
	bashForgotten = `\unset -f command||\exit 9;PATH=/dev/null/none
\command printf '\n%s\n' @;\command declare -F builtin||\:;\command declare -F command_not_found_handle||\:;\command printf '\n%s\n' @
`
	shStateText = `(__ek_p=$-;\set +xveu;\unset -f umask alias echo command_not_found_handle||\exit 9;PATH=/dev/null/none;\eval '\echo;\echo @;\umask;\echo;\echo @;\echo "$__ek_p";\set -o;\echo;\echo @;\alias;\echo;\echo @')`
)

// askShell runs one question and returns the parts of the answer between the nonces, or false.
func askShell(ctx context.Context, sh shell, parts int, text func(nonce string) string) ([]string, bool) {
	nonce := rand.Text()
	var answer limited
	out := sh.Run(ctx, engine.Command{Text: text(nonce), Own: true, Timeout: stateTimeout, Stdout: &answer, Stderr: io.Discard})
	if out.Exited || out.TimedOut || out.Cancelled || answer.over {
		return nil, false
	}
	// A nonce stands on a line of its own, after a newline that is not part of the answer.
	found := strings.Split(answer.String(), "\n"+nonce+"\n")
	if len(found) != parts+2 {
		return nil, false
	}
	return found[1 : parts+1], true
}

// limited keeps at most maxStateBytes.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxStateBytes {
		l.over = true
		return len(p), nil
	}
	return l.Buffer.Write(p)
}

// shellState asks the shell; the session must be held. With sources, the text of every function comes along.
func (s *Session) shellState(ctx context.Context, sources bool) (*shellState, error) {
	sh, err := s.liveShell(ctx)
	if err != nil {
		return nil, err
	}
	failed := errdefs.New(errdefs.Unavailable, "the shell did not tell its state").
		WithHint("the session may have made a variable readonly that this needs (PATH, POSIXLY_CORRECT), or switched a builtin off")
	if s.speaksBash() {
		if st, ok := bashState(ctx, sh); ok {
			if sources && !st.readSources(ctx, sh) {
				return nil, failed
			}
			return st, nil
		}
		return nil, failed
	}
	parts, ok := askShell(ctx, sh, 3, func(nonce string) string { return strings.ReplaceAll(shStateText, "@", nonce) })
	if !ok {
		return nil, failed
	}
	st := &shellState{umask: strings.TrimSpace(parts[0]), aliases: parseAliases(parts[2])}
	// What was switched off for the question, in the one-letter form.
	flags, list, _ := strings.Cut(parts[1], "\n")
	for letter, name := range map[string]string{"e": "errexit", "u": "nounset", "v": "verbose", "x": "xtrace"} {
		if strings.Contains(flags, letter) {
			st.options = append(st.options, name)
		}
	}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[1] == "on" {
			st.options = append(st.options, fields[0])
		}
	}
	slices.Sort(st.options)
	return st, nil
}

// speaksBash reports whether the session's shell is a bash, under whatever name.
func (s *Session) speaksBash() bool {
	var info wire.SessionInfo
	s.target.describe(&info)
	path := info.Shell
	if info.Transport == "local" {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
	}
	return filepath.Base(path) == "bash"
}

func bashState(ctx context.Context, sh shell) (*shellState, bool) {
	parts, ok := askShell(ctx, sh, 5, func(nonce string) string {
		return posixSubshell(strings.ReplaceAll(bashStateHead+bashStateBody+bashStateTail, "@", nonce))
	})
	if !ok {
		return nil, false
	}
	forgotten, ok := askShell(ctx, sh, 1, func(nonce string) string {
		return posixSubshell(strings.ReplaceAll(bashForgotten, "@", nonce))
	})
	if !ok {
		return nil, false
	}
	st := &shellState{umask: strings.TrimSpace(parts[0]), aliases: parseAliases(parts[3]), listed: true}
	// POSIX mode, in which the question was asked, turns these on.
	st.options = without(strings.Split(strings.TrimSpace(parts[1]), ":"), "posix", "")
	st.shopt = without(strings.Split(strings.TrimSpace(parts[2]), ":"), "inherit_errexit", "")
	for line := range strings.Lines(parts[4]) {
		if _, name, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "declare "), " "); ok {
			st.names = append(st.names, name)
		}
	}
	// declare -F with a name prints that alone.
	st.names = append(st.names, strings.Fields(forgotten[0])...)
	slices.Sort(st.names)
	st.names = slices.Compact(st.names)
	return st, len(st.names) <= maxFunctions
}

func without(list []string, drop ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return slices.Contains(drop, s) })
}

// readSources asks for the text of each function apart, since a text may look like the beginning of another.
func (st *shellState) readSources(ctx context.Context, sh shell) bool {
	st.functions = make(map[string]string, len(st.names))
	hidden := []string{"builtin", "command_not_found_handle"}
	for _, group := range []struct {
		names      []string
		head, word string
	}{
		{without(slices.Clone(st.names), hidden...), bashStateHead, `\builtin`},
		{slices.DeleteFunc(slices.Clone(st.names), func(n string) bool { return !slices.Contains(hidden, n) }), `\unset -f command||\exit 9;PATH=/dev/null/none` + "\n", `\command`},
	} {
		if len(group.names) == 0 {
			continue
		}
		parts, ok := askShell(ctx, sh, len(group.names), func(nonce string) string {
			var b strings.Builder
			b.WriteString(group.head)
			for _, name := range group.names {
				b.WriteString(group.word + ` printf '\n%s\n' ` + nonce + ";" + group.word + " declare -f -- " + engine.Quote(name) + "\n")
			}
			b.WriteString(group.word + ` printf '\n%s\n' ` + nonce + "\n")
			return posixSubshell(b.String())
		})
		if !ok {
			return false
		}
		for i, name := range group.names {
			st.functions[name] = strings.TrimSuffix(parts[i], "\n")
		}
	}
	return true
}

// parseAliases reads what alias prints: [alias ]name='value', in the quotes that the shell chose.
func parseAliases(text string) map[string]string {
	aliases := make(map[string]string)
	for text != "" {
		text = strings.TrimLeft(text, "\n")
		text = strings.TrimPrefix(text, "alias ")
		text = strings.TrimPrefix(text, "-- ")
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		aliases[name], text = shellValue(rest)
	}
	return aliases
}

// shellValue reads one quoted word up to a newline that is not quoted.
func shellValue(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\n':
			return b.String(), s[i:]
		case '\'', '"':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return b.String() + s[i+1:], ""
			}
			b.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// State tells what the session's shell is in: directory, environment, functions and more, redacted.
func (s *Session) State(ctx context.Context) (*wire.SessionState, error) {
	release, err := s.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	st, err := s.shellState(ctx, false)
	if err != nil {
		return nil, s.hideSecrets(err)
	}
	info := s.Info()
	s.mu.Lock()
	env := maps.Clone(s.env)
	s.mu.Unlock()
	r := &wire.SessionState{
		Cwd: info.Cwd, Env: make(map[string]string, len(env)), LastExitCode: s.lastCode, Functions: append([]string{}, st.names...),
		Aliases: make(map[string]string, len(st.aliases)), Options: append([]string{}, st.options...), Shopt: st.shopt,
		Umask: st.umask, Jobs: []wire.Job{}, Shell: info.Shell,
	}
	for name, value := range env {
		r.Env[name] = redactValue(s.redact, name, value)
	}
	for name, value := range st.aliases {
		r.Aliases[name] = redactText(s.redact, value)
	}
	for _, job := range s.liveJobs() {
		r.Jobs = append(r.Jobs, wire.Job{PID: job.PID, Command: redactText(s.redact, job.Command)})
	}
	if !st.listed {
		r.Incomplete = []string{"functions"}
	}
	return r, nil
}

// noteJobs remembers what a command left behind; the session must be held.
func (s *Session) noteJobs(jobs []engine.Process) { s.left = append(s.liveJobs(), jobs...) }

// liveJobs returns those that commands left behind and that still run, as far as that can be told from here.
func (s *Session) liveJobs() []engine.Process {
	if len(s.left) == 0 {
		return nil
	}
	pids := make([]int, len(s.left))
	for i := range s.left {
		pids[i] = s.left[i].PID
	}
	running := s.target.running(pids)
	s.left = slices.DeleteFunc(s.left, func(p engine.Process) bool { return !running[p.PID] })
	return s.left
}
