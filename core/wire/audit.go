package wire

import (
	"encoding/json"
	"strings"
)

// Audit is the audit option of session.create, which may also be a path alone.
type Audit struct {
	// Path is the log, one file for any number of sessions and processes; Dir, in its place, a directory with a file
	// for each session.
	Path string `json:"path,omitempty"`
	Dir  string `json:"dir,omitempty"`
	// HeadPath is a second file for the head; SignKey an Ed25519 private key of OpenSSH that signs it.
	HeadPath string `json:"head_path,omitempty"`
	SignKey  string `json:"sign_key,omitempty"`
	// HeadCommand is a program with arguments that gets every new head on standard input, at most once a second.
	HeadCommand []string `json:"head_command,omitempty"`
	Syslog      bool     `json:"syslog,omitempty"`
	// OTLP sends it to the collector that the OTEL_* variables name, as a log record.
	OTLP bool `json:"otlp,omitempty"`
	// Fsync has a record on the disk before the command runs.
	Fsync bool `json:"fsync,omitempty"`
	// OnFailure is "block" (the default) or "continue": what happens to commands where the log cannot be written.
	OnFailure string `json:"on_failure,omitempty"`
	Label     string `json:"label,omitempty"`
	// RotateBytes starts a next file; 64 MiB when absent, -1 for never. RetentionDays deletes older files.
	RotateBytes   int64 `json:"rotate_bytes,omitempty"`
	RetentionDays int   `json:"retention_days,omitempty"`
	// OutputBytes is how much of each stream is recorded: 1,024 when absent, -1 for nothing.
	OutputBytes   int   `json:"output_bytes,omitempty"`
	LockTimeoutMS int64 `json:"lock_timeout_ms,omitempty"`
}

// ParseAudit reads the option as it is written in a flag or a variable: a path, or the object as JSON.
func ParseAudit(text string) (a Audit, err error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return Audit{Path: text}, nil
	}
	return a, Decode([]byte(text), &a)
}

// AuditVerify is the request of audit.verify. Head is the path of the head file, "COUNT:HASH", or {"count","hash"} as
// an earlier audit.verify returned it; Heads is a file in which heads were published among other text, such as what a
// collector or syslog wrote; PublicKey must have signed the head file.
type AuditVerify struct {
	Path      string          `json:"path"`
	Head      json.RawMessage `json:"head,omitempty"`
	Heads     string          `json:"heads,omitempty"`
	PublicKey string          `json:"public_key,omitempty"`
}
