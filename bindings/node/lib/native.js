'use strict';

// Finding the library and its addon, and the one queue of this environment (the main thread or a worker).

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const errors = require('./errors.js');

const ABI = [1, 2]; // major, and the least minor
const LIBRARY = 'libexeckit.so';
const ADDON = 'execkit_addon.node';
const PLATFORM = `${process.platform}-${process.arch}`;

const packaged = path.join(__dirname, 'native', PLATFORM);

function usesMusl() {
  // The report is the documented place where Node tells its C library; it is costly, so only a failure asks.
  return process.platform === 'linux' && !process.report?.getReport().header.glibcVersionRuntime;
}

/** Says what was found, what is needed and what to do. */
function loadError(found, cause) {
  const musl = usesMusl();
  const needed = `needed: ${LIBRARY} and ${ADDON} for ${PLATFORM} with glibc, ABI ${ABI.join('.')}`;
  const fix = musl
    ? 'this Node runs on musl (Alpine): a library with a Go runtime cannot be loaded there after the start of a process; use an image with glibc such as node:22-slim'
    : process.platform === 'linux'
      ? 'reinstall execkit, or in a checkout run ./build.sh lib and then npm run build in bindings/node, or set EXECKIT_LIBRARY to the path of the library'
      : 'use Linux, or on Windows the Linux subsystem';
  const error = new Error(`execkit could not be loaded. found: ${found}; ${needed}; fix: ${fix}`, { cause });
  error.code = 'EXECKIT_LOAD_FAILED';
  return error;
}

function firstThatExists(name, candidates) {
  const hit = candidates.find((file) => fs.existsSync(file));
  if (!hit) throw loadError(`no ${name} at ${candidates.join(' or ')}`);
  return hit;
}

function loadAddon() {
  const file = firstThatExists(ADDON, [path.join(packaged, ADDON), path.join(__dirname, '..', 'build', ADDON)]);
  const override = process.env.EXECKIT_LIBRARY;
  const library = firstThatExists(LIBRARY, override ? [path.resolve(override)] : [path.join(packaged, LIBRARY), path.join(__dirname, '..', '..', '..', 'build', LIBRARY)]);
  let addon;
  try {
    addon = require(file);
    addon.load(library);
  } catch (error) {
    throw loadError(error.message, error);
  }
  const version = addon.abiVersion();
  const found = [version >>> 16, version & 0xffff];
  if (found[0] !== ABI[0] || found[1] < ABI[1]) throw loadError(`${library} with ABI ${found.join('.')}`);
  process.once('exit', () => addon.finish());
  return addon;
}

let addon;
/** Loaded on first use and not on import, so that a program can import execkit where it cannot run it. */
function library() {
  return (addon ??= loadAddon());
}

const pending = new Map();
let socket;
let lastToken = 0;

function connect() {
  const lib = library();
  // The event loop watches the descriptor; no thread waits, however many calls do.
  const opened = new net.Socket({ fd: lib.open(), readable: true, writable: false });
  // A broken socket still reports its end when the next one is already in use.
  const lost = (cause) => opened === socket && fail(cause);
  opened.on('data', drain);
  opened.on('error', lost);
  opened.on('close', () => lost(new Error('the wake descriptor was closed')));
  opened.unref();
  socket = opened;
}

function drain() {
  if (!socket) return;
  let batch;
  try {
    const text = addon.take();
    if (text === undefined) return;
    batch = JSON.parse(text);
  } catch (error) {
    fail(error);
    return;
  }
  for (const { token, reply } of batch) {
    const call = pending.get(token);
    if (call && pending.delete(token)) call.resolve(reply);
  }
  if (pending.size === 0) socket.unref();
}

/** A queue that cannot be read would leave every caller waiting for ever; the next call opens a new one. */
function fail(cause) {
  const calls = [...pending.values()];
  pending.clear();
  const broken = socket;
  socket = undefined;
  broken.destroy();
  addon.close();
  for (const call of calls) call.reject(new errors.InternalError({ message: `the completion queue broke: ${cause.message}`, hint: 'close the session and open another' }));
}

// A program that has no other call under way waits this long for a reply, less than what the switches to a thread of the
// library and back cost; the event loop is not held up for longer than by any other function.
const SOON_US = 200;

/** Starts a method and returns its token and the envelope or a promise of it. */
function submit(method, params) {
  if (!socket) connect();
  const token = ++lastToken;
  const body = JSON.stringify(params);
  const accepted = addon.submit(token, method, body, pending.size === 0 ? SOON_US : 0);
  if (!accepted) {
    throw new errors.InternalError({ message: `${method} could not be submitted`, outcome: 'not_run' });
  }
  if (accepted !== true) return { token, reply: JSON.parse(accepted) };
  const promise = new Promise((resolve, reject) => pending.set(token, { resolve, reject }));
  socket.ref();
  return { token, reply: promise };
}

function cancel(token) {
  return pending.has(token) && addon.cancel(token);
}

// The library ends the commands of a session only when told so. The addon does it for what is still open when the process
// exits or a worker is terminated, which runs no more JavaScript.
const destroyParams = (id) => JSON.stringify({ session_id: id });
function guard(id) {
  library().guard('session.destroy', destroyParams(id));
}
function unguard(id) {
  library().unguard('session.destroy', destroyParams(id));
}

function abiVersion() {
  return library().abiVersion();
}

/** Runs the command line, as a program of its own would, and returns its exit status. JavaScript stands still meanwhile. */
function main(args) {
  return library().main(args);
}

module.exports = { submit, cancel, guard, unguard, abiVersion, main };
