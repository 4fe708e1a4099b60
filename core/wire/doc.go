// Package wire holds the JSON shapes that the C call, the bindings, MCP, the command line and the audit log share.
//
// Names are snake_case; durations are integer milliseconds (_ms), sizes integer bytes (_bytes), text is UTF-8.
// Requests are decoded with [Decode], which refuses a field it does not know and names the nearest one it does;
// clients must ignore response fields they do not know.
package wire
