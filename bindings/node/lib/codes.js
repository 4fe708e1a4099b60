// Made by tools/generrors from core/errdefs/table.go; do not edit.
'use strict';

// Code, class name and, where it is not the root, the code of the parent.
module.exports = [
  ['invalid_argument', 'InvalidArgument'],
  ['syntax_error', 'CommandSyntaxError'],
  ['blocked', 'Blocked'],
  ['approval_required', 'ApprovalRequired', 'blocked'],
  ['cancelled', 'Cancelled'],
  ['session_not_found', 'SessionNotFound'],
  ['session_closed', 'SessionClosed'],
  ['session_busy', 'SessionBusy'],
  ['unavailable', 'Unavailable'],
  ['unauthenticated', 'Unauthenticated'],
  ['host_key_unknown', 'HostKeyUnknown'],
  ['host_key_changed', 'HostKeyChanged'],
  ['target_not_found', 'TargetNotFound'],
  ['shell_not_found', 'ShellNotFound'],
  ['connection_lost', 'ConnectionLost'],
  ['stdin_not_attached', 'StdinNotAttached'],
  ['limit_exceeded', 'LimitExceeded'],
  ['quota_exceeded', 'QuotaExceeded'],
  ['unsupported', 'Unsupported'],
  ['checkpoint_not_found', 'CheckpointNotFound'],
  ['snapshot_invalid', 'SnapshotInvalid'],
  ['audit_failed', 'AuditFailed'],
  ['forked_process', 'ForkedProcess'],
  ['internal', 'InternalError'],
];
