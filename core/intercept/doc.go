// Package intercept holds the built-in rules for destructive commands: what a person would want to be asked about
// before an agent does it, whatever the policy allows.
//
// The rules look at the parsed tree of package command, so spelling, quoting, launchers, variables that the text
// itself sets, and texts that are handed to a shell all count, while prose, quoted text, comments, data of
// here-documents and names that merely look alike do not. Each rule has an id, by which a policy can switch it off, a
// reason, and examples of both kinds that a test checks.
//
// The rules are a seat belt against mistakes, not a wall: an interpreter can delete files in a thousand ways. The wall
// is a policy with default deny.
package intercept
