'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Policy, Session, Blocked, policyCheck, redact } = require('..');

const policy = Policy.defaultDeny({
  allow: ['echo', { program: 'git', argsPrefix: ['log'], argsDeny: ['--output'], reason: 'read only', match: ['git log -1'], notMatch: ['git push'] }],
  denyPatterns: ['forbidden'],
});

test('a policy is a frozen value', () => {
  const allow = ['ls'];
  const p = Policy.defaultDeny({ allow });
  allow.push('rm');
  assert.deepEqual({ ...p }, { allow: ['ls'], default: 'deny' });
  assert.throws(() => p.allow.push('rm'), TypeError);
  assert.throws(() => { p.default = 'allow'; }, TypeError);
  assert.deepEqual({ ...Policy.defaultAllow({ intercept: 'deny' }) }, { intercept: 'deny', default: 'allow' });
  assert.deepEqual({ ...new Policy(p) }, { ...p });
  assert.throws(() => Policy.defaultDeny({ default: 'allow' }), TypeError);
  assert.throws(() => Policy.defaultDeny(['ls']), TypeError);
  assert.throws(() => Policy.defaultDeny(null), TypeError);
});

test('a check tells the verdict and runs nothing', async () => {
  const decision = async (command, p = policy) => (await policyCheck(p, command)).decision;
  assert.deepEqual(await Promise.all(['git log -1', 'git log --output=x', 'git push', 'echo forbidden'].map((c) => decision(c))), ['allow', 'deny', 'deny', 'deny']);
  const verdict = await policyCheck(policy, 'echo | git push', ['cd /']);
  assert.deepEqual([verdict.decision, verdict.span, verdict.commands], ['deny', { start: 7, end: 15 }, ['echo', 'git push']]);
  assert.equal((await policyCheck(undefined, 'rm -rf /')).decision, 'ask');
  // A plain object does too, with the keys of either spelling.
  assert.equal(await decision('ls x', { deny_patterns: ['x'] }), 'deny');
  assert.equal(await decision('ls x', { denyPatterns: ['y'] }), 'allow');
});

test('a mistake in a policy names its place', async () => {
  const wrong = [{ defualt: 'deny' }, { allow: [{ program: 'git', argsPrefix: ['log'], match: ['git push'] }] }, { denyPatterns: ['('] }, { limits: { maxBites: 1 } }];
  for (const [i, name] of ['defualt', /allow\[0\]/, /deny_patterns\[0\]/, 'max_bites'].entries()) {
    await assert.rejects(policyCheck(wrong[i], 'ls'), { code: 'EXECKIT_INVALID_ARGUMENT', message: new RegExp(name) });
    await assert.rejects(Session.create({ policy: new Policy(wrong[i]) }), { code: 'EXECKIT_INVALID_ARGUMENT', message: new RegExp(name) });
  }
  await assert.rejects(policyCheck(policy, 1), TypeError);
  await assert.rejects(policyCheck(policy, 'ls', 'not a list'), { code: 'EXECKIT_INVALID_ARGUMENT' });
});

test('a session obeys its policy', async (t) => {
  const s = await Session.create({ policy });
  t.after(() => s.close());
  await assert.rejects(s.exec('git push'), (e) => {
    assert.ok(e instanceof Blocked);
    assert.deepEqual([e.outcome, e.session, e.details.source, e.details.span], ['not_run', 'usable', 'policy', { start: 0, end: 8 }]);
    return true;
  });
  const r = await s.exec('echo on');
  assert.deepEqual([r.stdout, r.decision.decision], ['on\n', 'allow']);
  await assert.rejects(async () => {
    for await (const event of s.stream('git push')) assert.notEqual(event.type, 'stdout');
  }, Blocked);
});

test('secrets are hidden in texts and in sessions', async (t) => {
  const value = 'hunter2' + 'hunter2';
  assert.equal(await redact(`password=${value}`), 'password=[REDACTED]');
  assert.equal(await redact(`password=${value}`, { labels: true }), 'password=[REDACTED:password]');
  assert.equal(await redact(`password=${value}`, false), `password=${value}`);
  assert.equal(await redact('ab-12 cd', { rules: [{ name: 'badge', pattern: '[a-z]{2}-[0-9]+', match: ['ab-1'], notMatch: ['ab'] }] }), '[REDACTED] cd');
  await assert.rejects(redact('x', { rulez: [] }), { code: 'EXECKIT_INVALID_ARGUMENT' });
  await assert.rejects(redact(1), TypeError);
  const s = await Session.create({ redact: { labels: true, values: ['sesame-opens'] } });
  t.after(() => s.close());
  const r = await s.exec('echo sesame-opens');
  assert.ok(/^\[REDACTED(:[a-z-]+)?\]\n$/.test(r.stdout), r.stdout);
  assert.ok(r.redactions.length > 0 && !r.command.includes('sesame'));
});
