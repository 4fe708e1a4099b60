'use strict';

const { request } = require('./call.js');
const { toCamel } = require('./names.js');

/** Returns what the library accepts and keeps at most. */
async function limits() {
  return toCamel(await request('limits.get', {}));
}

/** Returns what the library can do on this machine. */
async function capabilities() {
  return toCamel(await request('capabilities.get', {}));
}

module.exports = { limits, capabilities };
