'use strict';

const { fileURLToPath } = require('node:url');
const { isUint8Array } = require('node:util').types;
const { request } = require('./call.js');
const { toCamel, checkOptions } = require('./names.js');

function idOf(checkpoint) {
  return typeof checkpoint === 'string' ? checkpoint : checkpoint?.id;
}

/** A path as text. What is none goes on as it is, and is refused by its name. */
function pathOf(path) {
  return path instanceof URL ? fileURLToPath(path) : path;
}

function contentOf(content) {
  if (typeof content === 'string') return { content };
  if (isUint8Array(content)) return { content_b64: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64') };
  throw new TypeError('execkit: content must be a string or a Uint8Array');
}

/** The methods of a session that save, restore and describe. `ask` makes a call for the session. */
const methods = {
  async checkpoint(ask, label, options = {}) {
    return ask('checkpoint.create', { label }, options, [], 'checkpoint');
  },
  async checkpoints(ask, options = {}) {
    return (await ask('checkpoint.list', {}, options, [], 'checkpoints')).checkpoints;
  },
  async diff(ask, checkpoint, options = {}) {
    const { against, paths, maxBytes } = options;
    return ask('checkpoint.diff', { checkpoint: idOf(checkpoint), against: against && idOf(against), paths, max_bytes: maxBytes }, options, ['against', 'paths', 'maxBytes'], 'diff');
  },
  async restore(ask, checkpoint, options = {}) {
    const { preview, overwrite } = options;
    return ask('checkpoint.restore', { checkpoint: idOf(checkpoint), preview, overwrite }, options, ['preview', 'overwrite'], 'restore');
  },
  async deleteCheckpoint(ask, checkpoint, options = {}) {
    await ask('checkpoint.delete', { checkpoint: idOf(checkpoint) }, options, [], 'deleteCheckpoint');
  },
  async snapshot(ask, path, options = {}) {
    const { passphrase, recipients, includeSecrets } = options;
    return ask('snapshot.save', { path: pathOf(path), passphrase, recipients, include_secrets: includeSecrets }, options, ['passphrase', 'recipients', 'includeSecrets'], 'snapshot');
  },
  async state(ask, options = {}) {
    return ask('session.state', {}, options, [], 'state');
  },
  async readFile(ask, path, options = {}) {
    const { offset, limit } = options;
    return ask('file.read', { path: pathOf(path), offset, limit }, options, ['offset', 'limit'], 'readFile');
  },
  async writeFile(ask, path, content, options = {}) {
    const { mode, exclusive, parents } = options;
    const octal = mode === undefined ? undefined : mode.toString(8).padStart(4, '0');
    return ask('file.write', { path: pathOf(path), mode: octal, exclusive, parents, ...contentOf(content) }, options, ['mode', 'exclusive', 'parents'], 'writeFile');
  },
  async listFiles(ask, path = '.', options = {}) {
    return ask('file.list', { path: pathOf(path), limit: options.limit }, options, ['limit'], 'listFiles');
  },
  async statFile(ask, path, options = {}) {
    return ask('file.stat', { path: pathOf(path) }, options, [], 'statFile');
  },
};

/** Adds the methods to a class whose objects have an id. */
function addTo(Session) {
  for (const [name, method] of Object.entries(methods)) {
    Object.defineProperty(Session.prototype, name, {
      configurable: true,
      writable: true,
      value(...args) {
        return method(async (wire, params, options, known, where) => {
          checkOptions(options, [...known, 'signal'], where);
          return toCamel(await request(wire, { ...params, session_id: this.id }, options.signal));
        }, ...args);
      },
    });
  }
}

module.exports = { addTo, pathOf };
