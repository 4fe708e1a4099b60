"""Round trips from Python: execkit beside its rivals, one after the other in one run.

Arguments: `ours` measures this package and subprocess; `rivals` the PyPI package execkit of the Rust project and
pexpect, in an environment of their own. ./build.sh bench runs both and prints one table.
"""

import statistics
import subprocess
import sys

from timing import times


def measure(name, call, n):
    taken = times(n, call)
    print(f"| {name} | {statistics.median(taken) * 1e6:,.0f} | {taken[int(n * 0.99)] * 1e6:,.0f} |", flush=True)


def ours():
    import execkit

    with execkit.create() as s:
        measure("execkit (this), `true`", lambda: s.exec("true"), 3000)
        measure("execkit (this), `/bin/true`", lambda: s.exec("/bin/true"), 1000)
    measure("subprocess.run bash -c, `true`", lambda: subprocess.run(["bash", "-c", "true"], capture_output=True), 500)
    measure("subprocess.run bash -c, `/bin/true`", lambda: subprocess.run(["bash", "-c", "/bin/true"], capture_output=True), 500)


def rivals():
    import execkit
    import pexpect.replwrap

    s = execkit.Session.local()
    measure("execkit 0.10 (Rust, PyPI), `true`", lambda: s.exec("true"), 300)
    measure("execkit 0.10 (Rust, PyPI), `/bin/true`", lambda: s.exec("/bin/true"), 300)
    shell = pexpect.replwrap.bash()
    measure("pexpect REPLWrapper, `true`", lambda: shell.run_command("true"), 100)


{"ours": ours, "rivals": rivals}[sys.argv[1]]()
