// Package redact takes secrets out of a stream of text before anybody reads it.
//
// # Sources
//
// A secret is found in one of four ways, in this order:
//
//   - exact values that the caller registered or that [Redactor.Learn] was told, also in their base64, URL-encoded,
//     JSON-escaped, hexadecimal and shell-quoted forms;
//   - token formats: the prefixes and shapes that providers give their keys, private key blocks, password hashes;
//   - names: the value that stands beside a telling name in an assignment, a JSON, YAML, TOML, INI or XML key, a
//     command-line flag, a header, a cookie or the user part of a URL;
//   - shape, and only beside such a name: a word that could be a variable or a sentence counts only where the form
//     around it is that of data.
//
// # Marks
//
// A secret becomes [REDACTED], or [REDACTED:kind] with labels. The mark tells neither length nor content. Terminal
// sequences and line ends that interrupted a secret stay, after the mark. Redacting redacted text changes nothing.
//
// # Streams
//
// A [Stream] decides on whole lines, so how its input is cut into chunks cannot change its output. It holds back the
// unfinished line, at most [MaxHold] bytes; of a longer line it decides window by window with overlap. A private key
// block needs no buffer: the stream remembers that it is inside one. A token that a terminal wrapped over several
// lines holds back those lines, within the same limit. [Stream.Flush] ends the stream; [Stream.Idle] lets out what is
// safe of an unfinished line, such as a prompt.
//
// Detection is linear in the input: keywords are found by one shift-table scan, token formats by a matcher without
// backtracking, and user rules by RE2 regular expressions.
//
// # Bad input
//
// Any bytes are valid input; invalid UTF-8 passes through. A value shorter than [MinValue] bytes is not registered,
// because it would hide unrelated text; [Redactor.Warnings] says so. A value with line ends is registered line by
// line. An empty rule, one that matches the empty string or ordinary text, and one that fails its own examples are
// refused by [New].
package redact
