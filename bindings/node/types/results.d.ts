// What callers get: results, events, reports and what a session tells of itself.

/// <reference types="node" />

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
