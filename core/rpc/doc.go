// Package rpc is the JSON API: a table of methods, JSON in, JSON out. The C call, the bindings, MCP and the command
// line are thin over exactly this table.
//
// A [Server] owns the sessions, running commands and spooled output that were made through it and is safe for
// concurrent use. No panic leaves [Server.Call]; it becomes the error code internal.
package rpc
