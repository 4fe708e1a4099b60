'use strict';

// What a program gets that passes something else than it should.

const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { pathToFileURL } = require('node:url');
const execkit = require('../lib/index.js');
const { Session, Policy, InvalidArgument } = execkit;

let session;
before(async () => {
  session = await Session.create();
});
after(() => session.close());

for (const [what, use, name, says] of [
  ['no options of a constructor', () => new Session(), 'TypeError', /await Session.create/],
  ['a signal that is none', () => Session.create({ signal: 5 }), 'TypeError', /AbortSignal/],
  ['a signal of a command that is none', () => session.exec('true', { signal: {} }), 'TypeError', /AbortSignal/],
  ['seconds', () => Session.create({ timeout: 5 }), 'TypeError', /timeoutMs/],
  ['a part of a millisecond', () => session.exec('true', { timeoutMs: 1500.5 }), 'InvalidArgument', /a whole number .*not 1500.5/],
  ['a text for a number', () => session.exec('true', { timeoutMs: '5' }), 'InvalidArgument', /timeout_ms/],
  ['a misspelt budget', () => session.exec('true', { budget: { maxToken: 5 } }), 'InvalidArgument', /did you mean "max_tokens"/],
  ['a text for a policy', () => Session.create({ policy: 'ls' }), 'InvalidArgument', /policy: an object is needed/],
  ['a text for a list', () => Session.create({ policy: Policy.defaultDeny({ allow: 'ls' }) }), 'InvalidArgument', /allow/],
  ['half a character', () => session.exec('rm \udcff'), 'InvalidArgument', /no character/],
  ['no path of a log', () => execkit.verifyAudit(), 'InvalidArgument', /"path" is missing/],
  ['a log that is not there', () => execkit.verifyAudit('/nonexistent'), 'InvalidArgument', /a log that a session wrote/],
  ['no checkpoint', () => session.restore(), 'InvalidArgument', /"checkpoint" is missing/],
  ['no output', () => session.readOutput(), 'InvalidArgument', /"output_id" is missing/],
]) {
  test(what, async () => {
    await assert.rejects(async () => use(), (error) => {
      assert.equal(error.name, name);
      assert.equal(error instanceof InvalidArgument, name === 'InvalidArgument');
      assert.match(error.message, says);
      return true;
    });
  });
}

test('a directory as a URL', async () => {
  assert.equal((await session.exec('pwd', { cwd: pathToFileURL('/usr/') })).stdout, '/usr\n');
  const other = await Session.create({ cwd: pathToFileURL('/usr') });
  assert.equal((await other.exec('pwd')).stdout, '/usr\n');
  await other.close();
});

test('a refused signal opens no session', async () => {
  const open = async () => (await execkit.call('session.list')).sessions.length;
  const had = await open();
  await assert.rejects(Session.create({ signal: 5 }), TypeError);
  assert.equal(await open(), had);
});

test('how a command failed', async () => {
  await assert.rejects(session.exec('echo "no such" >&2; (exit 3)', { check: true }), { message: 'the command exited with 3 (no such)' });
  await assert.rejects(session.exec('sleep 60', { check: true, timeoutMs: 200 }), { message: 'the command was stopped at its deadline' });
});
