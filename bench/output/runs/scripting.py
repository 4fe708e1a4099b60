"""Python's and Node's tools."""

import random

from frame import scenario

WORDS = "order invoice user cart token cache queue worker parser route schema index ledger batch report".split()


def pytest_files(p, files, tests, faults, body="    assert total([{0}, 1]) == {0} + 1\n"):
    """faults: {(file, test): source of the failing test's body}"""
    p.write("shop/__init__.py", "def total(items):\n    return sum(items)\n\n\ndef find(items, key):\n    return items[key]\n")
    for f in range(files):
        word = WORDS[f % len(WORDS)]
        text = "import logging\nimport pytest\nfrom shop import total, find\n\nlog = logging.getLogger(__name__)\n\n"
        for t in range(tests):
            text += f"\ndef test_{word}_{f}_{t}():\n" + faults.get((f, t), body.format(t))
        p.write(f"tests/test_{word}_{f}.py", text)


def name(f, t):
    return f"test_{WORDS[f % len(WORDS)]}_{f}_{t}"


def where(f, t, offset):
    # six lines of head, and each test is blank + def + body of one line, unless a fault is longer
    return f"tests/test_{WORDS[f % len(WORDS)]}_{f}.py:{offset}"


@scenario("pytest-verbose")
def _(p):
    faults = {(3, 7): "    assert total([1, 2]) == 4\n", (17, 30): "    assert find({'a': 1}, 'missing_key') == 1\n",
              (28, 2): "    raise RuntimeError('ledger is out of balance by 17')\n"}
    pytest_files(p, 40, 60, faults)
    p.want(name(3, 7), name(17, 30), name(28, 2), "assert 3 == 4", "KeyError: 'missing_key'", "ledger is out of balance by 17", "shop/__init__.py:6")
    return "python -m pytest -v"


@scenario("pytest-logs")
def _(p):
    noisy = "    for i in range(400):\n        log.warning('retry %d of queue', i)\n    assert total([{0}]) == {0}\n"
    faults = {(2, 1): "    for i in range(2600):\n        log.info('polling shard %d state=pending', i)\n    assert total([2]) == 5, 'shard never ready'\n",
              (5, 3): "    for i in range(900):\n        print('row', i, 'ok')\n    assert find([1], 4) == 4\n"}
    pytest_files(p, 8, 6, faults, noisy)
    p.want(name(2, 1), name(5, 3), "shard never ready", "IndexError: list index out of range", "shop/__init__.py:6")
    return "python -m pytest --log-level=INFO"


@scenario("pytest-many-failures")
def _(p):
    rng = random.Random(5)
    faults = {}
    for f in range(24):
        t = rng.randrange(50)
        faults[(f, t)] = f"    assert total([{f}]) == {f + 100}\n"
        p.want(name(f, t))
    pytest_files(p, 60, 50, faults)
    return "python -m pytest -v --tb=short"


@scenario("pytest-collection-error")
def _(p):
    pytest_files(p, 50, 50, {})
    p.write("tests/test_broken.py", "from shop import no_such_helper\n\n\ndef test_x():\n    pass\n")
    p.write("tests/test_syntax.py", "def test_y(:\n    pass\n")
    p.want("tests/test_broken.py:1", "cannot import name 'no_such_helper'", "test_syntax.py", "SyntaxError")
    return "python -m pytest -v --continue-on-collection-errors"


@scenario("pytest-parametrized")
def _(p):
    p.write("tests/test_grid.py", "import pytest\n\n\n@pytest.mark.parametrize('n', range(4000))\ndef test_square(n):\n    square = n * n\n    assert square != 1522756 and square % 1000003 != 5\n")
    p.want("test_square[1234]", "tests/test_grid.py:7")
    return "python -m pytest -v"


@scenario("unittest-verbose")
def _(p):
    for f in range(40):
        text = "import unittest\n\n\nclass Case%d(unittest.TestCase):\n" % f
        for t in range(60):
            text += f"    def test_step_{t}(self):\n"
            text += "        self.assertEqual(len('abc'), 4)\n" if (f, t) == (11, 13) else "        self.assertEqual(len('abc'), 3)\n"
        p.write(f"tests/test_case_{f}.py", text)
    p.write("tests/__init__.py", "")
    p.want("test_step_13", "test_case_11.py\", line 32", "AssertionError: 3 != 4")
    return "python -m unittest -v"


@scenario("python-traceback-in-log")
def _(p):
    p.write("worker.py", """import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
log = logging.getLogger('worker')
class Ledger:
    def post(self, n):
        if n == 31337:
            raise ValueError('negative balance on account 31337')
for n in range(40000):
    log.debug('posting entry %d to shard %d', n, n % 16)
    if n % 5000 == 0: log.info('checkpoint written at %d', n)
    try:
        Ledger().post(n)
    except ValueError:
        log.exception('posting failed')
sys.exit(3)
""")
    p.want("posting failed", "worker.py\", line 7", "ValueError: negative balance on account 31337")
    return "python worker.py"


@scenario("mypy")
def _(p):
    for f in range(400):
        p.write(f"pkg/mod_{f}.py", f"def area_{f}(w: int, h: int) -> int:\n    return w * h\n\n\nvalue: int = area_{f}(2, 3)\n" + ("\nlabel: str = area_%d(1, 2)\n" % f if f in (77, 301) else ""))
    p.write("pkg/__init__.py", "")
    p.want("pkg/mod_77.py:7", "pkg/mod_301.py:7", "Incompatible types in assignment")
    return "mypy -v --no-incremental pkg"


@scenario("pylint")
def _(p):
    for f in range(90):
        text = "".join(f"def Step_{t}(A, b):\n    X = A\n    return b\n\n" for t in range(10))
        p.write(f"pkg/mod_{f}.py", text + ("def last():\n    return undefined_ledger\n" if f == 55 else ""))
    p.write("pkg/__init__.py", "")
    p.want("pkg/mod_55.py:42", "undefined-variable")
    return "pylint -j1 pkg"


@scenario("ruff")
def _(p):
    for f in range(120):
        p.write(f"pkg/mod_{f}.py", "import os\nimport sys\n" + "".join(f"x{t} = {t};\n" for t in range(2)) + ("def broken(:\n" if f == 66 else ""))
    p.want("pkg/mod_66.py:5")
    return "ruff check --no-cache pkg"


@scenario("behave")
def _(p):
    text = "Feature: checkout\n"
    for t in range(500):
        text += f"\n  Scenario: basket {t}\n    Given a basket of {t}\n    When it is paid\n    Then the total is {t if t != 317 else 9}\n"
    p.write("features/checkout.feature", text)
    p.write("features/steps/steps.py", """from behave import given, when, then
@given('a basket of {n:d}')
def a(c, n): c.n = n
@when('it is paid')
def b(c): c.paid = True
@then('the total is {n:d}')
def d(c, n): assert c.n == n, f'total {c.n} is not {n}'
""")
    p.want("basket 317", "features/checkout.feature:1588", "total 317 is not 9")
    return "behave --no-color"


@scenario("robot")
def _(p):
    text = "*** Test Cases ***\n"
    for t in range(1200):
        text += f"Basket {t}\n    Should Be Equal    {t}    {t if t != 700 else 1}\n"
    p.write("suite.robot", text)
    p.want("Basket 700", "700 != 1")
    return "robot --output NONE --log NONE --report NONE --consolecolors off suite.robot"


@scenario("ansible")
def _(p):
    tasks = "".join(f"    - name: step {t}\n      debug:\n        msg: configured unit {t}\n" for t in range(420))
    fault = "    - name: check the ledger\n      command: sh -c 'echo ledger is locked by pid 4711 >&2; exit 9'\n"
    p.write("site.yml", "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" + tasks + fault)
    p.want("check the ledger", "ledger is locked by pid 4711")
    return "ansible-playbook -i localhost, -e ansible_python_interpreter=/usr/bin/python3 site.yml"


def js_tests(p, files, tests, faults, head, extension):
    for f in range(files):
        word = WORDS[f % len(WORDS)]
        text = head + f"describe('{word} {f}', () => {{\n"
        for t in range(tests):
            text += f"  it('keeps {word} {t}', () => {{ {faults.get((f, t), f'expect({t} + 1).toBe({t + 1})')} }})\n"
        p.write(f"test/{word}_{f}.{extension}", text + "})\n")


@scenario("jest-verbose")
def _(p):
    p.node_modules()
    p.write("package.json", '{"name":"shop"}')
    js_tests(p, 50, 50, {(4, 9): "expect({ total: 41 }).toEqual({ total: 42 })", (33, 20): "undefinedHelper(3)"}, "", "test.js")
    p.want("keeps %s 20" % WORDS[33 % 15],
           "keeps %s 9" % WORDS[4], "undefinedHelper is not defined", "test/%s_33.test.js:22" % WORDS[33 % 15], "test/%s_4.test.js:11" % WORDS[4])
    return "jest --verbose -i"


@scenario("vitest-verbose")
def _(p):
    p.node_modules()
    p.write("package.json", '{"name":"shop","type":"module"}')
    js_tests(p, 40, 60, {(6, 30): "expect('paid').toBe('open')"}, "import { describe, it, expect } from 'vitest'\n", "test.js")
    p.want("keeps %s 30" % WORDS[6], "test/%s_6.test.js:33" % WORDS[6], "expected 'paid' to be 'open'")
    return "vitest run --reporter=verbose --no-file-parallelism"


@scenario("mocha")
def _(p):
    p.node_modules()
    p.write("package.json", '{"name":"shop"}')
    js_tests(p, 40, 60, {(9, 12): "throw new Error('ledger drifted by 3')", (39, 59): "expect(1).toBe(2)"},
             "const assert = require('node:assert')\nconst expect = a => ({ toBe: b => assert.strictEqual(a, b) })\n", "spec.js")
    p.want("keeps %s 12" % WORDS[9], "keeps %s 59" % WORDS[39 % 15], "ledger drifted by 3", "test/%s_9.spec.js:16" % WORDS[9])
    return "mocha 'test/*.spec.js'"


@scenario("node-test-spec")
def _(p):
    js_tests(p, 40, 60, {(21, 44): "assert.deepEqual({ a: 1 }, { a: 2 })"},
             "const { describe, it } = require('node:test')\nconst assert = require('node:assert')\nconst expect = a => ({ toBe: b => assert.strictEqual(a, b) })\n", "test.js")
    p.want("keeps %s 44" % WORDS[21 % 15], "test/%s_21.test.js:49" % WORDS[21 % 15], "ERR_ASSERTION")
    return "node --test --test-reporter=spec test/"


@scenario("node-test-tap")
def _(p):
    js_tests(p, 30, 50, {(12, 3): "throw new TypeError('cannot price a null basket')"},
             "const { describe, it } = require('node:test')\nconst assert = require('node:assert')\nconst expect = a => ({ toBe: b => assert.strictEqual(a, b) })\n", "test.js")
    p.want("keeps %s 3" % WORDS[12], "cannot price a null basket", "test/%s_12.test.js:8" % WORDS[12])
    return "node --test --test-reporter=tap test/"


@scenario("ava")
def _(p):
    p.node_modules()
    p.write("package.json", '{"name":"shop","type":"module","ava":{"files":["test/*.js"]}}')
    for f in range(40):
        text = "import test from 'ava'\n"
        for t in range(60):
            text += f"test('keeps {f} {t}', t => t.is({t}, {t if (f, t) != (8, 8) else 9999}))\n"
        p.write(f"test/f{f}.js", text)
    p.want("keeps 8 8", "test/f8.js:10", "9999")
    return "ava --no-color -c 1"


@scenario("tsc-listing")
def _(p):
    p.node_modules()
    for f in range(300):
        p.write(f"src/m{f}.ts", f"export const v{f}: number = {f};\nexport function g{f}(a: string) {{ return a.length; }}\n" +
                ("g%d(%d);\nconst w: Wrong = 1;\n" % (f, f) if f in (42, 199) else ""))
    p.write("tsconfig.json", '{"compilerOptions":{"strict":true,"noEmit":true,"module":"nodenext","traceResolution":true,"listFiles":true,"types":["node"]},"include":["src","more"]}')
    for f in range(300):
        p.write(f"more/n{f}.ts", f"import {{ v{f} }} from '../src/m{f}.js';\nexport const z{f} = v{f};\n")
    p.want("src/m42.ts(3,5)", "src/m199.ts(3,6)", "Cannot find name 'Wrong'")
    return "tsc -p ."


@scenario("eslint")
def _(p):
    p.node_modules()
    p.write("eslint.config.mjs", "export default [{ rules: { 'no-console': 'warn', 'no-undef': 'error', 'prefer-const': 'warn', 'no-var': 'warn' } }]\n")
    for f in range(150):
        p.write(f"src/s{f}.mjs", "".join(f"var v{t} = {t}\n" for t in range(15)) + ("ledgerTotal(v1)\n" if f in (31, 140) else ""))
    p.want("src/s31.mjs", "src/s140.mjs", "'ledgerTotal' is not defined", "16:1")
    return "eslint src"


@scenario("webpack")
def _(p):
    p.node_modules()
    for f in range(500):
        p.write(f"src/m{f}.js", (f"import './m{f + 1}.js'\n" if f < 499 else "") + f"export const v = {f}\n" + ("import './no_such_module.js'\n" if f == 250 else ""))
    p.want("./src/m250.js", "Can't resolve './no_such_module.js'")
    p.write("webpack.config.js", "module.exports = { mode: 'development', entry: './src/m0.js', stats: { all: true, modulesSpace: 1e6, nestedModulesSpace: 1e6 } }\n")
    return "webpack"


@scenario("node-crash-after-log")
def _(p):
    p.write("server.js", """const http = require('node:http')
let n = 0
function handle (i) {
  console.log(JSON.stringify({ level: 'info', time: 1700000000000 + i, msg: 'request done', path: '/api/v1/item/' + i, ms: i % 37 }))
  if (i === 11999) throw new TypeError("Cannot read properties of undefined (reading 'balance')")
}
for (let i = 0; i < 12000; i++) handle(i)
""")
    p.want("server.js:5", "Cannot read properties of undefined (reading 'balance')")
    return "node server.js"
