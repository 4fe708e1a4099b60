'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { call, restore, Session } = require('..');

// A real sshd that a ProxyCommand starts, and an account with a password.
const dir = fs.mkdtempSync('/tmp/ekquestion');
const name = `ektest${crypto.randomBytes(4).toString('hex')}`;
const password = crypto.randomBytes(8).toString('hex');
const phrase = `phrase-${crypto.randomBytes(8).toString('hex')}`;
const told = { passphrase: phrase, password, keyboard_interactive: password, host_key: 'yes' };

/** Waits for the lock of the system's user files, which another test may hold. */
async function account(...argv) {
  for (let left = 600; ; left--) {
    try {
      return execFileSync(argv[0], argv.slice(1), { stdio: ['pipe', 'ignore', 'pipe'], input: `${name}:${password}\n` });
    } catch (error) {
      if (String(error.stderr).includes('mail spool')) return undefined;
      if (left === 0) throw error;
      await sleep(100);
    }
  }
}

test.before(async () => {
  await account('useradd', '-m', '-d', path.join('/tmp', name), '-s', '/bin/bash', name);
  await account('chpasswd');
  fs.chmodSync(dir, 0o755);
  fs.mkdirSync('/run/sshd', { recursive: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(dir, 'host')]);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', phrase, '-f', path.join(dir, 'client')]);
});
test.after(async () => {
  await account('userdel', '-r', '-f', name);
  fs.rmSync(dir, { recursive: true });
});

/** The ssh options of a server with these methods. */
function box(methods, known = true) {
  const at = fs.mkdtempSync(path.join(dir, 'box'));
  const pam = methods.includes('interactive') ? 'yes' : 'no'; // which waits for seconds after a wrong answer
  fs.writeFileSync(path.join(at, 'sshd_config'), `HostKey ${dir}/host\nAuthorizedKeysFile ${dir}/client.pub\nStrictModes no\nUsePAM ${pam}\nPasswordAuthentication yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods ${methods}\nPidFile none\nLoginGraceTime 600\n`);
  fs.writeFileSync(path.join(at, 'known_hosts'), known ? `box ${fs.readFileSync(path.join(dir, 'host.pub'))}` : '');
  fs.writeFileSync(path.join(at, 'config'), `Host box\n  User ${name}\n  UserKnownHostsFile ${at}/known_hosts\n  ProxyCommand /usr/sbin/sshd -i -f ${at}/sshd_config\n`);
  return { config: path.join(at, 'config'), agent: false, connectTimeoutMs: 60_000, pool: false };
}

const open = (ssh, onQuestion, more = {}) => Session.create({ transport: 'ssh://box', ssh, timeoutMs: 120_000, policy: { intercept: 'off' }, onQuestion, ...more });

test('every question in turn, and an answer is a secret', async (t) => {
  const ssh = { ...box('publickey,keyboard-interactive,password', false), keyPath: path.join(dir, 'client'), hostKey: 'ask' };
  const asked = [];
  const onQuestion = async (question) => {
    asked.push(question);
    return told[question.kind];
  };
  const s = await open(ssh, onQuestion);
  t.after(() => s.close());
  assert.deepEqual(asked.map(({ kind, echo }) => [kind, echo]), [['host_key', true], ['passphrase', false], ['keyboard_interactive', false], ['password', false]]);
  for (const { text, expiresMs, signal } of asked) assert.ok(text && expiresMs > 0 && signal.aborted);
  assert.equal((await s.exec(`echo ${password.slice(0, 8)}''${password.slice(8)}`)).stdout, '[REDACTED]\n');
  const file = path.join(dir, 'saved');
  await s.snapshot(file, { passphrase: 'long enough for it' });
  const again = await restore(file, { passphrase: 'long enough for it', transport: 'ssh://box', ssh, onQuestion });
  assert.equal((await again.exec('echo on')).stdout, 'on\n');
  await again.close();
  assert.equal(asked.length, 7);
});

test('what is no answer refuses', async () => {
  const ssh = box('password');
  const why = new Error('why');
  for (const onQuestion of [undefined, null, () => null, () => undefined, () => { throw why; }, () => Promise.reject(why), () => 8675309]) {
    await assert.rejects(open(ssh, onQuestion), (e) => {
      const cause = onQuestion?.toString().includes('why') ? e.cause === why : onQuestion?.toString().includes('8675309') ? e.cause instanceof TypeError : e.cause === undefined;
      return e.code === 'EXECKIT_UNAUTHENTICATED' && cause && !`${e.stack}${JSON.stringify(e)}${e.cause?.message}`.includes('8675309');
    });
  }
  let times = 0;
  await assert.rejects(open(ssh, () => `wrong-${password}-${(times += 1)}`), (e) => e.code === 'EXECKIT_UNAUTHENTICATED' && !JSON.stringify(e).includes(password));
  assert.equal(times, 3);
  await assert.rejects(open({ ...box('password', false), hostKey: 'ask' }, () => 'no'), { code: 'EXECKIT_HOST_KEY_UNKNOWN' });
  await assert.rejects(open(ssh, 'yes'), TypeError);
});

test('a question ends with its time and with an abort', async () => {
  const ssh = box('password');
  const over = [];
  const never = ({ signal }) => new Promise((answer) => signal.addEventListener('abort', () => { over.push(true); answer(password); }));
  await assert.rejects(open(ssh, never, { approvalTimeoutMs: 100 }), { code: 'EXECKIT_UNAUTHENTICATED' });
  const control = new AbortController();
  const asked = (question) => {
    const answer = never(question);
    control.abort();
    return answer;
  };
  await assert.rejects(open(ssh, asked, { signal: control.signal }), { code: 'ABORT_ERR' });
  assert.equal(over.length, 2);
  assert.deepEqual((await call('session.list')).sessions, []);
});

test('a reconnect asks again', async (t) => {
  let asked = 0;
  const s = await open(box('keyboard-interactive'), () => (asked += 1, password));
  t.after(() => s.close());
  for (const run of [(command) => s.exec(command), async (command) => (await s.start(command)).wait()]) {
    const before = asked;
    // The account's own part of the server dies under the command.
    await assert.rejects(s.exec('ps -u $(id -u) -o pid=,comm= | grep sshd | while read pid name; do kill -9 $pid; done; sleep 20'), { code: 'EXECKIT_CONNECTION_LOST' });
    assert.equal((await run('echo on')).stdout, 'on\n');
    assert.ok(asked > before);
  }
});
