'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { ApprovalRequired, Blocked, Session } = require('..');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-approval-'));
test.after(() => fs.rmSync(folder, { recursive: true }));
const policy = { default: 'allow', ask: ['touch'], deny: ['mkdir'] };
const exists = (name) => fs.existsSync(path.join(folder, name));

async function opened(t, options) {
  const session = await Session.create({ cwd: folder, policy, ...options });
  t.after(() => session.close());
  return session;
}

test('true runs the command and the callback sees what it decides on', async (t) => {
  const seen = [];
  const s = await opened(t, { onApproval: (request) => seen.push(request) > 0 });
  const r = await s.exec('touch yes; printf %s $A_b; (exit 3)', { env: { A_b: 'x' } });
  assert.deepEqual([r.exitCode, r.stdout, r.decision.approvedBy, exists('yes'), s.busy], [3, 'x', 'approver', true, false]);
  const [request] = seen;
  assert.deepEqual([request.command, request.text, request.cwd, request.sessionId, request.env], [r.command, r.command, fs.realpathSync(folder), s.id, ['A_b=x']]);
  assert.ok(request.commands.includes('touch yes') && request.rules.length > 0 && request.expiresMs > 0 && request.severe === false);
  // What needs nobody is not asked about.
  assert.equal((await s.exec('echo plain')).stdout, 'plain\n');
  assert.equal(seen.length, 1);
});

test('only true and a text let a command run', async (t) => {
  const s = await opened(t);
  for (const said of [false, undefined, null, 1, {}, '', 'touch no'.length]) {
    await assert.rejects(s.exec('touch no', { onApproval: async () => said }), (e) => e instanceof Blocked && e.outcome === 'not_run' && e.details.source === 'approver');
  }
  const why = new Error('why');
  for (const onApproval of [() => { throw why; }, () => Promise.reject(why)]) {
    await assert.rejects(s.exec('touch no', { onApproval }), (e) => e instanceof Blocked && e.cause === why);
  }
  await assert.rejects(s.exec('mkdir no', { onApproval: () => assert.fail('a denied command was asked about') }), Blocked);
  assert.ok(!exists('no'));
});

test('a text is judged again', async (t) => {
  const s = await opened(t, { onApproval: () => 'echo instead' });
  const r = await s.exec('touch no');
  assert.deepEqual([r.command, r.stdout], ['echo instead', 'instead\n']);
  await assert.rejects(s.exec('touch no', { onApproval: () => 'mkdir no' }), (e) => e instanceof Blocked && e.details.edited === true);
  const asked = [];
  await s.exec('touch first', { onApproval: ({ text }) => asked.push(text) > 1 || 'touch second' });
  assert.deepEqual([asked, exists('no'), exists('first'), exists('second')], [['touch first', 'touch second'], false, false, true]);
});

test('nobody to ask is an error, also where a session has a callback', async (t) => {
  const s = await opened(t);
  await assert.rejects(s.exec('touch no'), ApprovalRequired);
  const asks = await opened(t, { onApproval: () => true });
  await assert.rejects(asks.exec('touch no', { onApproval: null }), ApprovalRequired);
  await assert.rejects(s.exec('touch no', { onApproval: true }), TypeError);
  await assert.rejects(Session.create({ onApproval: 'yes' }), TypeError);
  assert.ok(!exists('no'));
});

test('a question ends with its time, with an abort and with the session', async (t) => {
  const over = [];
  const onApproval = ({ signal }) => new Promise((answer) => signal.addEventListener('abort', () => { over.push(true); answer(true); }));
  const s = await opened(t, { onApproval, approvalTimeoutMs: 100 });
  await assert.rejects(s.exec('touch no'), Blocked);
  const patient = await opened(t, { onApproval });
  await assert.rejects(patient.exec('touch no', { signal: AbortSignal.timeout(100) }), { code: 'ABORT_ERR' });
  assert.equal((await patient.exec('echo on')).stdout, 'on\n');
  const asking = assert.rejects(patient.exec('touch no'), { code: 'EXECKIT_SESSION_CLOSED' });
  await sleep(100);
  await patient.close();
  await asking;
  assert.deepEqual([over.length, exists('no')], [3, false]);
});

test('a stream asks too', async (t) => {
  const s = await opened(t, { onApproval: () => true });
  const types = [];
  for await (const event of s.stream('touch streamed; echo out')) types.push(event.type);
  assert.deepEqual([types, exists('streamed')], [['approval_required', 'started', 'stdout', 'finished'], true]);
  await assert.rejects(async () => {
    for await (const event of s.stream('touch no', { onApproval: () => false })) assert.equal(event.type, 'approval_required');
  }, Blocked);
});
