// Package screen keeps what a terminal shows: the text, the cursor and a picture of both.
//
// What a command writes is hostile. A filter stands before the emulator (a library) and lets through only sequences
// that it knows, with bounded numbers: a repeat count of a billion would keep the emulator busy for hours, and colours
// set one by one would fill the memory. Of the questions that a program can ask a terminal, only those are answered
// whose answer the program cannot choose: status, cursor position and the kind of terminal. An answer is typed into the
// terminal, so one that echoes what was asked (a title, a setting, the clipboard) would let output type commands.
package screen
