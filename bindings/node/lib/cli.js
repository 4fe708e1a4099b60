'use strict';

const { main } = require('./native.js');

/** Runs the command line and ends the process with its exit status. */
function run(args) {
  let status;
  try {
    status = main(args);
  } catch (error) {
    // The library was not found or does not fit. 125 is the status of a command line that failed itself.
    process.stderr.write(`${error.message}\n`);
    status = 125;
  }
  process.exit(status);
}

module.exports = { run };
