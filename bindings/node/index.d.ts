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

import type { AuditQuery, CreateOptions, DockerOptions, ExecOptions, K8sOptions, PolicyFields, PolicyRule, Quotas, RedactOptions, SSHOptions, SandboxOptions, StreamOptions, WriteOptions } from './types/options.js';
import type { AuditHead, AuditReport, Capabilities, Checkpoint, CheckpointDiff, Event, ExecResult, FileContent, FileInfo, Limits, OutputPart, RestoredCheckpoint, SavedSnapshot, Screen, SessionInfo, SessionState, Verdict, Waiting } from './types/results.js';

export * from './types/options.js';
export * from './types/results.js';
export * from './types/errors.js';

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

export function limits(): Promise<Limits>;

export function capabilities(): Promise<Capabilities>;

/** The ABI version of the library: major << 16 | minor. */
export function abiVersion(): number;
