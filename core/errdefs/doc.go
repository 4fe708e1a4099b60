// Package errdefs is the one table of failure classes.
//
// Every error that leaves the core is an [*Error] whose [Code] stands in [Table]. The exception classes of the
// bindings, docs/errors.md and the JSON envelope are made from this table, so a new class is one new row.
//
// The codes are append-only: a code is never renamed, reused or given another meaning.
package errdefs
