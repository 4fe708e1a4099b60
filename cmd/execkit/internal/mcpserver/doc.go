// Package mcpserver offers sessions as tools of the Model Context Protocol. It is the only package that imports the
// MCP SDK. A tool call becomes a method of the JSON API; what the core refuses comes back as a tool error, so that the
// agent can read why.
//
// Limits of the operator come from the environment ([SettingsFrom]), never from a tool argument.
package mcpserver
