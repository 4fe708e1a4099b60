'use strict';

const { InvalidArgument } = require('./errors.js');
const { request } = require('./call.js');
const { toCamel } = require('./names.js');
const { answerTo } = require('./question.js');

function checkApprover(onApproval) {
  if (onApproval !== undefined && onApproval !== null && typeof onApproval !== 'function') throw new TypeError('execkit: onApproval must be a function');
}

/** Puts the questions of one running command to callbacks. Only true and a text that is not empty let a command run. */
class Questions {
  #ref;
  #onApproval;
  #onQuestion;
  #over = new AbortController();
  /** What the callback threw, in an array since it can be anything. */
  #thrown = [];

  constructor(ref, { onApproval, onQuestion }) {
    this.#ref = ref;
    this.#onApproval = onApproval;
    this.#onQuestion = onQuestion;
  }

  /** Asks without waiting: the command may be stopped or its time may be up before a person answers. */
  put({ type, fields }) {
    let asking;
    if (type === 'approval_required' && this.#onApproval) asking = this.#decide(fields);
    if (type === 'question' && this.#onQuestion) asking = this.#answer(fields);
    asking?.catch((error) => this.#thrown.push(error));
  }

  async #answer(fields) {
    const said = await answerTo(this.#onQuestion, fields, this.#over.signal, this.#thrown);
    await this.#tell('exec.answer', { ...this.#ref, question_id: fields.question_id, ...said });
  }

  async #decide(fields) {
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
    await this.#tell('exec.approve', params);
  }

  async #tell(method, params) {
    try {
      await request(method, params);
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
