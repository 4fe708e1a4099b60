package execkit

import "github.com/execkit/execkit/core/errdefs"

// Error is the type of every error that this package returns.
type Error = errdefs.Error

// The failure classes, for errors.Is. docs/errors.md describes each.
var (
	ErrInvalidArgument    error = errdefs.Sentinel(errdefs.InvalidArgument)
	ErrSyntaxError        error = errdefs.Sentinel(errdefs.SyntaxError)
	ErrUnauthenticated    error = errdefs.Sentinel(errdefs.Unauthenticated)
	ErrHostKeyUnknown     error = errdefs.Sentinel(errdefs.HostKeyUnknown)
	ErrHostKeyChanged     error = errdefs.Sentinel(errdefs.HostKeyChanged)
	ErrForkedProcess      error = errdefs.Sentinel(errdefs.ForkedProcess)
	ErrBlocked            error = errdefs.Sentinel(errdefs.Blocked)
	ErrApprovalRequired   error = errdefs.Sentinel(errdefs.ApprovalRequired)
	ErrCancelled          error = errdefs.Sentinel(errdefs.Cancelled)
	ErrSessionNotFound    error = errdefs.Sentinel(errdefs.SessionNotFound)
	ErrSessionClosed      error = errdefs.Sentinel(errdefs.SessionClosed)
	ErrSessionBusy        error = errdefs.Sentinel(errdefs.SessionBusy)
	ErrUnavailable        error = errdefs.Sentinel(errdefs.Unavailable)
	ErrTargetNotFound     error = errdefs.Sentinel(errdefs.TargetNotFound)
	ErrShellNotFound      error = errdefs.Sentinel(errdefs.ShellNotFound)
	ErrConnectionLost     error = errdefs.Sentinel(errdefs.ConnectionLost)
	ErrUnsupported        error = errdefs.Sentinel(errdefs.Unsupported)
	ErrQuotaExceeded      error = errdefs.Sentinel(errdefs.QuotaExceeded)
	ErrLimitExceeded      error = errdefs.Sentinel(errdefs.LimitExceeded)
	ErrCheckpointNotFound error = errdefs.Sentinel(errdefs.CheckpointNotFound)
	ErrSnapshotInvalid    error = errdefs.Sentinel(errdefs.SnapshotInvalid)
	ErrStdinNotAttached   error = errdefs.Sentinel(errdefs.StdinNotAttached)
	ErrInternal           error = errdefs.Sentinel(errdefs.Internal)
	ErrAuditFailed        error = errdefs.Sentinel(errdefs.AuditFailed)
)
