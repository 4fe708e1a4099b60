'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const execkit = require('..');

test('a queue that breaks fails its calls, and the next call opens another', async () => {
  const s = await execkit.Session.local();
  const addon = require.cache[Object.keys(require.cache).find((file) => file.endsWith('execkit_addon.node'))].exports;
  for (let i = 0; i < 3; i++) {
    const running = s.exec('sleep 60', { timeoutMs: 0 });
    addon.close(); // the wake descriptor reaches its end
    await assert.rejects(running, execkit.InternalError);
    // Closing the queue cancelled the command; until it has stopped the session is busy.
    for (let tries = 0; ; tries++) {
      try {
        assert.equal((await s.exec('echo on')).stdout, 'on\n');
        break;
      } catch (error) {
        if (!(error instanceof execkit.SessionBusy) || tries > 500) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
  await s.close();
});

test('an addon refuses arguments of a wrong type', () => {
  const addon = require.cache[Object.keys(require.cache).find((file) => file.endsWith('execkit_addon.node'))].exports;
  assert.throws(() => addon.submit(1, 'version.get'), TypeError);
  assert.throws(() => addon.submit('x', 'version.get', '{}'), TypeError);
  assert.throws(() => addon.submit(1, {}, '{}'), TypeError);
  assert.throws(() => addon.submit(1, 'version.get', 5), TypeError);
  assert.throws(() => addon.cancel(-1), TypeError);
  assert.throws(() => addon.guard('x', 1), TypeError);
  assert.throws(() => addon.load(undefined), TypeError);
  assert.equal(addon.cancel(1e15), false);
});
