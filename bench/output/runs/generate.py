#!/usr/bin/env python3
"""Produces the failing builds and test runs that bench/output measures: generate.py OUT [NAME…].

Needs go, cargo, gcc, g++, make, cmake, node, mvn and java; installs Python's and Node's tools into WORK/tools. A tool
that is missing makes its scenarios fail, and the others are made all the same.
"""

import os
import pathlib
import subprocess
import sys
import time

import frame
import native      # noqa: F401  (they register themselves)
import scripting   # noqa: F401
import managers    # noqa: F401

PYTHON = ["pytest", "mypy", "ruff", "pylint", "flake8", "ansible-core", "robotframework", "behave"]
NODE = ["jest", "vitest", "mocha", "typescript", "eslint", "webpack", "webpack-cli", "ava", "rollup", "esbuild"]


def install(tools):
    if not (tools / "py/bin/pytest").exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools / "py")], check=True)
        subprocess.run([str(tools / "py/bin/pip"), "install", "-q", *PYTHON], check=True)
    if not (tools / "node/node_modules/jest").exists():
        (tools / "node").mkdir(parents=True, exist_ok=True)
        subprocess.run("npm init -y >/dev/null && npm i --silent --no-audit --no-fund " + " ".join(NODE), shell=True, check=True, cwd=tools / "node")


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(os.environ.get("EXECKIT_RUNS_WORK", "/tmp/execkit-runs"))
    tools = work / "tools"
    install(tools)
    bad = 0
    for name in sys.argv[2:] or sorted(frame.SCENARIOS):
        begin = time.time()
        try:
            lines, size, status, problem = frame.generate(name, work / "projects", tools, out)
        except (OSError, subprocess.SubprocessError) as e:
            lines, size, status, problem = 0, 0, None, str(e)
        bad += bool(problem)
        print(f"{name:24} {lines:7} lines {size:9} bytes  exit {status}  {time.time() - begin:5.1f}s  {problem}", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
