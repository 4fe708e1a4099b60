'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { Session, Policy, AuditFailed, Blocked, InvalidArgument, verifyAudit, queryAudit } = require('..');

test('a session is recorded, and damage is named', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-audit-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const audit = { path: path.join(dir, 'log'), headPath: path.join(dir, 'head'), onFailure: 'block' };
  const session = await Session.create({ policy: Policy.defaultDeny({ allow: ['echo'] }), audit });
  assert.equal((await session.exec('echo innocent')).auditSeq, 4);
  await assert.rejects(session.exec('rm -rf /'), (error) => error instanceof Blocked && error.details.auditSeq === 5);
  await session.close();
  const report = await verifyAudit(audit.path, { head: audit.headPath });
  assert.deepEqual([report.ok, report.records, report.anchored, report.firstBad], [true, 6, true, null]);
  assert.deepEqual((await queryAudit(audit.path)).map((r) => r.kind), ['log', 'open', 'intent', 'outcome', 'block', 'close']);
  assert.equal((await queryAudit(audit.path, { kinds: ['outcome'] }))[0].exitCode, 0);
  assert.equal((await verifyAudit(audit.path, { head: report.head })).ok, true);
  const text = fs.readFileSync(audit.path, 'utf8');
  fs.writeFileSync(audit.path, text.replace('innocent', 'Innocent'));
  const bad = await verifyAudit(audit.path, { head: audit.headPath });
  assert.deepEqual([bad.ok, bad.firstBad.kind, bad.firstBad.seq], [false, 'changed', 3]);
  fs.writeFileSync(audit.path, text.slice(0, text.lastIndexOf('{"seq":6')));
  assert.equal((await verifyAudit(audit.path, { head: audit.headPath })).firstBad.kind, 'truncated');
  await assert.rejects(Session.create({ audit }), AuditFailed);
  await assert.rejects(Session.create({ audit: dir }), InvalidArgument);
  await assert.rejects(verifyAudit(audit.path, { haed: 'x' }), TypeError);
});
