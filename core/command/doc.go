// Package command turns the text of a shell command into what a policy can judge: every simple command in every
// nested position, with the words that are known before it runs and the reason for each that is not.
//
// Two defences stand here, both against parsers that disagree. [Parse] first gates the bytes: mvdan's parser and bash
// read carriage returns, NUL bytes, continuations inside a token and invisible characters differently, and every such
// difference is a command that bash runs and the tree does not show. Then one walk over the tree collects the commands
// and at the same time writes the script anew, quoting every static word itself. What a shell runs under a fence is
// that script ([Script.Emit]), never the agent's bytes, so a difference that the gate misses still runs only what was
// judged. A construct that the walk has no rule for becomes an [Issue]; a script with one has no emitted form.
package command
