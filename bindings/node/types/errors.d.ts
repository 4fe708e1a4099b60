// The classes of the contract's errors; docs/errors.md has them with their causes.

import type { ExecResult } from './results.js';

/** The root of every execkit error. */
export class ExecKitError extends Error {
  protected constructor();
  /** The code of the class. */
  static readonly code: string;
  /** The class of the failure, such as `"EXECKIT_SESSION_CLOSED"`. */
  readonly code: string;
  /** What to do about it; may be empty. */
  readonly hint: string;
  /** Whether the command ran. */
  readonly outcome: 'not_run' | 'ran' | 'unknown';
  readonly session: 'usable' | 'closed';
  /** Further facts, by name. */
  readonly details: Record<string, unknown>;
}

/** A command run with `check: true` did not exit with 0. */
export class CommandFailed extends ExecKitError {
  readonly result: ExecResult;
}

/** A request is malformed: an unknown method or field, a wrong type, a value out of range. */
export class InvalidArgument extends ExecKitError {}

/** The command is not valid shell; only where the policy had to parse it. */
export class CommandSyntaxError extends ExecKitError {}

/** The policy, the intercept, an approver or a limit refused the command; it did not run. */
export class Blocked extends ExecKitError {}

/** The command needs a person's approval and nobody could be asked; it did not run. */
export class ApprovalRequired extends Blocked {}

/** The caller cancelled the call; a running command was stopped. */
export class Cancelled extends ExecKitError {}

/** No session has this id. */
export class SessionNotFound extends ExecKitError {}

/** The session was closed, by the caller or because its shell ended with on_exit "close". */
export class SessionClosed extends ExecKitError {}

/** Another command is running in the session. */
export class SessionBusy extends ExecKitError {}

/** The target cannot be reached or cannot open a shell. */
export class Unavailable extends ExecKitError {}

/** The target refused every credential that was tried. */
export class Unauthenticated extends ExecKitError {}

/** The server's host key is in no known_hosts file. */
export class HostKeyUnknown extends ExecKitError {}

/** The server's host key is not the one that is known for it. */
export class HostKeyChanged extends ExecKitError {}

/** The host, container or pod that the target names does not exist. */
export class TargetNotFound extends ExecKitError {}

/** The target has no usable shell. */
export class ShellNotFound extends ExecKitError {}

/** The connection broke while a command ran; whether it finished is not known. */
export class ConnectionLost extends ExecKitError {}

/** Input was written to a command that takes none. */
export class StdinNotAttached extends ExecKitError {}

/** A fixed limit of the library was reached, such as the size of a request. */
export class LimitExceeded extends ExecKitError {}

/** A quota that the caller set for the session was used up. */
export class QuotaExceeded extends ExecKitError {}

/** The transport, shell, platform or build cannot do what was asked. */
export class Unsupported extends ExecKitError {}

/** No checkpoint has this id. */
export class CheckpointNotFound extends ExecKitError {}

/** A snapshot is damaged, of another version, or the passphrase is wrong. */
export class SnapshotInvalid extends ExecKitError {}

/** The audit record could not be written; the command did not run. */
export class AuditFailed extends ExecKitError {}

/** The library was loaded before this process was forked and cannot be used in the child. */
export class ForkedProcess extends ExecKitError {}

/** A defect of execkit; please report it. */
export class InternalError extends ExecKitError {}
