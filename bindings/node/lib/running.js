'use strict';

const { isUint8Array } = require('node:util').types;
const { InvalidArgument } = require('./errors.js');
const { request } = require('./call.js');
const { toCamel, checkOptions } = require('./names.js');

const WAIT_MS = 30_000;

function writeParams(id, data, { to, secret, timeoutMs }) {
  const params = { exec_id: id, to, secret, timeout_ms: timeoutMs };
  for (const name of Object.keys(params)) if (params[name] === undefined) delete params[name];
  if (isUint8Array(data)) params.data_b64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  else if (typeof data === 'string') params.data = data;
  else throw new TypeError('execkit: what is written must be a string or a Uint8Array');
  return params;
}

/** Waits for a job in steps, so that a signal ends the waiting and not the job. */
async function waitFor(id, { timeoutMs, signal } = {}) {
  let left = timeoutMs ?? Infinity;
  for (;;) {
    const step = Math.min(left, WAIT_MS);
    const reply = await request('job.wait', { job_id: id, timeout_ms: step }, signal);
    if (reply.job.state === 'ended') return reply;
    if ((left -= step) <= 0) {
      throw Object.assign(new Error(`execkit: the command still runs after ${timeoutMs} ms`), { name: 'TimeoutError', code: 'ETIMEDOUT' });
    }
  }
}

/** A command that was started; made by Session.start. */
class Running {
  #ref;
  #release;
  #events;

  constructor(ref, events, release) {
    this.#ref = ref;
    this.#events = events;
    this.#release = release;
    this.id = ref.exec_id;
  }

  /** The events, once; leaving the loop early leaves the command running. */
  events() {
    if (!this.#events) throw new InvalidArgument({ message: 'the events of this command are being read', hint: 'call events() once' });
    const events = this.#events;
    this.#events = undefined;
    return events;
  }

  async write(data, options = {}) {
    checkOptions(options, ['to', 'secret', 'timeoutMs'], 'write');
    await request('exec.write', writeParams(this.id, data, options));
  }

  async keys(...names) {
    await request('exec.write', { exec_id: this.id, keys: names });
  }

  async closeStdin() {
    await request('exec.close_stdin', this.#ref);
  }

  async signal(name) {
    return (await request('exec.signal', { exec_id: this.id, signal: name })).reached;
  }

  async resize(rows, cols) {
    await request('exec.resize', { exec_id: this.id, rows, cols });
  }

  async screen(options = {}) {
    checkOptions(options, ['format'], 'screen');
    const shown = toCamel(await request('exec.screen', { exec_id: this.id, ...options }));
    if (shown.png !== undefined) shown.png = Buffer.from(shown.png, 'base64');
    return shown;
  }

  /** The result of the command; rejects as exec does. */
  async wait(options = {}) {
    checkOptions(options, ['timeoutMs', 'signal'], 'wait');
    if (!this.#release.known.outcome && this.#events && options.timeoutMs === undefined && options.signal === undefined) {
      let result;
      for await (const event of this.events()) ({ result } = event);
      return result;
    }
    if (!this.#release.known.outcome) this.#release.settle(await waitFor(this.id, options));
    const { error, result } = this.#release.known.outcome;
    if (error) throw error;
    return result;
  }

  async stop() {
    try {
      await request('exec.stop', this.#ref);
    } catch (error) {
      if (!(error instanceof InvalidArgument)) throw error; // it has ended and its events were read
    }
  }

  /** Stops the command if it runs, and waits until it has. */
  async close() {
    await this.#release.stop(this.#ref);
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }
}

/** A job at the moment when it was asked for. */
class Job {
  #result;

  constructor(wire, result) {
    Object.assign(this, toCamel(wire));
    this.#result = result;
  }

  async output(stream = 'stdout', options = {}) {
    checkOptions(options, ['offset', 'line', 'limit'], 'output');
    return toCamel(await request('job.output', { job_id: this.jobId, stream, ...options }));
  }

  async write(data, options = {}) {
    checkOptions(options, ['to', 'secret', 'timeoutMs', 'yieldMs'], 'write');
    const { yieldMs = 1000, ...rest } = options;
    return this.#result(await request('exec.write', { ...writeParams(this.jobId, data, rest), yield_ms: yieldMs }));
  }

  /** The result of a command when it has ended; null for a background job. */
  async wait(options = {}) {
    checkOptions(options, ['timeoutMs', 'signal'], 'wait');
    const { result } = await waitFor(this.jobId, options);
    return result ? this.#result(result) : null;
  }

  async kill(signal) {
    return (await request('job.kill', signal === undefined ? { job_id: this.jobId } : { job_id: this.jobId, signal })).reached;
  }
}

module.exports = { Running, Job };
