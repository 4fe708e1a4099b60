// Command generrors writes what is made from the table of failure classes: Python's exceptions, Node's codes and
// docs/errors.md.
// Run it from the root of the repository after a change of core/errdefs/table.go.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

func main() {
	for path, text := range files() {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// files returns every generated file by its path from the root.
func files() map[string]string {
	return map[string]string{
		"bindings/python/src/execkit/_errors.py": python(),
		"docs/errors.md":                         markdown(),
		"bindings/node/lib/codes.js":             javascript(),
	}
}

const generated = "Made by tools/generrors from core/errdefs/table.go; do not edit."

func python() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# %s
"""The exceptions of execkit, one for each failure class."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """The root of every execkit exception.

    Attributes:
        code: the class of the failure, such as "session_closed".
        message: what happened, and to what.
        hint: what to do about it; may be empty.
        outcome: "not_run", "ran" or "unknown": whether the command ran.
        session: "usable" or "closed".
        details: further facts, by name.
    """

    code = "internal"

    def __init__(self, message: str = "", *, hint: str = "", outcome: str = "not_run", session: str = "usable", details: dict[str, Any] | None = None) -> None:
        super().__init__(message if not hint else f"{message} ({hint})")
        self.message = message
        self.hint = hint
        self.outcome = outcome
        self.session = session
        self.details = details or {}
`, generated)
	for _, c := range errdefs.Table {
		bases := "Error"
		if parent, ok := errdefs.Lookup(c.Parent); ok {
			bases = parent.Name
		}
		if c.Builtin != "" {
			bases += ", " + c.Builtin
		}
		fmt.Fprintf(&b, "\n\nclass %s(%s):\n    \"\"\"%s\"\"\"\n\n    code = %q\n", c.Name, bases, strings.ReplaceAll(c.Summary, `"`, `'`), c.Code)
	}
	b.WriteString("\n\nBY_CODE: dict[str, type[Error]] = {\n")
	for _, c := range errdefs.Table {
		fmt.Fprintf(&b, "    %q: %s,\n", c.Code, c.Name)
	}
	b.WriteString("}\n")
	return b.String()
}

func javascript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n'use strict';\n\n// Code, class name and, where it is not the root, the code of the parent.\nmodule.exports = [\n", generated)
	for _, c := range errdefs.Table {
		fmt.Fprintf(&b, "  ['%s', '%s'", c.Code, c.Name)
		if c.Parent != "" {
			fmt.Fprintf(&b, ", '%s'", c.Parent)
		}
		b.WriteString("],\n")
	}
	b.WriteString("];\n")
	return b.String()
}

func markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n# Errors\n\nA code is never renamed or given another meaning. The classes have the same names in Python and in Node, where `code` is\n`EXECKIT_` and the code in capitals; a Python class is caught by its builtin too. Go has a\nsentinel for each, such as `execkit.ErrBlocked`.\n\n| code | class | Python builtin | meaning |\n|---|---|---|---|\n", generated)
	for _, c := range errdefs.Table {
		builtin := c.Builtin
		if parent, ok := errdefs.Lookup(c.Parent); ok {
			builtin = parent.Builtin
		}
		if builtin != "" {
			builtin = "`" + builtin + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", c.Code, c.Name, builtin, c.Summary)
	}
	return b.String()
}
