'use strict';

// The package as a user gets it: packed, installed into an empty folder, and its programs run from there.

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { after, before, test } = require('node:test');

const root = path.join(__dirname, '..');
const library = process.env.EXECKIT_LIBRARY ?? path.join(root, '..', '..', 'build', 'libexeckit.so');
let folder, bin;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-npm-'));
  const staged = path.join(folder, 'staged');
  fs.cpSync(root, staged, { recursive: true, filter: (file) => !['build', 'test', 'src', 'node_modules'].includes(path.relative(root, file)) });
  const native = path.join(staged, 'lib', 'native', `${process.platform}-${process.arch}`);
  fs.mkdirSync(native, { recursive: true });
  fs.copyFileSync(library, path.join(native, 'libexeckit.so'));
  fs.copyFileSync(path.join(root, 'build', 'execkit_addon.node'), path.join(native, 'execkit_addon.node'));
  const user = path.join(folder, 'user');
  fs.mkdirSync(user);
  fs.writeFileSync(path.join(user, 'package.json'), '{"private":true}');
  const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
  npm(staged, 'pack', '--silent', '--pack-destination', folder);
  const [tarball] = fs.readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  npm(user, 'install', '--silent', '--offline', '--no-audit', '--no-fund', path.join(folder, tarball));
  fs.rmSync(staged, { recursive: true });
  bin = path.join(user, 'node_modules', '.bin');
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Runs a program of the package, without the checkout's library in reach. */
function start(name, args, env = {}) {
  const child = spawn(path.join(bin, name), args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...env }, timeout: 120000 });
  child.said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => { child.said[stream] += text; });
  child.ended = new Promise((resolve, reject) => child.on('error', reject).on('close', (status, signal) => resolve({ status, signal, ...child.said })));
  return child;
}

async function run(name, args, { input = '', env } = {}) {
  const child = start(name, args, env);
  child.stdin.end(input);
  return child.ended;
}

async function until(holds) {
  for (let i = 0; i < 1500 && !holds(); i++) await new Promise((later) => setTimeout(later, 20));
  assert.ok(holds(), holds.toString());
}

test('execkit passes output, input and the exit status on', async () => {
  assert.deepEqual(await run('execkit', ['exec', '--', 'echo größe; echo no >&2; exit 3']), { status: 3, signal: null, stdout: 'größe\n', stderr: 'no\n' });
  assert.equal((await run('execkit', ['exec', '--', 'sort'], { input: 'b\na\n' })).stdout, 'a\nb\n');
  assert.equal((await run('execkit', ['exec', '--', 'true'])).status, 0);
});

test('execkit has the statuses of its own', async () => {
  assert.equal((await run('execkit', ['exec', '--timeout', '0.2', '--', 'sleep 60'])).status, 124);
  const wrong = await run('execkit', ['no-such-command']);
  assert.deepEqual([wrong.status, wrong.stdout], [125, '']);
  assert.match(wrong.stderr, /no-such-command/);
  const file = path.join(folder, 'policy.json');
  fs.writeFileSync(file, JSON.stringify({ default: 'deny', allow: ['echo'] }));
  const blocked = await run('execkit', ['exec', '--policy', file, '--', 'touch made']);
  assert.deepEqual([blocked.status, fs.existsSync(path.join(folder, 'made'))], [126, false]);
  const missing = await run('execkit', ['version'], { env: { EXECKIT_LIBRARY: path.join(folder, 'none.so') } });
  assert.deepEqual([missing.status, missing.stdout], [125, '']);
  assert.match(missing.stderr, /^execkit could not be loaded.*none\.so/);
});

test('a signal stops execkit and its command', async () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const note = path.join(folder, signal);
    const child = start('execkit', ['exec', '--timeout', '0', '--', `sleep 1000 & echo $! >${note}.new; mv ${note}.new ${note}; wait`]);
    child.stdin.end();
    await until(() => fs.existsSync(note));
    child.kill(signal);
    const end = await child.ended;
    assert.ok(end.signal === signal || end.status >= 128, JSON.stringify(end));
    await until(() => !fs.existsSync(`/proc/${fs.readFileSync(note, 'utf8').trim()}`));
  }
});

test('execkit-mcp speaks over its standard streams and ends with its input', async () => {
  const child = start('execkit-mcp', []);
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (id, method, params) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(!done, child.said.stderr);
      const message = JSON.parse(value);
      if (message.id === id) return message.result;
    }
  };
  const hello = await ask(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } });
  assert.deepEqual([hello.serverInfo.name, hello.serverInfo.version], ['execkit', require('../package.json').version]);
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  assert.ok((await ask(2, 'tools/list', {})).tools.some((tool) => tool.name === 'session_exec'));
  child.stdin.end();
  assert.equal((await child.ended).status, 0);
});
