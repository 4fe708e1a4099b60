'use strict';

const { InvalidArgument } = require('./errors.js');
const { request } = require('./call.js');
const { toCamel } = require('./names.js');

function checkApprover(onApproval) {
  if (onApproval !== undefined && onApproval !== null && typeof onApproval !== 'function') throw new TypeError('execkit: onApproval must be a function');
}

/** Puts the questions of one running command to a callback. Only true and a text that is not empty let a command run. */
class Questions {
  #ref;
  #onApproval;
  #over = new AbortController();
  /** What the callback threw, in an array since it can be anything. */
  #thrown = [];

  constructor(ref, onApproval) {
    this.#ref = ref;
    this.#onApproval = onApproval;
  }

  /** Asks without waiting: the command may be stopped or its time may be up before a person answers. */
  put(fields) {
    this.#answer(fields).catch((error) => this.#thrown.push(error));
  }

  async #answer(fields) {
    let said = false;
    try {
      said = await this.#onApproval({ ...toCamel(fields), signal: this.#over.signal });
    } catch (error) {
      this.#thrown.push(error);
    }
    // A yes to a question that is over must not overtake the stopping of its command.
    if (this.#over.signal.aborted) said = false;
    const edited = typeof said === 'string' && said !== '';
    const params = { ...this.#ref, approval_id: fields.approval_id, approve: said === true || edited };
    if (edited) params.command = said;
    try {
      await request('exec.approve', params);
    } catch (error) {
      // The question is over: it expired, or the command was stopped meanwhile.
      if (!(error instanceof InvalidArgument)) throw error;
    }
  }

  /** Tells a callback that still asks that nobody waits for it. */
  end() {
    this.#over.abort();
  }

  /** Adds what the callback threw to the error of the command that did not run for it. */
  explain(error) {
    if (this.#thrown.length > 0) error.cause = this.#thrown[0];
    return error;
  }
}

module.exports = { Questions, checkApprover };
