// Package audit writes and checks the record of what sessions did.
//
// # The file
//
// One record is one line of JSON. The line begins with the record's number and the hash of the record before it, and
// ends with its own hash:
//
//	{"seq":7,"prev":"<64 hex digits>","kind":"intent","time_ms":…,…,"hash":"<64 hex digits>"}
//
// hash is the SHA-256 of the bytes of the line that stand before `,"hash":"`, as they are stored, so a reader needs no
// canonical form of JSON and any SHA-256 program can follow the chain. Every field except seq, prev and hash stands
// between them in the order of [Record]. The first record of a file names the format and the log: kind log in a new
// log, rotate in the next file of a rotated one.
//
// # Writers
//
// Any number of sessions and processes share one file. An append takes the file's flock(2), catches up with what
// others wrote (checking that it continues the chain), writes the line with one write(2) and gives the lock back. The
// file is only ever appended to, so `chattr +a` does no harm. A write that a crash or a full disk cut leaves a torn
// tail; the next append closes its line and writes a recovery record with its length and hash, and the chain goes on.
//
// # The head
//
// A chain alone shows that what is there belongs together. That nothing is missing at its end, and that it was not
// written anew from the beginning, shows only the head, count and hash of the last record, kept where whoever could
// change the log cannot. [Options] name a second file, a callback, a command or syslog for it. The head file is
// written around each record: the announced record first (HEAD.next), then the record, then the head, so that no
// moment of a crash leaves a log and a head that contradict each other.
//
// # What it does not promise
//
// Whoever can write both the log and the head can forge both. See docs/audit.md.
package audit
