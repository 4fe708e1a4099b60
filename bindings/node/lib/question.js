'use strict';

const { ExecKitError } = require('./errors.js');
const { abortError, request } = require('./call.js');
const { toCamel } = require('./names.js');

function checkAsker(onQuestion) {
  if (onQuestion !== undefined && onQuestion !== null && typeof onQuestion !== 'function') throw new TypeError('execkit: onQuestion must be a function');
}

/**
 * Puts a question of a server to a callback. Returns the part of a request that answers it: without an answer the
 * question is refused. `thrown` takes what the callback threw, and `signal` ends the waiting.
 */
async function answerTo(onQuestion, fields, signal, thrown) {
  try {
    const answer = await onQuestion({ ...toCamel(fields), signal });
    if (answer === undefined || answer === null) return {};
    // Its type may be told, and not its value, which may be a secret.
    if (typeof answer !== 'string') throw new TypeError(`execkit: onQuestion returned a ${typeof answer}; return the answer as a string, or null to refuse`);
    return { answer };
  } catch (error) {
    thrown.push(error);
    return {};
  }
}

/** The same, for no longer than the question stands and the caller waits. */
async function answerInTime(onQuestion, fields, signal, thrown) {
  const over = new AbortController();
  const end = () => over.abort();
  const timer = setTimeout(end, fields.expires_ms);
  signal?.addEventListener('abort', end, { once: true });
  const ended = new Promise((resolve) => over.signal.addEventListener('abort', () => resolve({}), { once: true }));
  try {
    if (signal?.aborted) return {};
    return await Promise.race([ended, answerTo(onQuestion, fields, over.signal, thrown)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
    end(); // a callback that still asks is told
  }
}

/** Ends what was opened for nobody. */
async function drop(late, destroy) {
  if (!late.question) return destroy(late.session_id);
  try {
    await request('session.answer', { opening_id: late.opening_id, cancel: true });
  } catch (error) {
    if (!(error instanceof ExecKitError)) throw error; // it has ended, which was the aim
  }
}

/** Runs a method that opens a session, and puts to onQuestion what is asked in between. */
async function opened(method, params, { signal, onQuestion }, destroy) {
  const late = (result) => drop(result, destroy);
  const thrown = [];
  let reply = await request(method, params, signal, late);
  while (onQuestion && reply.question) {
    const ref = { opening_id: reply.opening_id, question_id: reply.question.question_id };
    const said = await answerInTime(onQuestion, reply.question, signal, thrown);
    if (signal?.aborted) {
      await late(reply);
      throw abortError(signal);
    }
    try {
      reply = await request('session.answer', { ...ref, ...said }, signal, late);
    } catch (error) {
      if (thrown.length > 0) error.cause = thrown[0];
      throw error;
    }
  }
  return reply;
}

module.exports = { answerTo, checkAsker, opened };
