'use strict';

// The examples of the READMEs, run as they stand.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { pathToFileURL } = require('node:url');

const root = path.join(__dirname, '..', '..', '..');

/** The JavaScript of a page as one module, which imports the package from here and fails where a promise does not. */
function moduleOf(page) {
  const blocks = [...fs.readFileSync(path.join(root, page), 'utf8').matchAll(/^```js\n(.*?)^```/gms)].map((found) => found[1]);
  assert.ok(blocks.length > 0, page);
  return blocks
    .join('\n')
    .replaceAll("from 'execkit'", `from ${JSON.stringify(pathToFileURL(path.join(__dirname, '..', 'lib', 'index.mjs')).href)}`)
    .replace(/^await (.*);  *\/\/ rejects with (\w+).*$/gm, "await $1.then(() => { throw new Error('it ran') }, (error) => { if (error.name !== '$2') throw error; });")
    .replace(/^(\(?await .*);  *\/\/ '(.*)'.*$/gm, ';console.log($1); // $2');
}

for (const [page, says] of [
  ['README.md', ''],
  ['bindings/node/README.md', '/tmp\nvalue\n 3 /tmp\n1\n2\n3\ndeny\npassword=[REDACTED]\n'],
]) {
  test(page, (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'execkit-docs-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    fs.writeFileSync(path.join(folder, 'page.mjs'), moduleOf(page));
    assert.equal(execFileSync(process.execPath, ['page.mjs'], { cwd: folder, encoding: 'utf8', input: '', timeout: 120000 }), says);
  });
}
