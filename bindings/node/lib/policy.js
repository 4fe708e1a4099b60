'use strict';

const { request } = require('./call.js');
const { toCamel, toSnake } = require('./names.js');

/** A policy as a value; the core reads and checks it. */
class Policy {
  constructor(fields = {}) {
    Object.assign(this, frozen(fields));
    Object.freeze(this);
  }

  static defaultDeny(fields = {}) {
    return withDefault('deny', fields);
  }

  static defaultAllow(fields = {}) {
    return withDefault('allow', fields);
  }
}

function withDefault(decision, fields) {
  if (fields !== null && typeof fields === 'object' && 'default' in fields) throw new TypeError('execkit: the method names the default of this policy; use new Policy(fields) to choose another');
  return new Policy({ ...frozen(fields), default: decision });
}

/** Returns a copy of an object that nobody can change later; what was checked is what is enforced. */
function frozen(fields) {
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) throw new TypeError('execkit: the fields of a policy must be an object');
  return deepFreeze(structuredClone({ ...fields }));
}

function deepFreeze(value) {
  if (value === null || typeof value !== 'object') return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

/** Asks for the verdict of a policy on a command, without running anything. */
async function policyCheck(policy, command, history = []) {
  if (typeof command !== 'string') throw new TypeError('execkit: command must be a string');
  const verdict = await request('policy.check', { policy: toSnake(policy ?? null), command, history });
  return toCamel(verdict);
}

/** Returns text with its secrets hidden. */
async function redact(text, options = true) {
  if (typeof text !== 'string') throw new TypeError('execkit: text must be a string');
  return (await request('redact.text', { text, redact: toSnake(options) })).text;
}

module.exports = { Policy, policyCheck, redact };
