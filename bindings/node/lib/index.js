'use strict';

const { fromWire, ...errors } = require('./errors.js');
const { call } = require('./call.js');
const { abiVersion } = require('./native.js');
const { Session, ExecResult } = require('./session.js');

module.exports = { Session, ExecResult, call, abiVersion, ...errors };
