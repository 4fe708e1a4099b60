package mcpserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// defaultRetentionDays is how long the log of a session is kept in a directory of them.
const defaultRetentionDays = 14

// auditFrom reads where sessions are recorded: in one log (EXECKIT_MCP_AUDIT, a path or the option audit as JSON), or in a
// directory with a log for each session (EXECKIT_MCP_AUDIT_DIR, which wins), where old ones are deleted now. A log that
// cannot be written must keep the server from starting, not each session from opening.
func auditFrom(getenv func(string) string) (*wire.Audit, error) {
	a, err := wire.ParseAudit(getenv("EXECKIT_MCP_AUDIT"))
	if err != nil {
		return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT: %s", errdefs.From(err).Message).WithHint("%s", errdefs.From(err).Hint)
	}
	if dir := getenv("EXECKIT_MCP_AUDIT_DIR"); dir != "" {
		a.Path, a.Dir = "", dir
	}
	days, given, err := retentionDays(getenv("EXECKIT_MCP_AUDIT_RETENTION_DAYS"))
	switch {
	case err != nil:
		return nil, err
	case !given:
		days = a.RetentionDays
	}
	switch {
	case a.Dir != "":
		if days == 0 && !given {
			days = defaultRetentionDays
		}
		if err := os.MkdirAll(a.Dir, 0o700); err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT_DIR: %v", err)
		}
		a.RetentionDays = 0
		return &a, prune(a.Dir, days)
	case a.Path != "":
		if info, err := os.Stat(filepath.Dir(a.Path)); err != nil || !info.IsDir() {
			return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT: %s is in no directory that exists", errdefs.Quote(a.Path))
		}
		a.RetentionDays = days
		return &a, nil
	case given && days > 0, getenv("EXECKIT_MCP_AUDIT") != "":
		return nil, errdefs.New(errdefs.InvalidArgument, "an option of the audit log is set and no log is").
			WithHint("set EXECKIT_MCP_AUDIT to a path, or EXECKIT_MCP_AUDIT_DIR")
	}
	return nil, nil
}

func retentionDays(text string) (days int, given bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	days, err = strconv.Atoi(text)
	if err != nil || days < 0 || days > 36_500 {
		return 0, false, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT_RETENTION_DAYS is %s", errdefs.Quote(text)).
			WithHint("give a whole number of days, or 0 to keep everything")
	}
	return days, true, nil
}

// prune deletes the logs of sessions that were last written too long ago. A file of another name is left alone.
func prune(dir string, days int) error {
	if days == 0 {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(filepath.Clean(dir), "s_*-*.jsonl"))
	if err != nil {
		return fmt.Errorf("EXECKIT_MCP_AUDIT_DIR: %w", err)
	}
	limit := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	for _, file := range files {
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() || info.ModTime().After(limit) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT_DIR: an old log cannot be deleted: %v", err)
		}
	}
	return nil
}
