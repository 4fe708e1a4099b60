'use strict';

const { request } = require('./call.js');
const { toCamel, toSnake, checkOptions } = require('./names.js');
const { pathOf } = require('./undo.js');

const VERIFY = ['head', 'heads', 'publicKey', 'signal'];
const QUERY = ['session', 'label', 'exec', 'kinds', 'contains', 'fromSeq', 'toSeq', 'sinceMs', 'untilMs', 'limit', 'last', 'signal'];

/** Checks an audit log from its first record. */
async function verifyAudit(path, options = {}) {
  checkOptions(options, VERIFY, 'verifyAudit');
  const { signal, ...rest } = options;
  return toCamel(await request('audit.verify', { ...toSnake(rest), path: pathOf(path) }, signal));
}

/** Returns the records of an audit log that fit. */
async function queryAudit(path, options = {}) {
  checkOptions(options, QUERY, 'queryAudit');
  const { signal, ...rest } = options;
  return toCamel(await request('audit.query', { ...toSnake(rest), path: pathOf(path) }, signal)).records;
}

module.exports = { verifyAudit, queryAudit };
