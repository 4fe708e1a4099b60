// Package clean turns what a command writes for a terminal into the text that a person would have read.
//
// Escape sequences and control characters go; a progress bar that redraws its line with carriage returns comes down to
// its last state; everything else, invalid UTF-8 included, passes through byte for byte. The result holds no control
// character but tab, newline and NUL, so cleaning it again changes nothing, and it does not depend on how the stream
// was cut into chunks.
//
// Memory is bounded: one unfinished line of at most [MaxLine] bytes and one unfinished sequence of at most [MaxString].
// There are no errors; any bytes are valid input.
package clean
