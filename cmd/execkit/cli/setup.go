package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/execkit/execkit/core/errdefs"
)

// A client is an MCP client and how its configuration names a server.
type client struct {
	name, file string
	// key is the object that holds the servers; empty for TOML.
	key   string
	entry map[string]any
}

func clients() []client {
	plain := map[string]any{"command": "execkit", "args": []string{"mcp"}}
	return []client{
		{"claude", ".mcp.json in the project, or ~/.claude.json", "mcpServers", plain},
		{"cursor", "~/.cursor/mcp.json", "mcpServers", plain},
		{"gemini", "~/.gemini/settings.json", "mcpServers", plain},
		{"codex", "~/.codex/config.toml", "", nil},
		{"vscode", ".vscode/mcp.json in the project", "servers", map[string]any{"type": "stdio", "command": "execkit", "args": []string{"mcp"}}},
		{"windsurf", "~/.codeium/windsurf/mcp_config.json", "mcpServers", plain},
	}
}

const codexSnippet = "[mcp_servers.execkit]\ncommand = \"execkit\"\nargs = [\"mcp\"]\n"

var codexSection = regexp.MustCompile(`(?m)^\s*\[\s*mcp_servers\s*\.\s*"?execkit"?\s*\]`)

func setupCommand() command {
	var names []string
	for _, c := range clients() {
		names = append(names, c.name)
	}
	return command{
		name: "setup", args: " claude|cursor|gemini|codex|vscode|windsurf", words: names,
		summary:  "Print the configuration of an MCP client for execkit, or merge it into a file",
		examples: []string{"execkit setup claude", "execkit setup cursor --write ~/.cursor/mcp.json"},
		bind: func(flags *flag.FlagSet) func(*app, []string) (int, error) {
			file := flags.String("write", "", "merge into `FILE`; what was there is kept as FILE.bak")
			return func(a *app, args []string) (int, error) {
				// The flag package stops at the first argument, but people write the flag after it.
				if len(args) > 1 {
					if err := flags.Parse(args[1:]); err != nil {
						return 0, flagError(flags, "setup", err)
					}
					args = append(args[:1:1], flags.Args()...)
				}
				name, err := oneOf("setup", "client", names, args)
				if err != nil {
					return 0, err
				}
				return runSetup(a, name, *file)
			}
		},
	}
}

func runSetup(a *app, name, file string) (int, error) {
	var c client
	for _, known := range clients() {
		if known.name == name {
			c = known
		}
	}
	if _, err := exec.LookPath("execkit"); err != nil {
		fmt.Fprintln(a.stderr, "execkit: there is no execkit on PATH; put its full path into command, or the client will not find it")
	}
	if file == "" {
		snippet, err := merge(c, nil)
		if err != nil {
			return 0, err
		}
		if a.json {
			a.ok(map[string]any{"client": name, "file": c.file, "snippet": string(snippet)})
			return exitOK, nil
		}
		fmt.Fprintf(a.stderr, "put this into %s:\n", c.file)
		_, err = a.stdout.Write(snippet)
		return exitOK, err
	}
	changed, err := writeMerged(c, file)
	if err != nil {
		return 0, err
	}
	switch {
	case a.json:
		a.ok(map[string]any{"client": name, "file": file, "changed": changed})
	case changed:
		fmt.Fprintf(a.stderr, "execkit: wrote %s\n", file)
	default:
		fmt.Fprintf(a.stderr, "execkit: %s has execkit already\n", file)
	}
	return exitOK, nil
}

// merge returns old with the entry for execkit; everything else in it stays.
func merge(c client, old []byte) ([]byte, error) {
	if c.key == "" {
		switch {
		case codexSection.Match(old):
			return old, nil
		case len(old) == 0:
			return []byte(codexSnippet), nil
		}
		return append(append(bytes.TrimRight(old, "\n"), "\n\n"...), codexSnippet...), nil
	}
	config := make(map[string]any)
	if len(bytes.TrimSpace(old)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(old))
		// A float would change long numbers that are none of our business.
		decoder.UseNumber()
		err := decoder.Decode(&config)
		if err == nil {
			// Bytes after the object would be lost when it is written back.
			if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
				err = errors.New("more than one value")
			}
		}
		if err != nil || config == nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "the file is not a plain JSON object: %v", err).
				WithHint("add the snippet by hand: execkit setup %s", c.name)
		}
	}
	servers, ok := config[c.key].(map[string]any)
	if !ok {
		if config[c.key] != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "%q of the file is not an object", c.key).
				WithHint("add the snippet by hand: execkit setup %s", c.name)
		}
		servers = make(map[string]any)
		config[c.key] = servers
	}
	if entry, ok := servers["execkit"].(map[string]any); ok {
		// The operator's own env or options of the entry stay.
		for k, v := range c.entry {
			entry[k] = v
		}
	} else {
		servers["execkit"] = c.entry
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(config); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeMerged(c client, file string) (changed bool, err error) {
	mode := fs.FileMode(0o600)
	// A dotfile is often a link into a repository; the file it means is replaced, not the link.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	old, err := os.ReadFile(file)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fileError(err)
	}
	if exists {
		info, err := os.Stat(file)
		if err != nil {
			return false, fileError(err)
		}
		mode = info.Mode().Perm()
	}
	merged, err := merge(c, bytes.Clone(old))
	if err != nil {
		return false, err
	}
	if exists && bytes.Equal(merged, old) {
		return false, nil
	}
	if exists {
		if err := replace(file+".bak", old, mode); err != nil {
			return false, err
		}
	} else if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return false, fileError(err)
	}
	return true, replace(file, merged, mode)
}

// replace writes through a temporary file, so that a client never reads half a configuration.
func replace(file string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".execkit-*")
	if err != nil {
		return fileError(err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fileError(err)
	}
	return nil
}

func fileError(err error) error {
	return errdefs.New(errdefs.InvalidArgument, "%v", err).WithHint("give a file that can be read and written")
}
