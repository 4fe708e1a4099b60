// Package budget shortens what a command wrote to what a caller can use, and keeps the rest for output.read.
//
// A [Keeper] reads one stream and keeps its first and last part within hard caps: max_chars counts Unicode code points
// (an invalid byte is one), max_lines counts lines (an unfinished last one is one), max_tokens counts tokens as
// [EstimateTokens] does. The line that tells what was left out is within the caps; where they have no room for it, it
// is not written. Text is never cut inside a rune, and near a line's end it is cut there.
//
// A [Spool] stores a bounded part of the whole stream to page through.
//
// What comes out does not depend on how the stream was cut into chunks. Memory is bounded by the caps: a Keeper holds
// at most eight bytes for each permitted character, and buffers grow only as output arrives.
package budget
