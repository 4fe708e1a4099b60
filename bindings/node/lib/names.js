'use strict';

// Maps whose keys are the user's own words (of variables, aliases, labels) and must arrive as they are.
const VERBATIM = new Set(['env', 'set', 'aliases', 'selector']);

/** Returns a copy of a value of the wire with camelCase keys. */
function toCamel(value) {
  return renamed(value, (key) => key.replace(/_([a-z0-9])/g, (_, c) => c.toUpperCase()));
}

/** Returns a copy of options with snake_case keys; keys that are snake_case stay so. */
function toSnake(value) {
  return renamed(value, (key) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`));
}

function renamed(value, rename) {
  // JSON would turn these into null, which stands for the default: a silent other meaning.
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`execkit: ${value} is not a number that can be sent`);
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value === null || typeof value !== 'object' || typeof value.toJSON === 'function') return value;
  const copy = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) copy[rename(key)] = VERBATIM.has(key) ? item : renamed(item, rename);
  }
  return copy;
}

/** Refuses options outside `known`: a misspelt timeout or policy must not be ignored. */
function checkOptions(options, known, where) {
  if (options === null || typeof options !== 'object') throw new TypeError(`execkit: the options of ${where} must be an object`);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const [nearest] = known.map((name) => [distance(key.toLowerCase(), name.toLowerCase()), name]).sort((a, b) => a[0] - b[0]);
    const help = nearest[0] <= Math.max(2, key.length / 2) ? `did you mean ${nearest[1]}?` : `known are ${known.join(', ')}`;
    throw new TypeError(`execkit: ${where} has no option ${JSON.stringify(key)}; ${help}`);
  }
}

/** The number of edits between two words. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { toCamel, toSnake, checkOptions };
