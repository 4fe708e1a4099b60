package errdefs

// Code names a failure class on the wire. The zero value is not a valid code.
type Code string

// The failure classes, in the order in which they were added.
const (
	InvalidArgument    Code = "invalid_argument"
	SyntaxError        Code = "syntax_error"
	Blocked            Code = "blocked"
	ApprovalRequired   Code = "approval_required"
	Cancelled          Code = "cancelled"
	SessionNotFound    Code = "session_not_found"
	SessionClosed      Code = "session_closed"
	SessionBusy        Code = "session_busy"
	Unavailable        Code = "unavailable"
	Unauthenticated    Code = "unauthenticated"
	HostKeyUnknown     Code = "host_key_unknown"
	HostKeyChanged     Code = "host_key_changed"
	TargetNotFound     Code = "target_not_found"
	ShellNotFound      Code = "shell_not_found"
	ConnectionLost     Code = "connection_lost"
	StdinNotAttached   Code = "stdin_not_attached"
	LimitExceeded      Code = "limit_exceeded"
	QuotaExceeded      Code = "quota_exceeded"
	Unsupported        Code = "unsupported"
	CheckpointNotFound Code = "checkpoint_not_found"
	SnapshotInvalid    Code = "snapshot_invalid"
	AuditFailed        Code = "audit_failed"
	ForkedProcess      Code = "forked_process"
	Internal           Code = "internal"
)

// A Class is one row of [Table]: what every language needs to know about a code.
type Class struct {
	Code Code
	// Name is the class name in PascalCase, used by the bindings (Python's execkit.HostKeyChanged).
	Name string
	// Parent is the code whose class this one extends, or "" for the root class.
	Parent Code
	// Builtin is the Python builtin that the class also inherits, so that callers who know nothing of execkit can
	// still catch the natural exception: RuntimeError for an object in a state that does not allow the call, as with
	// other clients that are closed or busy; BrokenPipeError for input that nobody reads; OSError, as EDQUOT and E2BIG,
	// for what is too much. Empty where the parent has one, and for Cancelled: what catches a builtin in order to
	// go on must not catch the wish to stop.
	Builtin string
	// Summary is one sentence for the documentation.
	Summary string
}

// Table holds every failure class once. It is read-only.
var Table = []Class{
	{InvalidArgument, "InvalidArgument", "", "ValueError", "A request is malformed: an unknown method or field, a wrong type, a value out of range."},
	{SyntaxError, "CommandSyntaxError", "", "ValueError", "The command is not valid shell; only where the policy had to parse it."},
	{Blocked, "Blocked", "", "PermissionError", "The policy, the intercept, an approver or a limit refused the command; it did not run."},
	{ApprovalRequired, "ApprovalRequired", Blocked, "", "The command needs a person's approval and nobody could be asked; it did not run."},
	{Cancelled, "Cancelled", "", "", "The caller cancelled the call; a running command was stopped."},
	{SessionNotFound, "SessionNotFound", "", "LookupError", "No session has this id."},
	{SessionClosed, "SessionClosed", "", "RuntimeError", "The session was closed, by the caller or because its shell ended with on_exit \"close\"."},
	{SessionBusy, "SessionBusy", "", "RuntimeError", "Another command is running in the session."},
	{Unavailable, "Unavailable", "", "ConnectionError", "The target cannot be reached or cannot open a shell."},
	{Unauthenticated, "Unauthenticated", "", "PermissionError", "The target refused every credential that was tried."},
	{HostKeyUnknown, "HostKeyUnknown", "", "ConnectionError", "The server's host key is in no known_hosts file."},
	{HostKeyChanged, "HostKeyChanged", "", "ConnectionError", "The server's host key is not the one that is known for it."},
	{TargetNotFound, "TargetNotFound", "", "LookupError", "The host, container or pod that the target names does not exist."},
	{ShellNotFound, "ShellNotFound", "", "FileNotFoundError", "The target has no usable shell."},
	{ConnectionLost, "ConnectionLost", "", "ConnectionError", "The connection broke while a command ran; whether it finished is not known."},
	{StdinNotAttached, "StdinNotAttached", "", "BrokenPipeError", "Input was written to a command that takes none."},
	{LimitExceeded, "LimitExceeded", "", "OSError", "A fixed limit of the library was reached, such as the size of a request."},
	{QuotaExceeded, "QuotaExceeded", "", "OSError", "A quota that the caller set for the session was used up."},
	{Unsupported, "Unsupported", "", "NotImplementedError", "The transport, shell, platform or build cannot do what was asked."},
	{CheckpointNotFound, "CheckpointNotFound", "", "LookupError", "No checkpoint has this id."},
	{SnapshotInvalid, "SnapshotInvalid", "", "ValueError", "A snapshot is damaged, of another version, or the passphrase is wrong."},
	{AuditFailed, "AuditFailed", "", "OSError", "The audit record could not be written; the command did not run."},
	{ForkedProcess, "ForkedProcess", "", "RuntimeError", "The library was loaded before this process was forked and cannot be used in the child."},
	{Internal, "InternalError", "", "RuntimeError", "A defect of execkit; please report it."},
}

// Lookup returns the row of a code.
func Lookup(c Code) (Class, bool) {
	for _, row := range Table {
		if row.Code == c {
			return row, true
		}
	}
	return Class{}, false
}
