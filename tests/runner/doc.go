// Package runner runs the conformance cases of tests/conformance through every door.
//
// A case is one JSON line: a name, what it guards against, options of session.create with what must be answered or the
// code of the error, and steps. A step is one command with the part of the result that it must give, or the code of the
// error; or it reads what a budget left out of the one before; or it is a call of audit.verify. $DIR in the options and
// in such a call is a directory of the case. Values are compared exactly; an object with one of the keys $any, $absent,
// $not, $contains, $suffix or $max is a condition instead.
//
// The cases in tests/conformance/asking are about a server that asks; see askingCase.
//
// A door is driven by a testee: a small program that reads one JSON request a line, {"method","params"} with
// session.create, session.exec, output.read, audit.verify or session.destroy, performs it through its language's own
// API, and answers with one line: the envelope of the JSON API. Where the door has a callback for what a server asks, a
// request may also have "answers", for the questions in it one after the other, null to refuse; the reply then has "asked",
// and "shown" with what a program would show that prints what it has.
package runner
