// The conformance testee of the Node package.
'use strict';

const readline = require('node:readline');
const { Session, verifyAudit } = require('../../../bindings/node');

const sessions = new Map();
const camel = { timeout_ms: 'timeoutMs' };

// The wire's names for what the runner compares. Values of env_delta are the session's own names and stay.
function snake(value, key) {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || key === 'set') return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => {
      const name = k.replace(/[A-Z]/g, (c) => '_' + c.toLowerCase());
      return [name, snake(v, name)];
    }),
  );
}

async function perform({ method, params }) {
  const { session_id, command, ...rest } = params;
  const options = Object.fromEntries(Object.entries(rest).map(([k, v]) => [camel[k] ?? k, v]));
  if (options.budget) options.budget = Object.fromEntries(Object.entries(options.budget).map(([k, v]) => [k.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), v]));
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
  const session = sessions.get(session_id);
  if (method === 'session.exec') return snake({ ...(await session.exec(command, options)) });
  sessions.delete(session_id);
  await session.close();
  return {};
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = { ok: true, result: await perform(JSON.parse(line)) };
    } catch (error) {
      if (!String(error.code).startsWith('EXECKIT_')) throw error;
      answer = { ok: false, error: { code: error.code.slice('EXECKIT_'.length).toLowerCase(), message: error.message } };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

main();
