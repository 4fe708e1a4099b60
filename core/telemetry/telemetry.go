package telemetry

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// A Sink takes spans and measurements. Its methods are called from many goroutines, do not block and keep nothing of
// what they are given but its values.
type Sink interface {
	Span(s Span)
	// Count adds to a counter; Observe adds a value to a histogram.
	Count(name, unit string, n int64, attributes ...Attribute)
	Observe(name, unit string, value float64, attributes ...Attribute)
}

// A Span is one finished piece of work.
type Span struct {
	Name       string
	Context    Context
	Parent     [8]byte // zero for a root
	Start, End time.Time
	Attributes []Attribute
	// Error is the code of the failure, "" for none.
	Error string
}

// An Attribute is a name with a string, an int64 or a bool.
type Attribute struct {
	Name  string
	Value any
}

// A Context is a place in a trace, as W3C Trace Context has it.
type Context struct {
	Trace [16]byte
	Span  [8]byte
	// Sampled is the caller's decision; a span below one that is not sampled is not sent.
	Sampled bool
}

// Valid reports whether the context names a place.
func (c Context) Valid() bool { return c.Trace != [16]byte{} && c.Span != [8]byte{} }

// Root returns the context of a new trace.
func Root() Context {
	c := Context{Sampled: true}
	_, _ = rand.Read(c.Trace[:]) // never fails (crypto/rand)
	return c.Child()
}

// Child returns the context of a new span in the same trace.
func (c Context) Child() Context {
	_, _ = rand.Read(c.Span[:])
	return c
}

// ParseTraceparent reads a traceparent header: 00-TRACE-SPAN-FLAGS. "" gives the zero Context.
func ParseTraceparent(text string) (Context, error) {
	var c Context
	if text == "" {
		return c, nil
	}
	bad := errdefs.New(errdefs.InvalidArgument, "traceparent: %s is not a W3C trace context", errdefs.Quote(text)).
		WithHint("00-<32 hexadecimal digits>-<16 hexadecimal digits>-<2 hexadecimal digits>").WithDetail("field", "traceparent")
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || parts[0] == "00" && len(parts) != 4 || strings.ToLower(text) != text {
		return c, bad
	}
	var version, flags [1]byte
	for _, part := range []struct {
		text string
		to   []byte
	}{{parts[0], version[:]}, {parts[1], c.Trace[:]}, {parts[2], c.Span[:]}, {parts[3], flags[:]}} {
		if len(part.text) != 2*len(part.to) {
			return Context{}, bad
		}
		if _, err := hex.Decode(part.to, []byte(part.text)); err != nil {
			return Context{}, bad
		}
	}
	if !c.Valid() {
		return Context{}, bad
	}
	c.Sampled = flags[0]&1 != 0
	return c, nil
}
