package errdefs

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Outcome says whether the command of a failed request ran.
type Outcome string

const (
	// NotRun: the command never reached a shell; it is safe to try again.
	NotRun Outcome = "not_run"
	// Ran: the command ran, wholly or in part.
	Ran Outcome = "ran"
	// Unknown: the command was handed over and its fate is not known; trying again may run it twice.
	Unknown Outcome = "unknown"
)

// SessionState says whether the session can still be used after a failure.
type SessionState string

const (
	Usable SessionState = "usable"
	Closed SessionState = "closed"
)

// An Error is a failure as every door reports it. Message says what happened and to what, Hint what to do.
// Neither ever holds a secret; text that came from a target is quoted with [Quote].
type Error struct {
	Code    Code           `json:"code"`
	Message string         `json:"message"`
	Hint    string         `json:"hint,omitempty"`
	Outcome Outcome        `json:"outcome"`
	Session SessionState   `json:"session"`
	Details map[string]any `json:"details,omitempty"`

	cause error
}

// New makes an error whose command did not run and whose session stays usable, the common case.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Outcome: NotRun, Session: Usable}
}

// WithHint sets what the caller can do about it and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithOutcome sets whether the command ran and returns e.
func (e *Error) WithOutcome(o Outcome) *Error { e.Outcome = o; return e }

// WithSession sets the state of the session and returns e.
func (e *Error) WithSession(s SessionState) *Error { e.Session = s; return e }

// WithDetail adds one entry to Details and returns e.
func (e *Error) WithDetail(key string, value any) *Error {
	if e.Details == nil {
		e.Details = make(map[string]any)
	}
	e.Details[key] = value
	return e
}

// WithCause keeps the underlying error for errors.Is and errors.As; it is not part of the message.
func (e *Error) WithCause(err error) *Error { e.cause = err; return e }

func (e *Error) Error() string {
	if e.Hint == "" {
		return "execkit: " + e.Message
	}
	return "execkit: " + e.Message + " (" + e.Hint + ")"
}

func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the sentinel of e's class or of one of its parents.
func (e *Error) Is(target error) bool {
	t, ok := target.(Sentinel)
	if !ok {
		return false
	}
	for c := e.Code; c != ""; {
		if Code(t) == c {
			return true
		}
		row, _ := Lookup(c)
		c = row.Parent
	}
	return false
}

// A Sentinel is a class as a comparable error: errors.Is(err, errdefs.Sentinel(errdefs.Blocked)).
type Sentinel Code

func (s Sentinel) Error() string { return "execkit: " + strings.ReplaceAll(string(s), "_", " ") }

// From returns err as an *Error; what is not one yet becomes [Internal].
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Internal, "unexpected error: %v", err).
		WithHint("this is a defect of execkit; please report it").WithOutcome(Unknown).WithCause(err)
}

// quoteLimit bounds text from a target in a message: enough to recognise it, too little to flood a log.
const quoteLimit = 200

// Quote makes text that a target or an agent controls safe for a message: control and invisible characters are
// escaped, so that it can neither drive a terminal nor hide, and it is cut at 200 bytes.
func Quote(s string) string {
	if len(s) > quoteLimit {
		return `"` + Visible(s[:quoteLimit]) + `"…`
	}
	return `"` + Visible(s) + `"`
}

// Visible escapes every control and invisible character, quote and backslash of s, whole.
func Visible(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}
