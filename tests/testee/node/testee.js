// The conformance testee of the Node package.
'use strict';

const readline = require('node:readline');
const { inspect } = require('node:util');
const { Session, verifyAudit, limits, capabilities } = require('../../../bindings/node');

const sessions = new Map();
const running = new Map();
const camel = { timeout_ms: 'timeoutMs', yield_ms: 'yieldMs', stdin_open: 'stdinOpen', idle_timeout_ms: 'idleTimeoutMs' };

// The wire's names for what the runner compares. Values of env_delta are the session's own names and stay.
function snake(value, key) {
  if (Array.isArray(value)) return value.map((item) => snake(item));
  if (value === null || typeof value !== 'object' || ['set', 'env', 'aliases'].includes(key)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => {
      const name = k.replace(/[A-Z]/g, (c) => '_' + c.toLowerCase());
      return [name, snake(v, name)];
    }),
  );
}

const camelKeys = (value) => Object.fromEntries(Object.entries(value).map(([k, v]) => [k.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), v]));

// The methods of a session beside commands.
const undo = {
  'checkpoint.create': (s, { label }) => s.checkpoint(label),
  'checkpoint.list': async (s) => ({ checkpoints: await s.checkpoints() }),
  'checkpoint.diff': (s, { checkpoint }) => s.diff(checkpoint),
  'checkpoint.restore': (s, { checkpoint, ...options }) => s.restore(checkpoint, options),
  'session.state': (s) => s.state(),
  'snapshot.save': (s, options) => s.snapshot(undefined, options),
  'file.read': (s, { path, ...options }) => s.readFile(path, options),
  'file.write': (s, { path, content, mode, ...options }) => s.writeFile(path, content, { ...options, mode: mode && parseInt(mode, 8) }),
  'file.list': (s, { path, ...options }) => s.listFiles(path, options),
  'file.stat': (s, { path, ...options }) => s.statFile(path, options),
};

// The person who answers what a server asks: what is left to say, and what was asked.
const person = { answers: undefined, asked: [] };

async function onQuestion({ kind, target, text, echo }) {
  person.asked.push({ kind, target, text, echo });
  return person.answers?.shift();
}

async function perform({ method, params, answers }) {
  const { session_id, command, ...rest } = params;
  const options = Object.fromEntries(Object.entries(rest).map(([k, v]) => [camel[k] ?? k, v]));
  if (options.ssh) options.ssh = camelKeys(options.ssh);
  Object.assign(person, { answers, asked: [] });
  if (method === 'session.create' && answers) options.onQuestion = onQuestion;
  if (options.budget) options.budget = camelKeys(options.budget);
  if (method === 'session.create') {
    const session = await Session.create(options);
    sessions.set(session.id, session);
    return snake({ ...session.info });
  }
  if (method === 'output.read') {
    const { output_id, ...part } = rest;
    return snake(await [...sessions.values()].at(-1).readOutput(output_id, part));
  }
  if (method === 'audit.verify') {
    const { path, ...more } = options;
    return snake(await verifyAudit(path, more));
  }
  if (method === 'limits.get') return snake(session_id ? { quotas: await sessions.get(session_id).quotas() } : await limits());
  if (method === 'capabilities.get') return snake(await capabilities());
  const session = sessions.get(session_id);
  if (undo[method]) return snake(await undo[method](session, rest));
  if (method === 'session.exec') return snake({ ...(await session.exec(command, options)) });
  if (method === 'session.destroy') {
    sessions.delete(session_id);
    await session.close();
    return {};
  }
  return drive(method, session, command, options);
}

function all(value) {
  if (Array.isArray(value)) return value.map(all);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k.replace(/[A-Z]/g, (c) => '_' + c.toLowerCase()), all(v)]));
}

/** The methods about a command or a job. */
async function drive(method, session, command, { exec_id, job_id, ...options }) {
  if (method === 'exec.start') {
    const one = await session.start(command, options);
    running.set(one.id, { one, events: one.events() });
    return { exec_id: one.id };
  }
  if (method === 'session.interrupt') return { reached: await session.interrupt(options.signal) };
  if (method === 'job.list') return { jobs: all(await session.jobs()) };
  if (job_id !== undefined || !running.has(exec_id)) {
    const jobs = (await Promise.all([...sessions.values()].filter((s) => !s.closed).map((s) => s.jobs()))).flat();
    const job = jobs.find((one) => one.jobId === (job_id ?? exec_id));
    if (method === 'job.output') return all(await job.output(options.stream, { offset: options.offset }));
    if (method === 'job.kill') return { reached: await job.kill(options.signal) };
    if (method === 'exec.write') return snake({ ...(await job.write(options.data, { yieldMs: options.yieldMs })) });
    try {
      const result = await job.wait(options);
      return { job: { state: 'ended' }, result: result && snake({ ...result }) };
    } catch (error) {
      if (error.name !== 'TimeoutError') throw error;
      return { job: all(job) };
    }
  }
  const { one, events } = running.get(exec_id);
  switch (method) {
    case 'exec.events': {
      const { value, done } = await events.next();
      return { events: done ? [] : [{ ...all(value), ...(value.result && { result: snake({ ...value.result }) }) }], done };
    }
    case 'exec.write':
      if (options.keys) await one.keys(...options.keys);
      else await one.write(options.data, { secret: options.secret });
      return {};
    case 'exec.close_stdin':
      await one.closeStdin();
      return {};
    case 'exec.signal':
      return { reached: await one.signal(options.signal) };
    case 'exec.resize':
      await one.resize(options.rows, options.cols);
      return {};
    default:
      return all(await one.screen(options));
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      const result = await perform(JSON.parse(line));
      answer = { ok: true, result, shown: inspect([...sessions.values()], { depth: 9, showHidden: true }) };
    } catch (error) {
      if (!String(error.code).startsWith('EXECKIT_')) throw error;
      answer = { ok: false, error: { code: error.code.slice('EXECKIT_'.length).toLowerCase(), message: error.message, hint: error.hint }, shown: error.stack + inspect(error, { depth: 9, showHidden: true }) };
    }
    answer.asked = person.asked;
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

main();
