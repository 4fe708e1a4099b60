// Package policy judges a command before it runs.
//
// [Load] reads the policy object of the contract; [Policy.Check] answers for one command text and what ran before it.
// Every simple command in every nested position is judged, the strictest decision wins and every rule that took part
// is reported. Under a fence (default deny or ask) a command passes only if each part of it is understood: the tree
// has no issue, names are static, an entry grants the program, and no option, variable, redirection or earlier change
// of the shell turns the granted program into another one. The tables in profiles.go, launchers.go and env.go hold
// what is known about programs; a launcher is granted only what its inner command is granted.
//
// What the fence does not promise: a program that an entry grants may do with its own arguments whatever it does, and
// configuration files that a repository or a home directory brings are read by it. The kernel's part stands for that.
package policy
