'use strict';

const assert = require('node:assert/strict');
const os = require('node:os');
const { test } = require('node:test');
const execkit = require('..');
const { Session } = execkit;

async function opened(t, options) {
  const session = await Session.local({ cwd: os.tmpdir(), ...options });
  t.after(() => session.close());
  return session;
}

test('a session keeps its state', async (t) => {
  const s = await opened(t);
  assert.equal(s.info.transport, 'local');
  await s.exec('cd /; v=1; export SNAKE_case_x=2');
  const r = await s.exec('echo "$v$SNAKE_case_x"; echo e >&2; (exit 3)');
  assert.deepEqual([r.stdout, r.stderr, r.exitCode, r.encoding, r.cwd, r.ok], ['12\n', 'e\n', 3, 'utf-8', '/', false]);
  assert.deepEqual([r.timedOut, r.shellExited, r.truncated, typeof r.durationMs], [false, false, false, 'number']);
});

test('names in envDelta stay as they are', async (t) => {
  const s = await opened(t, { env: { a_b: '1' } });
  assert.equal((await s.exec('echo $a_b')).stdout, '1\n');
  assert.deepEqual((await s.exec('export my_var_x=2; unset a_b')).envDelta, { set: { my_var_x: '2' }, unset: ['a_b'] });
});

test('cwd and env of one command', async (t) => {
  const s = await opened(t);
  assert.equal((await s.exec('pwd; echo $A_b', { cwd: '/', env: { A_b: 'x' } })).stdout, '/\nx\n');
  assert.equal((await s.exec('echo ${A_b-unset}')).stdout, 'unset\n');
});

test('the environment of the moment is sent', async (t) => {
  process.env.EXECKIT_NODE_TEST = 'late';
  t.after(() => delete process.env.EXECKIT_NODE_TEST);
  const s = await opened(t);
  assert.equal((await s.exec('echo $EXECKIT_NODE_TEST')).stdout, 'late\n');
});

test('bytes go in and out', async (t) => {
  const s = await opened(t);
  const data = Uint8Array.from({ length: 256 }, (_, i) => i);
  const r = await s.exec('cat', { stdin: data });
  assert.equal(r.encoding, 'base64');
  assert.deepEqual([...r.stdoutBytes], [...data]);
  // A view into a larger buffer sends its own part only.
  assert.equal((await s.exec('cat', { stdin: new TextEncoder().encode('abcdef').subarray(2, 4) })).stdout, 'cd');
  const text = await s.exec('cat', { stdin: 'grüße\0' });
  assert.equal(text.stdoutBytes.toString(), 'grüße\0');
  assert.equal((await s.exec('printf hi', { raw: true })).stdoutBytes.toString(), 'hi');
});

test('a timeout is a result and the session goes on', async (t) => {
  const s = await opened(t);
  const r = await s.exec('echo partial; sleep 60', { timeoutMs: 1000 });
  assert.deepEqual([r.timedOut, r.exitCode, r.stdout], [true, 124, 'partial\n']);
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
});

test('an abort stops the command before it rejects', async (t) => {
  const s = await opened(t);
  const controller = new AbortController();
  const running = s.exec('sleep 60', { signal: controller.signal, timeoutMs: 0 });
  setTimeout(() => controller.abort(new Error('why')), 100);
  await assert.rejects(running, (e) => e.name === 'AbortError' && e.code === 'ABORT_ERR' && e.cause.message === 'why');
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
  await assert.rejects(s.exec('touch never', { signal: AbortSignal.abort() }), { code: 'ABORT_ERR' });
  await assert.rejects(Session.create({ signal: AbortSignal.abort() }), { code: 'ABORT_ERR' });
});

test('an aborted create leaves no session', async () => {
  const ids = async () => (await execkit.call('session.list')).sessions.map((s) => s.session_id).sort();
  const before = await ids();
  const controller = new AbortController();
  const creating = Session.create({ signal: controller.signal });
  controller.abort();
  await assert.rejects(creating, { code: 'ABORT_ERR' });
  assert.deepEqual(await ids(), before);
});

test('check rejects with the result', async (t) => {
  const s = await opened(t);
  await assert.rejects(s.exec('echo no >&2; (exit 4)', { check: true }), (e) => {
    assert.ok(e instanceof execkit.CommandFailed && e instanceof execkit.ExecKitError);
    assert.deepEqual([e.code, e.outcome, e.result.exitCode], ['EXECKIT_COMMAND_FAILED', 'ran', 4]);
    return true;
  });
  assert.equal((await s.exec('true', { check: true })).exitCode, 0);
});

test('a budget is in camelCase', async (t) => {
  const s = await opened(t, { budget: { maxLines: 100 } });
  const r = await s.exec('seq 1000', { budget: { maxLines: 10, keep: { mode: 'tail' } } });
  assert.ok(r.truncated && r.budget.stdout.linesTotal === 1000);
});

test('exit ends the shell, or the session with onExit close', async (t) => {
  const s = await opened(t);
  assert.deepEqual([(await s.exec('exit 3')).shellExited, (await s.exec('echo on')).stdout], [true, 'on\n']);
  const once = await opened(t, { onExit: 'close' });
  await once.exec('exit 0');
  await assert.rejects(once.exec('true'), { code: 'EXECKIT_SESSION_CLOSED', session: 'closed' });
});

test('close is idempotent and Symbol.asyncDispose is close', async () => {
  const s = await Session.create({ label: 'l' });
  assert.equal(s.closed, false);
  await Promise.all([s.close(), s.close()]);
  await s[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
  assert.equal(s.closed, true);
  await assert.rejects(s.exec('true'), execkit.ExecKitError);
});

test('a stream yields output as it comes and ends with the result', async (t) => {
  const s = await opened(t);
  const events = [];
  for await (const event of s.stream('echo a; sleep 0.2; echo b >&2; (exit 3)')) events.push(event);
  assert.equal(events[0].type, 'started');
  assert.deepEqual(events.filter((e) => e.data).map((e) => [e.type, e.data]), [['stdout', 'a\n'], ['stderr', 'b\n']]);
  const last = events.at(-1);
  assert.ok(last.type === 'finished' && last.result instanceof execkit.ExecResult);
  assert.equal(last.result.exitCode, 3);
});

test('leaving a stream, or aborting it, stops the command', async (t) => {
  const s = await opened(t);
  for await (const event of s.stream('echo a; sleep 60', { timeoutMs: 0 })) {
    if (event.type === 'stdout') break;
  }
  assert.deepEqual([(await s.exec('echo on')).stdout, s.busy], ['on\n', false]);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  await assert.rejects(async () => {
    for await (const event of s.stream('sleep 60', { signal: controller.signal })) assert.ok(event);
  }, { code: 'ABORT_ERR' });
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
});
