'use strict';

const { isUint8Array } = require('node:util').types; // unlike instanceof, true for arrays of another realm
const { CommandFailed, InvalidArgument, fromWire } = require('./errors.js');
const { Questions, checkApprover } = require('./approval.js');
const { request } = require('./call.js');
const { checkAsker, opened } = require('./question.js');
const native = require('./native.js');
const { Running, Job } = require('./running.js');
const { toCamel, toSnake, checkOptions } = require('./names.js');
const { addTo, pathOf } = require('./undo.js');

const CREATE = ['transport', 'policy', 'redact', 'budget', 'audit', 'cwd', 'env', 'inheritEnv', 'shell', 'timeoutMs', 'idleTimeoutMs', 'onExit', 'workspace', 'quotas', 'ssh', 'docker', 'k8s', 'sandbox', 'reconnect', 'label', 'approvalTimeoutMs', 'onApproval', 'onQuestion', 'traceparent', 'signal'];
const SSH = ['user', 'port', 'keyPath', 'keyPassphrase', 'certificatePath', 'password', 'agent', 'config', 'knownHosts', 'hostKey', 'fingerprint', 'jump', 'connectTimeoutMs', 'keepaliveMs', 'pool'];
const DOCKER = ['host', 'context', 'user', 'workdir', 'tls', 'privileged'];
const K8S = ['kubeconfig', 'context', 'namespace', 'container', 'selector', 'as', 'protocol'];
const SANDBOX = ['read', 'write', 'network', 'base'];
const EXEC = ['timeoutMs', 'stdin', 'budget', 'cwd', 'env', 'raw', 'check', 'onApproval', 'traceparent', 'signal'];
const STREAM = EXEC.filter((name) => name !== 'check');
const START = [...STREAM, 'tty'];
const YIELD = ['yieldMs', 'stdinOpen', 'tty'];

/** What one command came to. A non-zero exit and a timeout are results, not errors. */
class ExecResult {
  constructor(wire) {
    // A field of a newer library must not meet an accessor of this class: assigning to one throws.
    for (const [name, value] of Object.entries(toCamel(wire))) if (!(name in ExecResult.prototype)) this[name] = value;
  }

  get ok() {
    return this.exitCode === 0;
  }

  get stdoutBytes() {
    return bytes(this.stdout, this.encoding);
  }

  get stderrBytes() {
    return bytes(this.stderr, this.encoding);
  }

  check() {
    if (!this.ok) throw new CommandFailed(this);
    return this;
  }
}

function bytes(text, encoding) {
  return Buffer.from(text, encoding === 'base64' ? 'base64' : 'utf8');
}

function createParams({ signal, onApproval, onQuestion, ...options }) {
  const params = toSnake(options);
  if (options.cwd !== undefined) params.cwd = pathOf(options.cwd);
  if (onQuestion) params.ask = true;
  // The library copied the environment when it was loaded; the program may have changed it since.
  params.host_env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  // A directory of this machine means nothing on another.
  if (params.cwd === undefined && isHere(options.transport)) params.cwd = process.cwd();
  return params;
}

function isHere(transport = 'local') {
  return ['local', 'sandbox'].includes(typeof transport === 'string' ? transport : transport?.type);
}

function execParams(id, command, { signal, check, onApproval, stdin, ...options }) {
  const params = { ...toSnake(options), session_id: id, command };
  if (options.cwd !== undefined) params.cwd = pathOf(options.cwd);
  if (params.tty === true) params.tty = {}; // of the usual size
  if (params.tty === false) delete params.tty;
  if (isUint8Array(stdin)) params.stdin_b64 = Buffer.from(stdin.buffer, stdin.byteOffset, stdin.byteLength).toString('base64');
  // As text; exec.start would keep the input open.
  else if (stdin === 'open') params.stdin_b64 = Buffer.from(stdin).toString('base64');
  else if (typeof stdin === 'string') params.stdin = stdin;
  else if (stdin !== undefined && stdin !== null) throw new TypeError('execkit: stdin must be a string or a Uint8Array');
  return params;
}

/** Stops a started command and waits until it has ended. */
async function stop(ref) {
  try {
    await request('exec.stop', ref);
    while (!(await request('exec.events', ref)).done);
  } catch (error) {
    // The last event was delivered to a call that was aborted; the id is gone with it.
    if (!(error instanceof InvalidArgument)) throw error;
  }
}

function eventOf(wire, questions) {
  if (wire.type !== 'finished') return toCamel(wire);
  if (wire.error) throw questions.explain(fromWire(wire.error, toCamel(wire.error.details ?? {})));
  return { type: 'finished', result: new ExecResult(wire.result) };
}

/** The events of a started command. left.early turns false with the last one. */
async function* read(ref, callbacks, signal, left) {
  const questions = new Questions(ref, callbacks);
  try {
    while (left.early) {
      const batch = await request('exec.events', ref, signal);
      left.early = !batch.done;
      for (const wire of batch.events) {
        questions.put(wire);
        yield eventOf(wire, questions);
      }
    }
  } finally {
    questions.end();
  }
}

/** The events of a command that goes on when its reader leaves. */
async function* readAndRelease(ref, callbacks, settle) {
  const left = { early: true };
  try {
    for await (const event of read(ref, callbacks, undefined, left)) {
      if (event.result) settle({ result: event.result });
      yield event;
    }
  } catch (error) {
    if (!left.early) settle({ error });
    throw error;
  }
}

async function destroy(id) {
  await request('session.destroy', { session_id: id });
  native.unguard(id);
}

// A session that nobody can reach any more would keep its shell until the process ends.
const forgotten = new FinalizationRegistry(({ id, target }) => {
  process.emitWarning(`a session on ${target} was collected without close()`, { type: 'ExecKitWarning', code: 'EXECKIT_UNCLOSED' });
  destroy(id).catch(() => {}); // there is nobody left to tell
});

/** Only the URL of its own scheme is one: the name of a container must not open a session elsewhere. */
function url(scheme, rest) {
  if (typeof rest !== 'string') throw new TypeError(`execkit: the target of Session.${scheme} must be a string`);
  return rest.startsWith(`${scheme}://`) ? rest : `${scheme}://${rest}`;
}

/** Opens a session with the options of a transport among those of a session. */
function openOn(scheme, transport, names, options) {
  checkOptions(options, [...CREATE, ...names], `Session.${scheme}`);
  const own = {};
  const rest = {};
  for (const [name, value] of Object.entries(options)) (names.includes(name) ? own : rest)[name] = value;
  return Session.create({ ...rest, transport, ...(Object.keys(own).length > 0 && { [scheme]: own }) });
}

const KEY = Symbol('execkit.session');

/** A live shell with state. Made by Session.create; close it, or declare it with `await using`. */
class Session {
  #closing;
  #running = 0;
  #onApproval;
  #onQuestion;

  constructor(key, info, { onApproval, onQuestion } = {}) {
    if (key !== KEY) throw new TypeError('execkit: use await Session.create(options)');
    this.info = info;
    this.id = info.sessionId;
    this.#onApproval = onApproval;
    this.#onQuestion = onQuestion;
    native.guard(this.id);
    forgotten.register(this, { id: this.id, target: info.target }, this);
  }

  static async create(options = {}) {
    checkOptions(options, CREATE, 'Session.create');
    checkApprover(options.onApproval);
    checkAsker(options.onQuestion);
    return new Session(KEY, toCamel(await opened('session.create', createParams(options), options, destroy)), options);
  }

  static async local(options = {}) {
    return Session.create({ ...options, transport: 'local' });
  }

  static async ssh(host, options = {}) {
    return openOn('ssh', url('ssh', host), SSH, options);
  }

  static async docker(container, options = {}) {
    return openOn('docker', url('docker', container), DOCKER, options);
  }

  static async k8s(pod, options = {}) {
    const whole = typeof pod === 'string' && pod.includes('/');
    return openOn('k8s', whole ? url('k8s', pod) : { type: 'k8s', ...(pod !== undefined && { pod }) }, K8S, options);
  }

  static async sandbox(options = {}) {
    return openOn('sandbox', 'sandbox', SANDBOX, options);
  }

  get closed() {
    return this.#closing !== undefined;
  }

  get busy() {
    return this.#running > 0;
  }

  async exec(command, options = {}) {
    if (typeof command !== 'string') throw new TypeError('execkit: command must be a string');
    checkOptions(options, [...EXEC, ...YIELD], 'exec');
    // What goes on cannot ask anyone: nobody reads its events.
    const result = (this.#approver(options) || this.#onQuestion) && options.yieldMs === undefined ? await this.#finished(command, options) : await this.#execute(command, options);
    return options.check ? result.check() : result;
  }

  async *stream(command, options = {}) {
    if (typeof command !== 'string') throw new TypeError('execkit: command must be a string');
    checkOptions(options, STREAM, 'stream');
    yield* this.#events(command, options);
  }

  async start(command, options = {}) {
    if (typeof command !== 'string') throw new TypeError('execkit: command must be a string');
    checkOptions(options, START, 'start');
    const { stdin, signal, ...rest } = options;
    const keep = stdin === 'open';
    const callbacks = this.#callbacks(options);
    const params = { ...execParams(this.id, command, keep ? rest : { stdin, ...rest }), ...callbacks.params };
    if (keep) params.stdin_open = true;
    this.#running++;
    try {
      const ref = await request('exec.start', params, signal, stop);
      // Once: the command ends by its events, by its result or by close, whatever comes first.
      let open = true;
      const release = () => {
        if (open) this.#running--;
        open = false;
      };
      const known = { outcome: undefined };
      const settle = (outcome) => {
        known.outcome ??= outcome;
        release();
      };
      return new Running(ref, readAndRelease(ref, callbacks, settle), {
        known,
        settle: ({ error, result }) => settle(error ? { error: fromWire(error, toCamel(error.details ?? {})) } : { result: new ExecResult(result) }),
        stop: async (started) => (await stop(started), release()),
      });
    } catch (error) {
      this.#running--;
      throw error;
    }
  }

  async interrupt(signal = 'INT') {
    return (await request('session.interrupt', { session_id: this.id, signal })).reached;
  }

  async quotas() {
    return toCamel((await request('limits.get', { session_id: this.id })).quotas ?? {});
  }

  async jobs() {
    const { jobs } = await request('job.list', { session_id: this.id });
    return jobs.map((wire) => new Job(wire, (result) => new ExecResult(result)));
  }

  #approver({ onApproval = this.#onApproval }) {
    checkApprover(onApproval);
    return onApproval;
  }

  /** Who is asked about a command, and the params that have the library ask. */
  #callbacks(options) {
    const onApproval = this.#approver(options);
    const onQuestion = this.#onQuestion;
    return { onApproval, onQuestion, params: { ...(onApproval && { approve: true }), ...(onQuestion && { ask: true }) } };
  }

  async #execute(command, options) {
    const params = execParams(this.id, command, options);
    // Counting also keeps this object from being collected, and its shell from being ended, while a command runs.
    this.#running++;
    try {
      return new ExecResult(await request('session.exec', params, options.signal));
    } finally {
      this.#running--;
    }
  }

  async #finished(command, options) {
    let result;
    for await (const event of this.#events(command, options)) ({ result } = event);
    return result;
  }

  async *#events(command, options) {
    const { signal } = options;
    const callbacks = this.#callbacks(options);
    const params = { ...execParams(this.id, command, options), ...callbacks.params };
    this.#running++;
    try {
      const ref = await request('exec.start', params, signal, stop);
      const left = { early: true };
      try {
        yield* read(ref, callbacks, signal, left);
      } finally {
        // The reader left early or aborted: the session is usable again when the command has stopped.
        if (left.early) await stop(ref);
      }
    } finally {
      this.#running--;
    }
  }

  async readOutput(outputId, options = {}) {
    checkOptions(options, ['offset', 'line', 'limit', 'signal'], 'readOutput');
    const { signal, ...part } = options;
    return toCamel(await request('output.read', toSnake({ outputId, ...part }), signal));
  }

  /** Ends the shell and what runs in its terminal session. Every call waits for the same end. */
  close() {
    forgotten.unregister(this);
    return (this.#closing ??= destroy(this.id));
  }

  // The first releases of Node 18 have no Symbol.asyncDispose.
  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }
}

addTo(Session);

/** Opens a session with the state of a snapshot: a file, or `data`. Its other options are those of Session.create. */
async function restore(path, { passphrase, identities, data, ...options } = {}) {
  checkOptions(options, CREATE, 'restore');
  checkApprover(options.onApproval);
  checkAsker(options.onQuestion);
  const session = createParams(options);
  if (options.cwd === undefined) delete session.cwd; // the snapshot's own
  const bytes = data === undefined ? undefined : Buffer.from(data).toString('base64');
  const params = { path: pathOf(path), data_b64: bytes, passphrase, identities, session };
  return new Session(KEY, toCamel(await opened('snapshot.restore', params, options, destroy)), options);
}

module.exports = { Session, ExecResult, Running, Job, restore };
