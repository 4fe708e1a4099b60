'use strict';

const { fromWire, ...errors } = require('./errors.js');
const { call } = require('./call.js');
const { limits, capabilities } = require('./info.js');
const { abiVersion } = require('./native.js');
const { Policy, policyCheck, redact } = require('./policy.js');
const { verifyAudit, queryAudit } = require('./audit.js');
const { Session, ExecResult, Running, Job, restore } = require('./session.js');

module.exports = { Session, ExecResult, Running, Job, restore, Policy, policyCheck, redact, verifyAudit, queryAudit, limits, capabilities, call, abiVersion, ...errors };
