// Package telemetry says what a session tells an observability system: spans for the session, for each command and for
// its stages, and measurements. It knows no protocol; a [Sink] takes what it tells, and core/telemetry/otlp has the one
// that speaks OTLP.
//
// No command, no output, no path and no variable is in an attribute: only identifiers, names of decisions, numbers and
// error codes. What a trace backend stores is often read by more people than the machine is.
package telemetry
