/**
 * Shell sessions for agents: the safety layer that lets an AI agent run shell commands on real infrastructure.
 *
 * ```js
 * import { Session } from 'execkit';
 *
 * const session = await Session.create({ transport: 'local' });
 * const result = await session.exec('cd /tmp && ls');
 * console.log(result.exitCode, result.cwd, result.stdout);
 * await session.close();
 * ```
 *
 * @packageDocumentation
 */
/// <reference types="node" />

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

/** What the budget kept of one stream. */
export interface BudgetReport {
  linesTotal: number;
  linesKept: number;
  bytesTotal: number;
  bytesKept: number;
  tokensKept: number;
  mode: string;
  /** Set when something was left out that {@link Session.readOutput} can page through. */
  outputId?: string;
}

/** A part of output that a budget left out. */
export interface OutputPart {
  text: string;
  encoding: 'utf-8' | 'base64';
  offset: number;
  /** Where to go on. */
  nextOffset: number;
  bytesTotal: number;
  linesTotal: number;
  /** How many bytes before `offset` are no longer held. */
  skipped?: number;
  /** Whether nothing follows. */
  eof: boolean;
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

/** Where a log ends. Kept elsewhere, it shows later whether the log still holds what it held. */
export interface AuditHead {
  count: number;
  hash: string;
  log?: string;
  format?: number;
  timeMs?: number;
}

/** What {@link verifyAudit} found. */
export interface AuditReport {
  ok: boolean;
  records: number;
  first: number;
  log?: string;
  head: AuditHead;
  /** The first bad record and the kind of damage; null where the log is whole. */
  firstBad: { seq: number; file?: string; line?: number; offset: number; kind: string; message: string } | null;
  /** A head was given and fits. */
  anchored: boolean;
  signed?: boolean;
  /** How many records follow a head that was kept earlier. */
  afterHead?: number;
  /** How many published heads fit. */
  heads?: number;
  files: string[];
  bytes: number;
  /** What was mended after a crash. */
  recovered?: Array<{ seq: number; tornBytes?: number; unanchored?: number }>;
  clockBack?: number;
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

/** What is known of an open session. */
export interface SessionInfo {
  sessionId: string;
  transport: string;
  target: string;
  shell: string;
  pid: number;
  cwd: string;
  capabilities: string[];
  enforcement: Record<string, unknown>;
  warnings?: string[];
  label?: string;
}

/** A part of the command's text, in bytes. */
export interface Span {
  start: number;
  end: number;
}

/** The verdict of the policy. */
export interface Decision {
  decision: 'allow' | 'ask' | 'deny';
  reason?: string;
  rules?: Array<{ id: string; decision: string; reason?: string; span?: Span }>;
  approvedBy?: string;
}

/** What {@link policyCheck} found. */
export interface Verdict extends Decision {
  rules: NonNullable<Decision['rules']>;
  /** The part of the command that the decision is about. */
  span?: Span;
  /** The simple commands in the text. */
  commands: string[];
  /** What is odd in the policy itself. */
  warnings?: string[];
}

/** What one command came to. A non-zero exit and a timeout are results, not errors. */
export class ExecResult {
  protected constructor();
  /** The command as run, redacted. */
  readonly command: string;
  /** Text, or base64 when `encoding` says so; see `stdoutBytes`. */
  readonly stdout: string;
  readonly stderr: string;
  readonly encoding: 'utf-8' | 'base64';
  /** The shell's `$?`; 124 when `timedOut`; null only if no status could arrive. */
  readonly exitCode: number | null;
  /** The signal that ended the command, such as `"SIGKILL"`. */
  readonly signal?: string;
  /** The status of each stage of a pipeline of more than one. */
  readonly pipeStatus?: number[];
  readonly durationMs: number;
  /** The directory after the command. */
  readonly cwd: string;
  /** The change of the exported variables. */
  readonly envDelta?: { set?: Record<string, string>; unset?: string[] };
  /** The deadline hit; the output so far is here and the session is usable. */
  readonly timedOut: boolean;
  readonly truncated: boolean;
  readonly budget?: { stdout?: BudgetReport; stderr?: BudgetReport };
  readonly redactions?: Array<{ kind: string; count: number }>;
  /** The command ended the shell. The next one gets a fresh shell, unless the session was opened with onExit "close". */
  readonly shellExited: boolean;
  /** Of a command that was stopped: whether all its processes are known to be gone. */
  readonly stopConfirmed?: boolean;
  /** The connection to the target had broken, and this command ran over a new one. */
  readonly reconnected?: boolean;
  /** Background processes that the command left behind. */
  readonly jobs?: Array<{ jobId?: string; pid: number; command: string }>;
  readonly events?: Event[];
  readonly hint?: string;
  readonly decision?: Decision;
  readonly auditSeq?: number;
  /** With `yieldMs`: the command goes on as the job `jobId`, and the streams are what came so far. */
  readonly running?: boolean;
  readonly jobId?: string;
  readonly waitingForInput?: Waiting;
  /** What the terminal of a command that goes on shows. */
  readonly screen?: string;
  /** Whether the exit code is 0. */
  get ok(): boolean;
  get stdoutBytes(): Buffer;
  get stderrBytes(): Buffer;
  /** Returns this result, or throws {@link CommandFailed} if the exit code is not 0. */
  check(): this;
}

/** Output of a running command. */
export interface OutputEvent {
  type: 'stdout' | 'stderr' | 'tty';
  /** Redacted; base64 when `encoding` says so. */
  data: string;
  encoding?: 'base64';
  kind?: undefined;
  prompt?: undefined;
  fields?: undefined;
  pid?: undefined;
  result?: undefined;
}

/** The last event of a command. */
export interface FinishedEvent {
  type: 'finished';
  result: ExecResult;
  data?: undefined;
  encoding?: undefined;
  kind?: undefined;
  prompt?: undefined;
  fields?: undefined;
  pid?: undefined;
}

/** What else is told of a running command. */
export interface NoticeEvent {
  type: 'started' | 'waiting_for_input' | 'approval_required' | 'question' | 'semantic' | 'job_started' | 'truncated';
  data?: string;
  encoding?: 'base64';
  kind?: string;
  prompt?: string;
  fields?: Record<string, unknown>;
  pid?: number;
  result?: undefined;
}

/** One item of a running command; `type` tells which. A newer library may send types that are not named here: pass over them. */
export type Event = OutputEvent | FinishedEvent | NoticeEvent;

/** What a command waits for: input that it cannot go on without. */
export interface Waiting {
  on: 'stdin' | 'tty';
  /** `password` when the terminal does not show what is typed. */
  kind: 'password' | 'confirm' | 'repl' | 'other';
  prompt: string;
  pid: number;
  command: string;
}

export interface WriteOptions {
  /** The command's input when left out; for a secret the place where a password is waited for. */
  to?: 'stdin' | 'tty';
  /** Not echoed, and hidden wherever it turns up from now on in this session. */
  secret?: boolean;
  /** How long to wait for a command that does not read; 30,000 by default. */
  timeoutMs?: number;
}

/** What a terminal shows, redacted; the cursor counts from 0. */
export interface Screen {
  rows: number;
  cols: number;
  /** A line for each row. */
  text: string;
  cursorRow: number;
  cursorCol: number;
  cursorVisible: boolean;
  title?: string;
  /** A full-screen program has taken the screen over. */
  alternate?: boolean;
  png?: Buffer;
  waitingForInput?: Waiting;
}

/** A command that was started. */
export class Running {
  protected constructor();
  readonly id: string;
  /** The events, once. Leaving the loop early leaves the command running. */
  events(): AsyncGenerator<Event, void, undefined>;
  /** Gives input to the command; resolves when it is taken. */
  write(data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Presses named keys on its terminal: `enter`, `ctrl-c`, `up`, `f5`, `alt-x` or a character. */
  keys(...names: string[]): Promise<void>;
  closeStdin(): Promise<void>;
  /** Sends a signal (`INT`, `TERM`) to every process of the command; resolves to how many were reached. */
  signal(name: string): Promise<number>;
  resize(rows: number, cols: number): Promise<void>;
  screen(options?: { format?: 'text' | 'png' }): Promise<Screen>;
  /** The result; rejects with a TimeoutError after `timeoutMs`, which the command outlives. May be called again. */
  wait(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<ExecResult>;
  /** Interrupts the command, then terminates it, then kills it. */
  stop(): Promise<void>;
  /** Stops the command if it runs, and waits until it has. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A job at the moment when it was asked for: a command that goes on, or what a command left in the background. */
export class Job {
  protected constructor();
  readonly jobId: string;
  readonly sessionId: string;
  readonly command: string;
  readonly kind: 'command' | 'background';
  readonly state: 'running' | 'ended';
  readonly startedMs: number;
  readonly durationMs: number;
  readonly exitCode: number | null;
  readonly waitingForInput?: Waiting;
  readonly processes: Array<{ pid: number; ppid: number; command: string; cpuMs: number; memoryBytes: number; ports?: number[] }>;
  /** The TCP ports that it listens on. */
  readonly listening?: number[];
  readonly bytes: Record<string, number>;
  output(stream?: 'stdout' | 'stderr', options?: { offset?: number; line?: number; limit?: number }): Promise<{ text: string; encoding: string; offset: number; nextOffset: number; bytesTotal: number; linesTotal: number; skipped?: number; eof: boolean }>;
  /** Gives input to a command that exec left running; resolves to what came until it ended, waited or `yieldMs` (1,000) was over. */
  write(data: string | Uint8Array, options?: WriteOptions & { yieldMs?: number }): Promise<ExecResult>;
  /** The result of a command; null for a background job. */
  wait(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<ExecResult | null>;
  /** Ends the job with every process of it, or sends them a signal. */
  kill(signal?: string): Promise<number>;
}

export interface CallOptions {
  /** Aborts the call; the promise rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/** The files that checkpoints save; a string stands for its path. */
export interface Workspace {
  path: string;
  paths?: string[];
  /** Patterns as in .gitignore. */
  ignore?: string[];
  /** Whether a checkpoint is made before each command that may write; true by default. */
  auto?: boolean;
  maxBytes?: number;
  maxFileBytes?: number;
  maxFiles?: number;
  /** The directory that checkpoints are kept in. */
  store?: string;
  /** Lets "/" or a home directory be the workspace. */
  allowWide?: boolean;
}

export interface Checkpoint {
  id: string;
  label: string;
  auto: boolean;
  command?: string;
  changed?: number;
  parent?: string;
  current: boolean;
  createdMs: number;
  files: number;
  bytes: number;
  unsaved?: number;
}

/** Where the bytes of a name are not UTF-8, `pathB64` has them. */
export interface FilePath {
  path: string;
  pathB64?: string;
}

export interface CheckpointDiff {
  checkpoint: string;
  against?: string;
  files: (FilePath & { change: 'added' | 'deleted' | 'modified' | 'mode' | 'type'; oldKind?: string; newKind?: string; oldMode?: string; newMode?: string; oldBytes: number; newBytes: number; binary?: boolean; truncated?: boolean })[];
  patch: string;
  truncated: boolean;
}

export interface RestoredCheckpoint {
  checkpoint: string;
  preview: boolean;
  saved?: string;
  created: number;
  replaced: number;
  deleted: number;
  modes: number;
  changes: (FilePath & { do: 'create' | 'replace' | 'delete' | 'mode'; kind: string })[];
  conflicts: (FilePath & { reason: string })[];
  kept: (FilePath & { reason: string })[];
  failed: (FilePath & { reason: string })[];
}

export interface SavedSnapshot {
  path?: string;
  dataB64?: string;
  bytes: number;
  variables: number;
  functions: number;
  aliases: number;
  redacted: string[];
  incomplete?: string[];
}

export interface SessionState {
  cwd: string;
  env: Record<string, string>;
  lastExitCode: number | null;
  functions: string[];
  aliases: Record<string, string>;
  options: string[];
  umask: string;
  jobs: { pid: number; command: string }[];
  shell: string;
  shopt?: string[];
  incomplete?: string[];
}

export interface FileContent {
  path: string;
  content: string;
  encoding: 'utf-8' | 'base64';
  bytes: number;
  offset: number;
  nextOffset: number;
  eof: boolean;
}

export interface FileInfo extends FilePath {
  kind: 'file' | 'directory' | 'symbolic link' | 'other';
  mode: string;
  bytes: number;
  modifiedMs: number;
  uid: number;
  gid: number;
  target?: string;
}

/** Opens a session with the state of a snapshot: a file, or `data`. What the policy refuses is in `info.refused`. */
export function restore(path: string | URL | undefined, options?: CreateOptions & { passphrase?: string; identities?: string[]; data?: Uint8Array }): Promise<Session>;

/** A live shell with state. Close it, or declare it with `await using`. */
export class Session {
  protected constructor();
  /**
   * Opens a session.
   *
   * @throws TypeError if an option is not known.
   * @throws ExecKitError of the failure's class.
   */
  static create(options?: CreateOptions): Promise<Session>;
  /** Opens a session on this machine. */
  static local(options?: Omit<CreateOptions, 'transport'>): Promise<Session>;
  /** A session on an SSH server, as `ssh host` finds it: a host, an alias of the ssh configuration, or `[user@]host[:port]`. */
  static ssh(host: string, options?: Omit<CreateOptions, 'transport' | 'ssh'> & SSHOptions): Promise<Session>;
  /** A session in a running container, by its name or id. */
  static docker(container: string, options?: Omit<CreateOptions, 'transport' | 'docker'> & DockerOptions): Promise<Session>;
  /** A session in a pod: its name, or `[context/]namespace/pod[/container]`; undefined with the option `selector`. */
  static k8s(pod: string | undefined, options?: Omit<CreateOptions, 'transport' | 'k8s'> & K8sOptions): Promise<Session>;
  /** A session on this machine that the kernel confines: what its programs may write, read and reach. */
  static sandbox(options?: Omit<CreateOptions, 'transport' | 'sandbox'> & SandboxOptions): Promise<Session>;
  readonly id: string;
  readonly info: SessionInfo;
  /** Whether close() was called. */
  get closed(): boolean;
  /** Whether a command of this object is running. */
  get busy(): boolean;
  /** Runs a command to its end. Its directory, variables and functions stay for the next one. */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  /** Runs a command and yields its events as they come. Leaving the loop stops the command. */
  stream(command: string, options?: StreamOptions): AsyncGenerator<Event, void, undefined>;
  /**
   * Reads a part of output that a budget left out: `limit` bytes from `offset`, or `limit` lines from `line`.
   *
   * @param outputId from `result.budget.stdout.outputId` or that of stderr.
   */
  readOutput(outputId: string, options?: { offset?: number; line?: number; limit?: number; signal?: AbortSignal }): Promise<OutputPart>;
  /** Starts a command and does not wait. `stdin: 'open'` keeps its input open; `tty` runs it on a terminal. */
  start(command: string, options?: StreamOptions & { tty?: boolean | { rows?: number; cols?: number } }): Promise<Running>;
  /** Sends a signal to every process of the command that runs; resolves to how many were reached. */
  interrupt(signal?: string): Promise<number>;
  /** The session's quotas, each with its limit and, where it is counted, what is used. */
  quotas(): Promise<Partial<Record<keyof Quotas, { limit: number; used?: number }>>>;
  /** Commands that go on, and what commands left in the background. */
  jobs(): Promise<Job[]>;
  /** Saves the files of the workspace. */
  checkpoint(label?: string, options?: CallOptions): Promise<Checkpoint>;
  /** The checkpoints of the workspace, the oldest first, with those made by themselves before commands. */
  checkpoints(options?: CallOptions): Promise<Checkpoint[]>;
  /** How the workspace, or the checkpoint `against`, differs from a checkpoint. */
  diff(checkpoint: string | Checkpoint, options?: CallOptions & { against?: string | Checkpoint; paths?: string[]; maxBytes?: number }): Promise<CheckpointDiff>;
  /** Puts the workspace back to a checkpoint. What was changed from outside is left alone and told, unless `overwrite` is set. */
  restore(checkpoint: string | Checkpoint, options?: CallOptions & { preview?: boolean; overwrite?: boolean }): Promise<RestoredCheckpoint>;
  deleteCheckpoint(checkpoint: string | Checkpoint, options?: CallOptions): Promise<void>;
  /** Saves the state of the session, encrypted with age, in a file, or without a path in `dataB64`. */
  snapshot(path?: string | URL, options?: CallOptions & { passphrase?: string; recipients?: string[]; includeSecrets?: boolean }): Promise<SavedSnapshot>;
  /** Directory, environment, functions and more, redacted. */
  state(options?: CallOptions): Promise<SessionState>;
  readFile(path: string | URL, options?: CallOptions & { offset?: number; limit?: number }): Promise<FileContent>;
  /** Replaces a file as a whole. */
  writeFile(path: string | URL, content: string | Uint8Array, options?: CallOptions & { mode?: number; exclusive?: boolean; parents?: boolean }): Promise<{ path: string; bytes: number; created: boolean }>;
  listFiles(path?: string | URL, options?: CallOptions & { limit?: number }): Promise<{ path: string; entries: FileInfo[]; truncated: boolean }>;
  statFile(path: string | URL, options?: CallOptions): Promise<FileInfo>;
  /** Ends the shell and what runs in its terminal session. Closing twice is harmless. */
  close(): Promise<void>;
  /** The same as close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A policy as a value: a frozen copy of its fields. The core checks it where it is used, and InvalidArgument names a mistake. */
export class Policy {
  constructor(fields?: PolicyFields);
  /**
   * A policy under which only what `allow` lists runs.
   *
   * ```js
   * Policy.defaultDeny({ allow: ['ls', 'systemctl status', { program: 'git', argsPrefix: ['log'], argsDeny: ['--output'] }] });
   * ```
   */
  static defaultDeny(fields?: Omit<PolicyFields, 'default'>): Policy;
  /** A policy under which everything runs that `deny`, `ask` and the intercept let through. */
  static defaultAllow(fields?: Omit<PolicyFields, 'default'>): Policy;
  readonly default?: PolicyFields['default'];
  readonly allow?: PolicyRule[];
  readonly ask?: PolicyRule[];
  readonly deny?: PolicyRule[];
  readonly denyPatterns?: string[];
  readonly intercept?: PolicyFields['intercept'];
  readonly write?: string[];
  readonly env?: PolicyFields['env'];
  readonly interactive?: boolean;
  readonly enforce?: PolicyFields['enforce'];
  readonly network?: PolicyFields['network'];
  readonly limits?: PolicyFields['limits'];
}

/**
 * Asks for the verdict of a policy on a command, without running anything.
 *
 * @param policy null or undefined for the default policy.
 * @param history the commands that ran before in the same session.
 */
export function policyCheck(policy: Policy | PolicyFields | null | undefined, command: string, history?: string[]): Promise<Verdict>;

/**
 * Checks an audit log from its first record. `head` is the path of the head file, or the head of an earlier report; `heads` a
 * file in which heads were published among other text, by a collector, syslog or a head command.
 */
export function verifyAudit(path: string | URL, options?: { head?: string | AuditHead; heads?: string; publicKey?: string; signal?: AbortSignal }): Promise<AuditReport>;

/** Returns the records of an audit log that fit. */
export function queryAudit(path: string | URL, options?: AuditQuery): Promise<Array<Record<string, any> & { seq: number; kind: string; timeMs: number }>>;

/** Returns text with its secrets hidden. */
export function redact(text: string, options?: boolean | RedactOptions): Promise<string>;

/**
 * Runs one method of the JSON API, with snake_case names in and out.
 *
 * @param method such as `"output.read"`.
 * @returns the `result` of the reply.
 */
export function call(method: string, params?: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<any>;

/** What the library accepts and keeps at most. Sizes are in bytes unless the name says otherwise. */
export interface Limits {
  /** One request. */
  requestBytes: number;
  /** Every time that a request gives. */
  timeoutMs: number;
  /** What holds where a request gives nothing. */
  default: { timeoutMs: number; approvalTimeoutMs: number; outputChars: number };
  /** A command that a policy judges. */
  command: { bytes: number; depth: number; commands: number; words: number };
  /** What {@link Session.readOutput} can page through. */
  output: { keptStreams: number; keptBytes: number; readBytes: number; maxReadBytes: number; readLines: number };
  file: { readBytes: number; maxReadBytes: number; writeBytes: number; listEntries: number };
  /** A command that is driven while it runs. */
  live: { queuedInputBytes: number; queuedEventBytes: number; ttySize: number; endedJobs: number };
  audit: { commandBytes: number; stdinBytes: number; outputBytes: number; maxOutputBytes: number };
}

/** What the library can do on this machine. */
export interface Capabilities {
  version: string;
  abi: number;
  platform: string;
  /** The schemes of the targets that a session can open on. */
  transports: string[];
  /** The shells of this machine that can be driven, by name: where they are. */
  shells: Record<string, string>;
  /** The methods of the JSON API. */
  methods: string[];
  /** The fields of session.create, in snake_case. */
  options: string[];
  /** The codes of failures, as the JSON API has them. */
  errors: string[];
  enforcement: { kernel: boolean; landlock: number; seccomp: boolean; missing: string[] };
  telemetry: boolean;
}

export function limits(): Promise<Limits>;

export function capabilities(): Promise<Capabilities>;

/** The ABI version of the library: major << 16 | minor. */
export function abiVersion(): number;

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
