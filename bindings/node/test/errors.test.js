'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const execkit = require('..');
const { fromWire } = require('../lib/errors.js');

const root = path.join(__dirname, '..');

test('there is a class for each row of docs/errors.md', () => {
  const text = fs.readFileSync(path.join(root, '..', '..', 'docs', 'errors.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| `(\w+)` \|/gm)].map(([, code, name]) => [code, name]);
  assert.ok(rows.length >= 24);
  for (const [code, name] of rows) {
    const made = fromWire({ code, message: 'm', hint: 'h', outcome: 'not_run', session: 'closed' }, { a: 1 });
    assert.equal(made.constructor, execkit[name], name);
    assert.ok(made instanceof execkit.ExecKitError && made instanceof Error);
    assert.deepEqual([made.name, made.code, made.outcome, made.session, made.hint, made.details.a], [name, `EXECKIT_${code.toUpperCase()}`, 'not_run', 'closed', 'h', 1]);
    assert.match(made.message, /^m \(h\)$/);
  }
  const ours = Object.values(execkit).filter((v) => v.prototype instanceof execkit.ExecKitError && v !== execkit.CommandFailed);
  assert.equal(ours.length, rows.length);
  assert.ok(fromWire({ code: 'approval_required', message: '' }) instanceof execkit.Blocked);
});

test('a code of a newer library is still an ExecKitError', () => {
  const made = fromWire({ code: 'brand_new', message: 'm' });
  assert.deepEqual([made.constructor, made.code], [execkit.ExecKitError, 'EXECKIT_BRAND_NEW']);
});

test('errors of the library reject', async (t) => {
  await assert.rejects(execkit.call('session.exec', { sesion_id: 'x' }), (e) => e instanceof execkit.InvalidArgument && /session_id/.test(e.hint) && e.outcome === 'not_run');
  await assert.rejects(execkit.call('no.such'), { code: 'EXECKIT_INVALID_ARGUMENT' });
  await assert.rejects(execkit.call('session.destroy', { session_id: 'x' }), execkit.SessionNotFound);
  await assert.rejects(execkit.Session.create({ policy: { default: 'deny' }, onExit: 'never' }), execkit.ExecKitError);
  await assert.rejects(execkit.Session.create({ transport: 'nonsense://x' }), execkit.ExecKitError);
});

test('an unknown option names the nearest known one', async (t) => {
  const s = await execkit.Session.local();
  t.after(() => s.close());
  await assert.rejects(execkit.Session.create({ timeout_ms: 1 }), { name: 'TypeError', message: /timeoutMs/ });
  await assert.rejects(execkit.Session.create({ Policy: {} }), { name: 'TypeError', message: /did you mean policy\?/ });
  await assert.rejects(s.exec('true', { timeOutMS: 1 }), { name: 'TypeError', message: /did you mean timeoutMs\?/ });
  await assert.rejects(s.exec('true', { zzzzzzzzzzzz: 1 }), { name: 'TypeError', message: /known are timeoutMs/ });
  await assert.rejects(s.exec('true', { budget: { maxLine: 1 } }), execkit.InvalidArgument);
  await assert.rejects(s.exec('true', { timeoutMs: NaN }), TypeError);
  await assert.rejects(s.exec('true', { stdin: 5 }), TypeError);
  await assert.rejects(s.exec(['ls']), TypeError);
  assert.throws(() => new execkit.Session(), TypeError);
});

test('a library that cannot be loaded is explained', () => {
  const script = `require(${JSON.stringify(root)}).call('version.get').catch((e) => console.log(e.code, e.message))`;
  const run = (file) => execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { ...process.env, EXECKIT_LIBRARY: file } });
  assert.match(run('/nonexistent.so'), /^EXECKIT_LOAD_FAILED .*found: .*\/nonexistent\.so; needed: .*; fix: /);
  assert.match(run(__filename), /^EXECKIT_LOAD_FAILED .*found: .*(ELF|header).*; needed: /);
  assert.match(run(path.join(root, 'build', 'execkit_addon.node')), /execkit_abi_version/);
});
