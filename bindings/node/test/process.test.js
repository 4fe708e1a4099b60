'use strict';

const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const execkit = require('..');
const { Session } = execkit;

const root = path.join(__dirname, '..');
const node = (...args) => promisify(execFile)(process.execPath, args, { cwd: root, timeout: 120000 });
const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function gone(pid) {
  for (let i = 0; i < 1500 && isAlive(pid); i++) await sleep(20);
  return !isAlive(pid);
}

test('a thousand calls wait at once and the event loop goes on', async () => {
  const sessions = await Promise.all(Array.from({ length: 50 }, () => Session.local({ cwd: os.tmpdir() })));
  const started = await execkit.call('exec.start', { session_id: sessions.pop().id, command: 'sleep 60' });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const commands = sessions.map((s, i) => s.exec(`sleep 0.5; echo ${i}`));
  const waits = Array.from({ length: 951 }, () => execkit.call('exec.events', { exec_id: started.exec_id, timeout_ms: 500 }));
  const results = await Promise.all([...commands, ...waits]);
  delay.disable();
  assert.equal(results.length, 1000);
  assert.deepEqual(results.slice(0, 49).map((r) => r.stdout), sessions.map((_, i) => `${i}\n`));
  // The typical delay and not the largest: this machine may be busy with other work.
  assert.ok(delay.percentile(50) < 50e6, `the event loop was held for ${delay.percentile(50) / 1e6} ms`);
  for (const { session_id } of (await execkit.call('session.list')).sessions) await execkit.call('session.destroy', { session_id });
});

test('many short calls keep their own replies', async () => {
  const s = await Session.local();
  const replies = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => execkit.call('session.destroy', { session_id: `none-${i}` })));
  replies.forEach((r, i) => assert.ok(r.reason.message.includes(`none-${i}"`), r.reason.message));
  await s.close();
});

test('a process with an open session exits by itself, and its shell and jobs end', async () => {
  const { stdout } = await node('-e', `
    (async () => {
      const s = await require('.').Session.create();
      console.log((await s.exec('sleep 1000 & echo $$ $!')).stdout);
    })()`);
  for (const pid of stdout.trim().split(' ')) assert.ok(await gone(Number(pid)), 'a process outlived its program');
});

test('a pending command keeps the process running', async () => {
  const { stdout } = await node('-e', `require('.').Session.create().then((s) => s.exec('sleep 0.3; echo done')).then((r) => console.log(r.stdout))`);
  assert.equal(stdout, 'done\n\n');
});

test('process.exit with a pending command does not hang, and the command ends', async () => {
  const { stdout } = await node('-e', `
    require('.').Session.create().then((s) => {
      console.log(s.info.pid);
      s.exec('sleep 1000');
      setTimeout(() => process.exit(0), 100);
    })`);
  assert.ok(await gone(Number(stdout)), 'the shell outlived its program');
});

test('a session that nobody can reach is ended, with a warning', async () => {
  const { stdout, stderr } = await node('--expose-gc', '-e', `
    const { Session, call } = require('.');
    const { setTimeout: sleep } = require('node:timers/promises');
    (async () => {
      const held = await Session.create().then((s) => s.exec('sleep 0.5; echo $$'));
      for (let i = 0; i < 100 && (await call('session.list')).sessions.length > 0; i++) { await sleep(20); gc(); }
      console.log(held.exitCode, (await call('session.list')).sessions.length);
    })()`);
  assert.equal(stdout, '0 0\n');
  assert.match(stderr, /EXECKIT_UNCLOSED.*local/);
});

test('children of the program and shells of sessions come and go together', async () => {
  // A handler of SIGCHLD on the stack of a goroutine damages the heap of the library; without a fix this dies within a second.
  const { stdout } = await node('-e', `
    const { execFile } = require('node:child_process');
    const { Session } = require('.');
    const end = Date.now() + 3000;
    const children = async () => { while (Date.now() < end) await new Promise((ended) => execFile('true', ended)); };
    const sessions = async () => {
      while (Date.now() < end) {
        const s = await Session.create();
        await s.exec('x=$(echo 1)');
        await s.close();
      }
    };
    Promise.all([children(), sessions(), sessions(), children(), sessions(), sessions()]).then(() => console.log('alive'));`);
  assert.equal(stdout, 'alive\n');
});

test('workers have their own queue', async () => {
  const run = (i) => new Promise((resolve, reject) => {
    const worker = new Worker(`
      const { parentPort, workerData } = require('node:worker_threads');
      const { Session } = require(workerData.root);
      (async () => {
        const s = await Session.create();
        const r = await s.exec('echo ' + workerData.i);
        await s.close();
        parentPort.postMessage(r.stdout);
      })()`, { eval: true, workerData: { root, i } });
    worker.on('message', resolve).on('error', reject);
  });
  const numbers = Array.from({ length: 8 }, (_, i) => i);
  assert.deepEqual(await Promise.all(numbers.map(run)), numbers.map((i) => `${i}\n`));
});

test('terminating a worker with a pending command ends its session', async () => {
  for (let i = 0; i < 5; i++) {
    const worker = new Worker(`
      const { parentPort, workerData } = require('node:worker_threads');
      require(workerData).Session.create().then((s) => {
        for (let i = 0; i < 100; i++) require(workerData).call('version.get');
        s.exec('sleep 1000', { timeoutMs: 0 });
        parentPort.postMessage(s.info.pid);
      })`, { eval: true, workerData: root });
    const pid = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    assert.ok(await gone(pid), 'the shell outlived its worker');
  }
  assert.deepEqual((await execkit.call('session.list')).sessions, []);
  assert.equal((await execkit.call('version.get')).version, require('../package.json').version);
});

test('import and require give the same names', async () => {
  const script = `
    import whole, * as names from 'execkit';
    import { createRequire } from 'node:module';
    const required = createRequire(import.meta.url)('execkit');
    const keys = Object.keys(names).filter((k) => k !== 'default').sort();
    console.log(JSON.stringify([keys, Object.keys(required).sort(), whole === required, names.Session === required.Session, names.abiVersion() >>> 16]));`;
  // The package refers to itself by name, as a user's program would.
  const [esm, cjs, same, session, major] = JSON.parse((await node('--input-type=module', '-e', script)).stdout);
  assert.deepEqual(esm, cjs);
  assert.deepEqual([same, session, major], [true, true, 1]);
});

test('the type declarations name every export', () => {
  const fs = require('node:fs');
  const files = ['index.d.ts', ...fs.readdirSync(path.join(root, 'types')).map((name) => path.join('types', name))];
  const text = files.map((name) => fs.readFileSync(path.join(root, name), 'utf8')).join('\n');
  for (const name of Object.keys(execkit)) assert.match(text, new RegExp(`export (declare )?(class|function|const) ${name}\\b`));
  assert.ok(execFileSync(process.execPath, ['-p', "require.resolve('execkit')"], { cwd: root, encoding: 'utf8' }).includes('index.js'));
});
