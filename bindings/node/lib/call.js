'use strict';

const errors = require('./errors.js');
const native = require('./native.js');
const { toCamel } = require('./names.js');

function abortError(signal) {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  error.name = 'AbortError';
  error.code = 'ABORT_ERR';
  return error;
}

/** Runs a method. `onLate` gets the result of a call that finished although it was aborted. */
async function request(method, params, signal, onLate) {
  if (signal !== undefined && signal !== null && !(signal instanceof EventTarget)) throw new TypeError('execkit: signal must be an AbortSignal');
  if (signal?.aborted) throw abortError(signal);
  const { token, reply: coming } = native.submit(method, params);
  const abort = () => native.cancel(token);
  signal?.addEventListener('abort', abort, { once: true });
  let reply;
  try {
    reply = await coming;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (signal?.aborted) {
    // Only now, when the command has stopped, can the caller use the session again.
    if (reply.ok) await onLate?.(reply.result);
    throw abortError(signal);
  }
  if (!reply.ok) throw errors.fromWire(reply.error, toCamel(reply.error.details ?? {}));
  return reply.result;
}

/** Runs one method of the JSON API: snake_case in and out. */
async function call(method, params = {}, options = {}) {
  if (typeof method !== 'string') throw new TypeError('execkit: method must be a string such as "version.get"');
  return request(method, params, options.signal);
}

module.exports = { abortError, request, call };
