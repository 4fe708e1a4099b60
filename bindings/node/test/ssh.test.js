'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const execkit = require('../lib/index.js');

// A real sshd that a ProxyCommand starts: no port is needed.
function configure(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ekssh'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.mkdirSync('/run/sshd', { recursive: true });
  for (const name of ['host', 'client']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(dir, name)]);
  const read = (name) => fs.readFileSync(path.join(dir, name), 'utf8');
  const write = (name, text) => fs.writeFileSync(path.join(dir, name), text, { mode: 0o600 });
  write('authorized_keys', read('client.pub'));
  write('sshd_config', `HostKey ${dir}/host\nAuthorizedKeysFile ${dir}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n`);
  write('known_hosts', `box ${read('host.pub')}`);
  write('config', `Host box\n  User root\n  IdentityFile ${dir}/client\n  UserKnownHostsFile ${dir}/known_hosts\n  ProxyCommand /usr/sbin/sshd -i -f ${dir}/sshd_config\n`);
  return { config: path.join(dir, 'config'), write };
}

test('a session over ssh', async (t) => {
  const { config, write } = configure(t);
  const s = await execkit.Session.ssh('box', { config, agent: false, connectTimeoutMs: 60_000, timeoutMs: 120_000 });
  const r = await s.exec('cd /usr/lib; echo out; echo err >&2');
  assert.deepEqual([r.stdout, r.stderr, r.exitCode, r.cwd], ['out\n', 'err\n', 0, '/usr/lib']);
  await s.close();
  write('known_hosts', '');
  await assert.rejects(execkit.Session.ssh('box', { config, agent: false }), { code: 'EXECKIT_HOST_KEY_UNKNOWN' });
  await assert.rejects(execkit.Session.ssh('box', { config, hostKye: 'strict' }), TypeError);
});
