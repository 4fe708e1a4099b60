package rpc

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/execkit/execkit/core/errdefs"
)

// maxRequestBytes bounds one request: large enough for any command or policy, small enough that a caller's bug cannot
// take the host's memory (decoding needs about 2.5 times the size).
const maxRequestBytes = 64 << 20

// checkRequest refuses what must not reach a decoder.
func checkRequest(method string, params []byte) error {
	if len(params) > maxRequestBytes {
		return errdefs.New(errdefs.LimitExceeded, "the request has %d bytes; at most %d are accepted", len(params), maxRequestBytes).
			WithHint("write large data to a file on the target and refer to it")
	}
	// A decoder would turn a stray byte into U+FFFD, and a command other than the caller's would run.
	if !utf8.Valid(params) {
		return errdefs.New(errdefs.InvalidArgument, "the request is not valid UTF-8").
			WithHint("send bytes that are not text as base64 (stdin_b64)")
	}
	// The same of half a surrogate pair, as which Python has a file name that is not UTF-8. Where a session opens, the host's
	// environment may hold some that no command will ask for.
	if method == "session.create" || method == "snapshot.restore" {
		return nil
	}
	if half := loneSurrogate(params); half != "" {
		return errdefs.New(errdefs.InvalidArgument, "the request holds %s, half a pair that is no character", half).
			WithHint(`name such a file by a pattern or with $'\xff', and send bytes that are not text as base64 (stdin_b64)`)
	}
	return nil
}

// loneSurrogate returns the first escape of JSON text that stands for half a surrogate pair, or "".
func loneSurrogate(text []byte) string {
	const size = len(`\u0000`)
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 || i+1 >= len(text) {
			return ""
		}
		text = text[i:]
		first, ok := escaped(text)
		if !ok {
			text = text[2:]
			continue
		}
		text = text[size:]
		if !utf16.IsSurrogate(first) {
			continue
		}
		second, _ := escaped(text)
		if utf16.DecodeRune(first, second) == utf8.RuneError {
			return `\u` + strconv.FormatInt(int64(first), 16)
		}
		text = text[size:]
	}
}

// escaped returns the unit of UTF-16 that stands at the beginning of text as \uXXXX.
func escaped(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}
