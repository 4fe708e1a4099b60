package wire

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Workspace says which files checkpoints hold; in a request a string stands for its path. Auto, true when absent, makes a
// checkpoint before each command that may write.
type Workspace struct {
	Path string `json:"path"`
	// Paths, if given, are the parts of the workspace that alone are saved; Ignore holds patterns as in .gitignore.
	Paths  []string `json:"paths,omitempty"`
	Ignore []string `json:"ignore,omitempty"`
	Auto   *bool    `json:"auto,omitempty"`
	// MaxBytes bounds the store, MaxFileBytes one file, MaxFiles the number of files.
	MaxBytes     int64 `json:"max_bytes,omitempty"`
	MaxFileBytes int64 `json:"max_file_bytes,omitempty"`
	MaxFiles     int   `json:"max_files,omitempty"`
	// Store is the directory that checkpoints are kept in, on the host.
	Store string `json:"store,omitempty"`
	// AllowWide lets "/" or a home directory be the workspace.
	AllowWide bool `json:"allow_wide,omitempty"`
}

// CheckpointCreate is the request of checkpoint.create.
type CheckpointCreate struct {
	SessionID string `json:"session_id"`
	Label     string `json:"label,omitempty"`
}

// Checkpoint is the result of checkpoint.create and an entry of checkpoint.list.
type Checkpoint struct {
	ID    string `json:"id"`
	Label string `json:"label"`
	// Auto says that it was made by itself: before Command, which then changed so many paths, or before a restore.
	Auto    bool   `json:"auto"`
	Command string `json:"command,omitempty"`
	Changed int    `json:"changed,omitempty"`
	// Parent is the checkpoint that the workspace stood on; Current marks the one that it stands on now.
	Parent    string `json:"parent,omitempty"`
	Current   bool   `json:"current"`
	CreatedMS int64  `json:"created_ms"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	// Unsaved counts what was there and is not held: too large, unreadable, special files, mount points.
	Unsaved int `json:"unsaved,omitempty"`
}

// CheckpointList is the result of checkpoint.list, the oldest first.
type CheckpointList struct {
	Workspace   string       `json:"workspace"`
	Checkpoints []Checkpoint `json:"checkpoints"`
}

// CheckpointRef is the request of checkpoint.delete.
type CheckpointRef struct {
	SessionID  string `json:"session_id"`
	Checkpoint string `json:"checkpoint"`
}

// CheckpointDiffRequest is the request of checkpoint.diff. Against is another checkpoint; the workspace as it is when
// absent. MaxBytes bounds all patches together.
type CheckpointDiffRequest struct {
	SessionID  string   `json:"session_id"`
	Checkpoint string   `json:"checkpoint"`
	Against    string   `json:"against,omitempty"`
	Paths      []string `json:"paths,omitempty"`
	MaxBytes   int      `json:"max_bytes,omitempty"`
}

// CheckpointDiff is its result. Patch is all patches in one, redacted.
type CheckpointDiff struct {
	Checkpoint string     `json:"checkpoint"`
	Against    string     `json:"against,omitempty"`
	Files      []FileDiff `json:"files"`
	Patch      string     `json:"patch"`
	Truncated  bool       `json:"truncated"`
}

// Path is a path relative to the workspace. Where its bytes are not UTF-8, they are in PathB64, and Path is for reading.
type Path struct {
	Path    string `json:"path"`
	PathB64 string `json:"path_b64,omitempty"`
}

// PathOf makes a Path of the bytes of a name.
func PathOf(name string) Path {
	if utf8.ValidString(name) {
		return Path{Path: name}
	}
	return Path{Path: strings.ToValidUTF8(name, "\uFFFD"), PathB64: base64.StdEncoding.EncodeToString([]byte(name))}
}

// FileDiff is the difference at one path. Change is added, deleted, modified, mode or type. Modes are octal.
type FileDiff struct {
	Path
	Change    string `json:"change"`
	OldKind   string `json:"old_kind,omitempty"`
	NewKind   string `json:"new_kind,omitempty"`
	OldMode   string `json:"old_mode,omitempty"`
	NewMode   string `json:"new_mode,omitempty"`
	OldBytes  int64  `json:"old_bytes"`
	NewBytes  int64  `json:"new_bytes"`
	Binary    bool   `json:"binary,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
}

// CheckpointRestore is the request of checkpoint.restore. Preview only tells what it would do. Overwrite also restores
// what was changed from outside.
type CheckpointRestore struct {
	SessionID  string `json:"session_id"`
	Checkpoint string `json:"checkpoint"`
	Preview    bool   `json:"preview,omitempty"`
	Overwrite  bool   `json:"overwrite,omitempty"`
}

// CheckpointRestored is its result. The lists are cut at a thousand entries; the counts are not.
type CheckpointRestored struct {
	Checkpoint string `json:"checkpoint"`
	Preview    bool   `json:"preview"`
	// Saved is the checkpoint of the state before, which takes the restore back.
	Saved    string `json:"saved,omitempty"`
	Created  int    `json:"created"`
	Replaced int    `json:"replaced"`
	Deleted  int    `json:"deleted"`
	Modes    int    `json:"modes"`
	// Changes are the paths that were, or would be, changed.
	Changes []RestoreChange `json:"changes"`
	// Conflicts were left alone because of changes from outside, Kept because nobody but outside ever made them, and
	// Failed are those that could not be restored.
	Conflicts []RestoreNote `json:"conflicts"`
	Kept      []RestoreNote `json:"kept"`
	Failed    []RestoreNote `json:"failed"`
}

// RestoreChange is one changed path: Do is create, replace, delete or mode.
type RestoreChange struct {
	Path
	Do   string `json:"do"`
	Kind string `json:"kind"`
}

// RestoreNote is a path and a reason.
type RestoreNote struct {
	Path
	Reason string `json:"reason"`
}

// SnapshotSave is the request of snapshot.save. The snapshot is written to Path on the host, or returned where that is
// empty. It is encrypted for a passphrase or for age recipients. Secrets are left out unless IncludeSecrets is set.
type SnapshotSave struct {
	SessionID      string   `json:"session_id"`
	Path           string   `json:"path,omitempty"`
	Passphrase     string   `json:"passphrase,omitempty"`
	Recipients     []string `json:"recipients,omitempty"`
	IncludeSecrets bool     `json:"include_secrets,omitempty"`
}

// SnapshotSaved is its result. Redacted names what was left out.
type SnapshotSaved struct {
	Path      string   `json:"path,omitempty"`
	DataB64   string   `json:"data_b64,omitempty"`
	Bytes     int      `json:"bytes"`
	Variables int      `json:"variables"`
	Functions int      `json:"functions"`
	Aliases   int      `json:"aliases"`
	Redacted  []string `json:"redacted"`
	// Incomplete names what the shell cannot tell.
	Incomplete []string `json:"incomplete,omitempty"`
}

// SnapshotRestore is the request of snapshot.restore: a new session, opened as Session says, that gets the state of the
// snapshot.
type SnapshotRestore struct {
	Path       string        `json:"path,omitempty"`
	DataB64    string        `json:"data_b64,omitempty"`
	Passphrase string        `json:"passphrase,omitempty"`
	Identities []string      `json:"identities,omitempty"`
	Session    SessionCreate `json:"session"`
}

// SnapshotRestored is its result: the new session, what was restored and what was refused, each with its reason.
type SnapshotRestored struct {
	SessionInfo
	Restored []string  `json:"restored"`
	Refused  []Refused `json:"refused"`
	Redacted []string  `json:"redacted"`
}

// Refused is a part of a snapshot that was not restored. Kind is cwd, variable, umask, option, alias or function.
type Refused struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}
