'use strict';

const TABLE = require('./codes.js');

/** The root of every execkit error. */
class ExecKitError extends Error {
  /** @param {{message?: string, hint?: string, outcome?: string, session?: string, details?: object}} [wire] */
  constructor(wire = {}) {
    const { message = '', hint = '', outcome = 'unknown', session = 'usable', details = {} } = wire;
    super(hint ? `${message} (${hint})` : message);
    this.code = new.target.code;
    this.hint = hint;
    this.outcome = outcome;
    this.session = session;
    this.details = details;
  }
}

function brand(cls, name, code) {
  // The name is on the prototype, as in the built-in errors: an own one would be printed twice.
  Object.defineProperty(cls, 'name', { value: name });
  Object.defineProperty(cls.prototype, 'name', { value: name, writable: true, configurable: true });
  cls.code = `EXECKIT_${code.toUpperCase()}`;
  return cls;
}

brand(ExecKitError, 'ExecKitError', 'internal');

/** The classes by their code on the wire. */
const byCode = Object.create(null);
const classes = {};
for (const [code, name, parent] of TABLE) {
  byCode[code] = classes[name] = brand(class extends (byCode[parent] ?? ExecKitError) {}, name, code);
}

/** A command run with `check: true` did not exit with 0; `result` holds what it came to. */
class CommandFailed extends ExecKitError {
  constructor(result) {
    const how = result.signal ? `was ended by ${result.signal}` : result.timedOut ? 'was stopped at its deadline' : `exited with ${result.exitCode}`;
    super({ message: `the command ${how}`, hint: result.encoding === 'utf-8' ? result.stderr.slice(-200).trim() : '', outcome: 'ran', session: 'usable' });
    this.result = result;
  }
}
brand(CommandFailed, 'CommandFailed', 'command_failed');

/** Turns the error of an envelope into an object of its class. A newer library may know more codes than this package. */
function fromWire(error, details) {
  const known = byCode[error.code];
  const made = new (known ?? ExecKitError)({ ...error, details });
  if (!known) made.code = `EXECKIT_${String(error.code).toUpperCase()}`;
  return made;
}

module.exports = { ExecKitError, CommandFailed, ...classes, fromWire };
