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

// auditFrom reads where sessions are recorded: in one log (EXECKIT_MCP_AUDIT), or in a directory with a log for each
// session (EXECKIT_MCP_AUDIT_DIR, which wins), where old ones are deleted now. A log that cannot be written must keep
// the server from starting, not each session from opening.
func auditFrom(getenv func(string) string) (*wire.Audit, error) {
	path, dir := getenv("EXECKIT_MCP_AUDIT"), getenv("EXECKIT_MCP_AUDIT_DIR")
	days, given, err := retentionDays(getenv("EXECKIT_MCP_AUDIT_RETENTION_DAYS"))
	switch {
	case err != nil:
		return nil, err
	case dir != "":
		if !given {
			days = defaultRetentionDays
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT_DIR: %v", err)
		}
		return &wire.Audit{Dir: dir}, prune(dir, days)
	case path != "":
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT: %s is in no directory that exists", errdefs.Quote(path))
		}
		return &wire.Audit{Path: path, RetentionDays: days}, nil
	case given && days > 0:
		return nil, errdefs.New(errdefs.InvalidArgument, "EXECKIT_MCP_AUDIT_RETENTION_DAYS is set and no log is").
			WithHint("set EXECKIT_MCP_AUDIT or EXECKIT_MCP_AUDIT_DIR")
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
