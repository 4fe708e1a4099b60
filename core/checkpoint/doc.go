// Package checkpoint saves the files of a workspace and puts them back.
//
// # The store
//
// Everything is kept on execkit's side, never in the workspace, in a directory that only its owner can read. Contents and
// directories are objects with the SHA-256 of their bytes as their address, so what did not change costs nothing. One save
// writes at most one pack, under a temporary name that is renamed: a pack is there as a whole or not at all. Objects are
// checked against their address whenever they are read.
//
// # Who changed what
//
// A restore must take back what the session did and nothing else. So the workspace is looked at before and after each
// command that may write; what changed in between is the command's, and what changed at any other time came from outside.
// The ledger keeps both by path. A path that was changed from outside since the checkpoint is a conflict and left alone
// unless the caller says otherwise; a file that neither the checkpoint nor a command knew is never touched.
//
// # Threats
//
// The commands are hostile. Names are single components below open directories, no symbolic link is followed, and mount
// points are not crossed, so that neither a link nor a rename during the walk leads out of the workspace. What the
// commands wrote is read as data: names may hold any byte, sizes and depths are bounded.
package checkpoint
