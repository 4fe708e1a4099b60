// Package semantic recognises what the output of a command tells: a server that listens, tests that finished, a build
// that failed and where, packages that were installed, errors with their place, progress.
//
// What it finds is derived from output and nothing else. Whoever controls the output can forge every event, so each
// carries source "output"; no decision of this project depends on one, and neither should a caller's. Wrong is worse
// than silent: a recogniser takes only the exact form that a tool prints, and testdata holds for each examples that it
// must take and lookalikes that it must not.
//
// A [Scanner] reads one redacted stream. Its memory is bounded. Its work is linear in the stream: of each line a bounded
// part is looked at, patterns are RE2 and run only on lines with a word that they need, and a stream that keeps them
// busy is given up after a bounded amount of it.
package semantic
