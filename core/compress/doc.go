// Package compress shortens the output of builds, tests and services by what its lines mean.
//
// A [Folder] reads a stream line by line, weighs each line by what it says (a failing test, an error, a place in a
// file, a warning, progress) and by how often lines of its form occur, and keeps what weighs most. At the end it shows
// the lines that fit, in their order, with a marker such as
//
//	… 4,012 similar lines …
//
// for each gap. Lines near an error belong to it and weigh more; stack frames of libraries, downloads and passing tests
// weigh nothing; the first and the last lines stay.
//
// The output is the adversary's: nothing here trusts a line. Work is linear in the stream and bounded for each line,
// memory is bounded whatever arrives, and the same stream gives the same text however it was cut into chunks. A line
// that claims success cannot hide one that tells of an error, since each is weighed on its own.
package compress
