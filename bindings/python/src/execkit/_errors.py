# Made by tools/generrors from core/errdefs/table.go; do not edit.
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


class InvalidArgument(Error, ValueError):
    """A request is malformed: an unknown method or field, a wrong type, a value out of range."""

    code = "invalid_argument"


class CommandSyntaxError(Error, ValueError):
    """The command is not valid shell; only where the policy had to parse it."""

    code = "syntax_error"


class Blocked(Error, PermissionError):
    """The policy, the intercept, an approver or a limit refused the command; it did not run."""

    code = "blocked"


class ApprovalRequired(Blocked):
    """The command needs a person's approval and nobody could be asked; it did not run."""

    code = "approval_required"


class Cancelled(Error):
    """The caller cancelled the call; a running command was stopped."""

    code = "cancelled"


class SessionNotFound(Error, LookupError):
    """No session has this id."""

    code = "session_not_found"


class SessionClosed(Error, RuntimeError):
    """The session was closed, by the caller or because its shell ended with on_exit 'close'."""

    code = "session_closed"


class SessionBusy(Error, RuntimeError):
    """Another command is running in the session."""

    code = "session_busy"


class Unavailable(Error, ConnectionError):
    """The target cannot be reached or cannot open a shell."""

    code = "unavailable"


class Unauthenticated(Error, PermissionError):
    """The target refused every credential that was tried."""

    code = "unauthenticated"


class HostKeyUnknown(Error, ConnectionError):
    """The server's host key is in no known_hosts file."""

    code = "host_key_unknown"


class HostKeyChanged(Error, ConnectionError):
    """The server's host key is not the one that is known for it."""

    code = "host_key_changed"


class TargetNotFound(Error, LookupError):
    """The host, container or pod that the target names does not exist."""

    code = "target_not_found"


class ShellNotFound(Error, FileNotFoundError):
    """The target has no usable shell."""

    code = "shell_not_found"


class ConnectionLost(Error, ConnectionError):
    """The connection broke while a command ran; whether it finished is not known."""

    code = "connection_lost"


class StdinNotAttached(Error, BrokenPipeError):
    """Input was written to a command that takes none."""

    code = "stdin_not_attached"


class LimitExceeded(Error, OSError):
    """A fixed limit of the library was reached, such as the size of a request."""

    code = "limit_exceeded"


class QuotaExceeded(Error, OSError):
    """A quota that the caller set for the session was used up."""

    code = "quota_exceeded"


class Unsupported(Error, NotImplementedError):
    """The transport, shell, platform or build cannot do what was asked."""

    code = "unsupported"


class CheckpointNotFound(Error, LookupError):
    """No checkpoint has this id."""

    code = "checkpoint_not_found"


class SnapshotInvalid(Error, ValueError):
    """A snapshot is damaged, of another version, or the passphrase is wrong."""

    code = "snapshot_invalid"


class AuditFailed(Error, OSError):
    """The audit record could not be written; the command did not run."""

    code = "audit_failed"


class ForkedProcess(Error, RuntimeError):
    """The library was loaded before this process was forked and cannot be used in the child."""

    code = "forked_process"


class InternalError(Error, RuntimeError):
    """A defect of execkit; please report it."""

    code = "internal"


BY_CODE: dict[str, type[Error]] = {
    "invalid_argument": InvalidArgument,
    "syntax_error": CommandSyntaxError,
    "blocked": Blocked,
    "approval_required": ApprovalRequired,
    "cancelled": Cancelled,
    "session_not_found": SessionNotFound,
    "session_closed": SessionClosed,
    "session_busy": SessionBusy,
    "unavailable": Unavailable,
    "unauthenticated": Unauthenticated,
    "host_key_unknown": HostKeyUnknown,
    "host_key_changed": HostKeyChanged,
    "target_not_found": TargetNotFound,
    "shell_not_found": ShellNotFound,
    "connection_lost": ConnectionLost,
    "stdin_not_attached": StdinNotAttached,
    "limit_exceeded": LimitExceeded,
    "quota_exceeded": QuotaExceeded,
    "unsupported": Unsupported,
    "checkpoint_not_found": CheckpointNotFound,
    "snapshot_invalid": SnapshotInvalid,
    "audit_failed": AuditFailed,
    "forked_process": ForkedProcess,
    "internal": InternalError,
}
