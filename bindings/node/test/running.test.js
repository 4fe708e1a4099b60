'use strict';

// Commands that are driven while they run, jobs, and what comes too late. Time limits are for a busy machine.

const assert = require('node:assert/strict');
const os = require('node:os');
const { test } = require('node:test');
const execkit = require('..');
const { Session, Cancelled, InvalidArgument, SessionBusy, SessionClosed, StdinNotAttached, Unavailable } = execkit;

const LONG = 120_000;

async function opened(t, options) {
  const session = await Session.local({ cwd: os.tmpdir(), timeoutMs: LONG, ...options });
  t.after(() => session.close());
  return session;
}

test('input, and what comes after the end', async (t) => {
  const s = await opened(t);
  const running = await s.start('cat; echo end >&2', { stdin: 'open' });
  assert.equal(s.busy, true);
  await running.write('text\n');
  await running.write(new TextEncoder().encode('é\n'));
  await assert.rejects(running.wait({ timeoutMs: 50 }), { name: 'TimeoutError', code: 'ETIMEDOUT' });
  await assert.rejects(s.exec('true'), SessionBusy);
  await running.closeStdin();
  const result = await running.wait({ timeoutMs: LONG });
  assert.deepEqual([result.stdout, result.stderr, s.busy], ['text\né\n', 'end\n', false]);
  assert.equal(await running.wait(), result);
  for await (const event of running.events()) assert.ok(event.type);
  for (const late of [() => running.write('x'), () => running.closeStdin(), () => running.keys('enter'), () => running.resize(3, 3), () => running.screen()]) {
    await assert.rejects(late, StdinNotAttached);
  }
  assert.equal(await running.signal('INT'), 0);
  await running.stop();
  await running.close();
  await assert.rejects(running.write(1), TypeError);
  await assert.rejects(async () => running.events(), InvalidArgument);
});

test('a stopped command rejects however often it is waited for', async (t) => {
  const s = await opened(t);
  for (const options of [{}, { timeoutMs: LONG }]) {
    const running = await s.start('sleep 600', { timeoutMs: 0 });
    await running.stop();
    await assert.rejects(running.wait(options), Cancelled);
    await assert.rejects(running.wait(), Cancelled);
    await running.close();
  }
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
});

test('a terminal', async (t) => {
  const s = await opened(t);
  const running = await s.start('read -r line; stty size; echo got $line; read -r rest', { tty: true, timeoutMs: 0 });
  await running.resize(30, 90);
  await running.write('word');
  await running.keys('enter');
  let text = '';
  for await (const event of running.events()) if ((text += event.data ?? '').includes('got word')) break;
  const screen = await running.screen({ format: 'png' });
  assert.deepEqual([screen.rows, screen.cols, screen.png.subarray(1, 4).toString()], [30, 90, 'PNG']);
  assert.match(screen.text, /30 90/);
  await assert.rejects(running.keys('no-such-key'), InvalidArgument);
  await running.close();
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
});

test('a yielded command is a job', async (t) => {
  const s = await opened(t);
  const r = await s.exec('echo begun; cat', { yieldMs: LONG, stdinOpen: true });
  assert.deepEqual([r.running, r.exitCode, r.stdout, r.waitingForInput.on], [true, null, 'begun\n', 'stdin']);
  const job = (await s.jobs()).find((j) => j.jobId === r.jobId);
  assert.equal((await job.write('more\n', { yieldMs: LONG })).stdout, 'more\n');
  await assert.rejects(job.wait({ timeoutMs: 50 }), { code: 'ETIMEDOUT' });
  assert.equal((await s.exec('echo on')).stdout, 'on\n');
  assert.equal((await job.output('stdout', { offset: 6 })).text, 'more\n');
  assert.ok((await job.kill()) >= 1);
  assert.equal((await job.wait({ timeoutMs: LONG })).stdout, 'begun\nmore\n');
});

test('closing while a command runs, and use after it', async () => {
  const s = await Session.local({ cwd: os.tmpdir() });
  const running = await s.start('sleep 600', { timeoutMs: 0 });
  await s.close();
  assert.equal((await running.wait()).shellExited, true);
  assert.equal((await running.wait({ timeoutMs: 0 })).shellExited, true);
  for (const use of [() => s.exec('true'), () => s.start('true'), () => s.state(), () => s.jobs(), () => s.interrupt(), () => s.readFile('a'), () => s.checkpoint(), () => s.stream('true').next()]) {
    await assert.rejects(use, SessionClosed);
  }
});

test('the targets', async (t) => {
  const s = await Session.sandbox({ network: false, timeoutMs: LONG });
  t.after(() => s.close());
  assert.equal(s.info.transport, 'sandbox');
  assert.notEqual((await s.exec('touch /var/tmp/execkit-never')).exitCode, 0);
  await assert.rejects(Session.docker('web', { host: 'unix:///nonexistent', user: '1000' }), Unavailable);
  await assert.rejects(Session.docker('local://'), InvalidArgument);
  await assert.rejects(Session.docker(), TypeError);
  await assert.rejects(Session.docker('web', { hots: 'x' }), TypeError);
  await assert.rejects(Session.k8s('web/api', { kubeconfig: '/nonexistent' }), InvalidArgument);
  await assert.rejects(Session.k8s(), InvalidArgument);
});

test('a wrong traceparent is refused', async (t) => {
  const s = await opened(t);
  await assert.rejects(s.exec('true', { traceparent: 'nonsense' }), InvalidArgument);
  await assert.rejects(s.start('true', { traceparent: 'nonsense' }), InvalidArgument);
  assert.equal((await s.exec('true', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })).ok, true);
});
