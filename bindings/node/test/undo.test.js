'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { Session, restore, SnapshotInvalid, CheckpointNotFound, InvalidArgument } = require('..');

function project(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-undo-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const root = path.join(dir, 'project');
  fs.mkdirSync(root);
  return { root, workspace: { path: root, store: path.join(dir, 'store') } };
}

test('checkpoints', async (t) => {
  const { root, workspace } = project(t);
  const s = await Session.create({ cwd: root, workspace });
  t.after(() => s.close());
  await s.exec('echo one >a');
  const c = await s.checkpoint('good');
  await s.exec('echo two >a; echo new >made');
  assert.match((await s.diff(c)).patch, /-one\n\+two\n/);
  assert.strictEqual((await s.restore(c, { preview: true })).deleted, 1);
  const done = await s.restore(c.id);
  assert.strictEqual(fs.readFileSync(path.join(root, 'a'), 'utf8'), 'one\n');
  assert.ok(!fs.existsSync(path.join(root, 'made')));
  await s.restore(done.saved);
  assert.ok((await s.checkpoints()).some((k) => k.auto && k.changed === 2));
  await s.deleteCheckpoint(c);
  await assert.rejects(s.restore(c), CheckpointNotFound);
  await assert.rejects(s.restore(c, { previw: true }), TypeError);
});

test('a wide workspace is refused', async () => {
  await assert.rejects(Session.create({ workspace: '/' }), InvalidArgument);
});

test('state, snapshot and files', async (t) => {
  const { root } = project(t);
  const s = await Session.create({ cwd: root });
  t.after(() => s.close());
  await s.exec("export COLOR=red some_name=x; alias ll='ls -l'; hi() { echo hi; }");
  const state = await s.state();
  assert.deepStrictEqual([state.env.COLOR, state.env.some_name, state.functions, state.aliases], ['red', 'x', ['hi'], { ll: 'ls -l' }]);
  await s.writeFile('d/a', new Uint8Array([0xff]), { parents: true, mode: 0o600 });
  assert.deepStrictEqual([(await s.readFile('d/a')).encoding, (await s.statFile('d/a')).mode], ['base64', '0600']);
  assert.deepStrictEqual((await s.listFiles()).entries.map((e) => e.path), ['d']);
  const saved = await s.snapshot(undefined, { passphrase: 'p' });
  const data = Buffer.from(saved.dataB64, 'base64');
  const again = await restore(undefined, { data, passphrase: 'p' });
  t.after(() => again.close());
  assert.strictEqual((await again.exec('hi; echo $COLOR')).stdout, 'hi\nred\n');
  data[data.length - 1] ^= 1;
  await assert.rejects(restore(undefined, { data, passphrase: 'p' }), SnapshotInvalid);
});
