package mcpserver

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/rpc"
	"github.com/execkit/execkit/core/wire"
)

// Settings are the operator's limits; zero is none.
type Settings struct {
	// ExecTimeout is the longest deadline of a command, whatever the agent asks for, and the default one.
	ExecTimeout time.Duration
	// MaxSessions caps how many sessions are open at once.
	MaxSessions int
	// SessionTTL closes a session this long after it was opened, whatever it does.
	SessionTTL time.Duration
	// Quotas are what the commands of each session may use in all, the object of session.create; nil for no bounds.
	Quotas json.RawMessage
	// Policy is the operator's policy object; an agent's own allow and deny can only narrow it. Nil is the default.
	Policy json.RawMessage
	// Audit is the audit log of every session; nil for none. No argument of a tool can change it.
	Audit *wire.Audit
	// SSH is about ssh targets.
	SSH SSHSettings
}

// largest bounds every setting: a year in seconds, far from overflowing a Duration.
const largest = 365 * 24 * 3600

// SettingsFrom reads EXECKIT_MCP_EXEC_TIMEOUT and EXECKIT_MCP_SESSION_TTL (seconds), EXECKIT_MCP_MAX_SESSIONS and
// EXECKIT_MCP_POLICY_FILE (JSON or YAML), EXECKIT_MCP_QUOTAS (JSON), and EXECKIT_MCP_AUDIT, EXECKIT_MCP_AUDIT_DIR and
// EXECKIT_MCP_AUDIT_RETENTION_DAYS.
// A value that cannot be honoured is an error: a server without the limit its operator set must not start.
func SettingsFrom(getenv func(string) string) (Settings, error) {
	var s Settings
	for _, v := range []struct {
		name string
		set  func(int)
	}{
		{"EXECKIT_MCP_EXEC_TIMEOUT", func(n int) { s.ExecTimeout = time.Duration(n) * time.Second }},
		{"EXECKIT_MCP_MAX_SESSIONS", func(n int) { s.MaxSessions = n }},
		{"EXECKIT_MCP_SESSION_TTL", func(n int) { s.SessionTTL = time.Duration(n) * time.Second }},
	} {
		text := getenv(v.name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > largest {
			return Settings{}, errdefs.New(errdefs.InvalidArgument, "%s is %s", v.name, errdefs.Quote(text)).
				WithHint("give a whole number from 1 to %d, or unset it", largest)
		}
		v.set(n)
	}
	for _, name := range []string{
		"WATCH_WEB", "WATCH_PORT", "WATCH_OPEN",
	} {
		if getenv("EXECKIT_MCP_"+name) != "" {
			return Settings{}, errdefs.New(errdefs.Unsupported, "EXECKIT_MCP_%s is not available in this version", name).
				WithHint("unset it if the server may run without it")
		}
	}
	var err error
	if s.Audit, err = auditFrom(getenv); err != nil {
		return Settings{}, err
	}
	if s.SSH, err = sshSettings(getenv); err != nil {
		return Settings{}, err
	}
	if text := getenv("EXECKIT_MCP_QUOTAS"); text != "" {
		if _, err := rpc.QuotasOf([]byte(text)); err != nil {
			return Settings{}, fmt.Errorf("EXECKIT_MCP_QUOTAS: %w", err)
		}
		s.Quotas = json.RawMessage(text)
	}
	if file := getenv("EXECKIT_MCP_POLICY_FILE"); file != "" {
		object, err := execkit.PolicyObject(file)
		if err == nil {
			_, err = execkit.LoadPolicy(object)
		}
		if err != nil {
			return Settings{}, fmt.Errorf("EXECKIT_MCP_POLICY_FILE: %w", err)
		}
		s.Policy = object
	}
	return s, nil
}
