// What callers give: the options of sessions and of commands, policies, and the questions that are answered.

/// <reference types="node" />

import type { Policy } from '../index.js';
import type { Decision, Workspace } from './results.js';

/** Bounds what a result returns of each stream. The `max…` values are hard caps. */
export interface Budget {
  maxTokens?: number;
  maxChars?: number;
  maxLines?: number;
  /** Which part is kept; the numbers are lines. */
  keep?: { mode?: 'all' | 'head' | 'tail' | 'head_tail'; n?: number; head?: number; tail?: number };
  /** Keeps the lines that match an RE2 pattern, with `context` lines around each. */
  grep?: { pattern: string; context?: number };
  compress?: 'auto' | 'off';
  stream?: 'both' | 'stdout' | 'stderr';
}

/** An object of the JSON API whose fields may be written in camelCase. */
export type Options = Record<string, unknown>;

/** One rule of a policy, with examples that are checked when the policy is loaded. */
export interface PolicyEntry {
  /** The name of the program, such as `"git"`. */
  program: string;
  /** The arguments that must come first, such as `["status"]`. */
  argsPrefix?: string[];
  /** Arguments that the entry does not stand for, such as `["--upload-pack"]`. */
  argsDeny?: string[];
  /** Told when the entry decides. */
  reason?: string;
  /** Commands that this entry must decide. */
  match?: string[];
  /** Commands that this entry must not decide. */
  notMatch?: string[];
}

/** A program (`"ls"`), a program with leading arguments (`"systemctl status"`) or an object. */
export type PolicyRule = string | PolicyEntry;

/** What a policy says. The strictest decision that matches wins. */
export interface PolicyFields {
  /** What happens to a command that no entry decides. Default: `"deny"` if `allow` has entries, otherwise `"allow"`. */
  default?: 'deny' | 'ask' | 'allow';
  allow?: PolicyRule[];
  ask?: PolicyRule[];
  deny?: PolicyRule[];
  /** RE2 patterns; a command with a match is denied. */
  denyPatterns?: string[];
  /** What happens to known dangerous commands; `off` names rules to leave out. Default: `"ask"`. */
  intercept?: 'ask' | 'deny' | 'off' | { mode?: 'ask' | 'deny' | 'off'; off?: string[] };
  /** The trees that redirections may write to, and the kernel's part lets a program write to. */
  write?: string[];
  /** Patterns of variables that a command may not set. */
  env?: { deny?: string[] };
  /** Whether an interpreter or a terminal may be written to. Default: false. */
  interactive?: boolean;
  /** The kernel's part of a fence: where it can be had, or not without it, or never. Default: `"auto"`. */
  enforce?: 'auto' | 'require' | 'off';
  /** For the kernel's part; a list of TCP ports that may be connected to. Default: `"auto"`, open where a granted program needs it. */
  network?: 'auto' | boolean | number[];
  /** Bounds of a command's text; beyond them it is denied. */
  limits?: { maxBytes?: number; maxDepth?: number; maxCommands?: number; maxWords?: number };
}

/** What {@link redact} and the option `redact` hide beside the built-in rules. */
export interface RedactOptions {
  /** Write the kind into each mark: `[REDACTED:password]`. */
  labels?: boolean;
  /** Secrets that are known. */
  values?: string[];
  /** RE2 patterns whose first group, or whole match, is a secret; the examples are checked. */
  rules?: Array<{ name: string; pattern: string; match?: string[]; notMatch?: string[] }>;
  /** Texts to leave alone. */
  allow?: string[];
  /** Kinds that are not hidden, such as `"jwt"`. */
  off?: string[];
}

/** What a person is asked. */
export interface ApprovalRequest {
  /** The command with every control and invisible character made visible: what to show. */
  command: string;
  /** The same command as it would run: what to edit. */
  text: string;
  /** The programs with their arguments that were found in it. */
  commands: string[];
  cwd: string;
  target: string;
  /** Why a person is asked. */
  reason: string;
  rules: NonNullable<Decision['rules']>;
  /** Whether what the command does cannot be taken back, or could not be understood. */
  severe: boolean;
  /** Variables of this command only, as `NAME=value`. */
  env?: string[];
  /** The first 4 KiB of what the command would read. */
  stdin?: string;
  approvalId: string;
  sessionId: string;
  digest: string;
  /** How much time is left. */
  expiresMs: number;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/**
 * Decides on one command: true runs it, a text runs that command instead (it is judged again, and asked about again if need
 * be), and anything else, an error too, blocks it. An error becomes the `cause` of {@link Blocked}.
 */
export type Approver = (request: ApprovalRequest) => boolean | string | Promise<boolean | string>;

/** What a server, or a locked key, wants to know while a session connects. */
export interface Question {
  /** `host_key` asks whether an unknown key is believed: `yes`, or its fingerprint. */
  kind: 'password' | 'passphrase' | 'keyboard_interactive' | 'host_key' | (string & {});
  target: string;
  /** The server's own words, with control characters made visible. */
  text: string;
  /** Whether the answer may be shown while it is typed. */
  echo: boolean;
  questionId: string;
  /** How much time is left. */
  expiresMs: number;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/**
 * Answers a question; null or undefined refuses, and so does an error, which becomes the `cause` of
 * {@link Unauthenticated}. An answer is a secret of the session from then on.
 */
export type Asker = (question: Question) => string | null | undefined | Promise<string | null | undefined>;

/** The audit log of a session. One file serves any number of sessions and processes. */
export interface AuditOptions {
  /** The file; it is made with mode 0600 where there is none. */
  path?: string;
  /** In place of `path`: a directory with a file for each session. */
  dir?: string;
  /** A second file for the head, best on another disk: with it, a cut end and a log written anew are seen. */
  headPath?: string;
  /** An Ed25519 private key of OpenSSH that signs the head; `ssh-keygen -Y verify` checks it. */
  signKey?: string;
  /** A program with arguments that gets every new head on standard input, at most once a second. */
  headCommand?: string[];
  syslog?: boolean;
  /** Sends every new head to the collector that the OTEL_* variables name, as a log record. */
  otlp?: boolean;
  /** Has a record on the disk before the command runs. */
  fsync?: boolean;
  /** What happens to commands where the log cannot be written. Default: `"block"`. */
  onFailure?: 'block' | 'continue';
  label?: string;
  rotateBytes?: number;
  retentionDays?: number;
  /** How much of each stream is recorded. Default: 1024; -1 for nothing. */
  outputBytes?: number;
  lockTimeoutMs?: number;
}

/** Which records {@link queryAudit} returns; everything that is set must fit. */
export interface AuditQuery {
  session?: string;
  label?: string;
  exec?: string;
  kinds?: string[];
  /** A part of the command. */
  contains?: string;
  fromSeq?: number;
  toSeq?: number;
  sinceMs?: number;
  untilMs?: number;
  limit?: number;
  /** The last ones instead of the first ones. */
  last?: boolean;
  signal?: AbortSignal;
}

/** The options of {@link Session.ssh} beside those of a session. */
export interface SSHOptions {
  user?: string;
  port?: number;
  /** A private key file, its passphrase and an OpenSSH certificate for it. */
  keyPath?: string;
  keyPassphrase?: string;
  certificatePath?: string;
  password?: string;
  /** Whether the agent at SSH_AUTH_SOCK is asked. Default: true. */
  agent?: boolean;
  /** An ssh configuration file, or false for none. Default: the user's and the system's. */
  config?: string | false;
  knownHosts?: string | string[];
  /** Default: `"strict"`, and `"pin"` with a fingerprint. */
  hostKey?: 'strict' | 'accept_new' | 'ask' | 'pin' | 'insecure_accept_any';
  /** `SHA256:…` as `ssh-keygen -l` prints it. */
  fingerprint?: string;
  jump?: string;
  connectTimeoutMs?: number;
  keepaliveMs?: number;
  pool?: boolean;
}

/** The options of {@link Session.docker} beside those of a session. */
export interface DockerOptions {
  /** The engine: `unix:///path`, `tcp://host:port` or `ssh://user@host`. Default: as the docker command finds it. */
  host?: string;
  /** A context of the docker command. */
  context?: string;
  user?: string;
  workdir?: string;
  /** PEM files for an engine behind TLS. */
  tls?: { ca?: string; cert?: string; key?: string };
  privileged?: boolean;
}

/** The options of {@link Session.k8s} beside those of a session. */
export interface K8sOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  container?: string;
  /** Chooses a pod by its labels, in place of a name. */
  selector?: string;
  /** The user to impersonate. */
  as?: string;
  protocol?: 'auto' | 'websocket' | 'spdy';
}

/** The options of {@link Session.sandbox} beside those of a session. */
export interface SandboxOptions {
  /** The trees that may be read besides the system's own and those of `write`. Default: everything. */
  read?: string | string[];
  /** The trees that may be written. Default: the session's first directory. */
  write?: string | string[];
  /** True for an open network, or the TCP ports that may be connected to. Default: none. */
  network?: boolean | number[];
}

/**
 * What the commands of a session may use in all. A command that goes beyond is stopped and rejects with {@link QuotaExceeded}.
 * Those of processes and files are for sessions on this machine.
 */
export interface Quotas {
  cpuMs?: number;
  memoryBytes?: number;
  processes?: number;
  /** Of each file that is written. */
  fileBytes?: number;
  outputBytes?: number;
  commands?: number;
  /** How long the session lives. */
  wallMs?: number;
}

/** The options of {@link Session.create}. Nested objects take camelCase keys; names in `env` are sent as they are. */
export interface CreateOptions {
  /** A target URL such as `"local"`, or the object it stands for. Default: `"local"`. */
  transport?: string | ({ type: string } & Options);
  /** What may run. Default: everything that the intercept does not ask about. */
  policy?: Policy | PolicyFields;
  /** What is hidden in output, in events and in the command of a result. Default: true. */
  redact?: boolean | RedactOptions;
  budget?: Budget;
  /** The tamper-evident log in which everything is recorded: its path, or an object. */
  audit?: string | AuditOptions;
  /** The first directory; a URL is one of `file:`. Default: that of this process, on this machine. */
  cwd?: string | URL;
  /** Added to the environment; `null` removes a variable. */
  env?: Record<string, string | null>;
  /** Whether the session starts from the environment of this process. Default: true. */
  inheritEnv?: boolean;
  shell?: string;
  /** The default deadline of a command, in milliseconds. Default: 30,000; 0 for none. */
  timeoutMs?: number;
  /** After how long without a call and without a running command the session is closed. Default: never. */
  idleTimeoutMs?: number;
  /** What happens when a command ends the shell. Default: `"restart"`. */
  onExit?: 'restart' | 'close';
  workspace?: string | Workspace;
  /** What the session's commands may use in all. Default: no bounds. */
  quotas?: Quotas;
  ssh?: SSHOptions & { host?: string };
  docker?: DockerOptions & { container?: string; env?: Record<string, string | null> };
  k8s?: K8sOptions & { pod?: string };
  sandbox?: SandboxOptions;
  reconnect?: boolean;
  label?: string;
  /** Asks a person where the policy or the intercept wants one. Without it such a command rejects with {@link ApprovalRequired}. */
  onApproval?: Approver | null;
  /** Answers what a server asks while the session connects or reconnects, such as a password or a one-time code. */
  onQuestion?: Asker | null;
  /** How long a person has to answer; no answer is a no. Default: 600,000. */
  approvalTimeoutMs?: number;
  /** Aborts the opening; the promise rejects with an `AbortError`. It has no effect on the open session. */
  signal?: AbortSignal;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/** The options of {@link Session.stream}. */
export interface StreamOptions {
  /** The deadline of this command, in milliseconds. Default: the session's; 0 for none. */
  timeoutMs?: number;
  /** What the command reads. Default: end of file at once. */
  stdin?: string | Uint8Array;
  /** Replaces the session's budget. */
  budget?: Budget;
  /** The directory of this command only; a URL is one of `file:`. */
  cwd?: string | URL;
  /** Variables of this command only; `null` removes one. */
  env?: Record<string, string | null>;
  /** Return both streams as base64 of the bytes as they came. */
  raw?: boolean;
  /** Replaces the session's; null asks nobody. */
  onApproval?: Approver | null;
  /**
   * Stops the command. The promise rejects with an `AbortError` (code `ABORT_ERR`) once it has stopped, and the session
   * stays usable.
   */
  signal?: AbortSignal;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/** The options of {@link Session.exec}. */
export interface ExecOptions extends StreamOptions {
  /** Reject with {@link CommandFailed} if the exit code is not 0. */
  check?: boolean;
  /** Return after this time with what there is, and leave the command running as a job; sooner when it waits for input. */
  yieldMs?: number;
  /** With `yieldMs`: keep the input open, or run the command on a terminal. */
  stdinOpen?: boolean;
  tty?: boolean | { rows?: number; cols?: number };
}

/** How input is given to a command that runs. */
export interface WriteOptions {
  /** The command's input when left out; for a secret the place where a password is waited for. */
  to?: 'stdin' | 'tty';
  /** Not echoed, and hidden wherever it turns up from now on in this session. */
  secret?: boolean;
  /** How long to wait for a command that does not read; 30,000 by default. */
  timeoutMs?: number;
}
