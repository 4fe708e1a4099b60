"""Makes a failing project, runs the real tool on it, and writes down what a reader must find in the output.

A scenario is a function with a Project; it writes files, tells with want() what matters, and returns the command. What
matters is known from the planted fault and not from the output, so that no recogniser judges itself.
"""

import json
import os
import pathlib
import re
import subprocess

SCENARIOS = {}
HOME = "/home/dev"
HOSTS = re.compile(r"(https?://)[A-Za-z0-9.-]+(:[0-9]+)?(/(?:simple|pypi|repository|maven2|debian)?)")


def scenario(name):
    def add(function):
        SCENARIOS[name] = function
        return function
    return add


class Project:
    def __init__(self, name, work, tools):
        self.name, self.tools, self.wanted = name, tools, []
        self.dir = work / name
        subprocess.run(["rm", "-rf", str(self.dir)], check=True)
        self.dir.mkdir(parents=True)

    def write(self, path, text):
        file = self.dir / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def want(self, *texts):
        """Texts of which each must be in the output and should survive: test names, file:line, messages."""
        self.wanted += texts

    def node_modules(self):
        os.symlink(self.tools / "node/node_modules", self.dir / "node_modules")

    def run(self, command, timeout=400):
        env = {k: os.environ[k] for k in os.environ if k in ("HOME", "LANG", "GOFLAGS", "GOPROXY", "PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CARGO_HOME", "RUSTUP_HOME", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "PIP_INDEX_URL", "GOMODCACHE", "GOSUMDB")}
        env["PATH"] = f"{self.tools}/py/bin:{self.tools}/node/node_modules/.bin:{os.environ['PATH']}"
        env |= {"TERM": "dumb", "CI": "1", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(["bash", "-c", command], cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
        return done.returncode, self.neutral(done.stdout.decode("utf-8", "replace"))

    def neutral(self, text):
        """The output without the paths and hosts of the machine that it was made on."""
        text = text.replace(str(self.dir), f"{HOME}/{self.name}").replace(str(self.tools), "/opt/tools").replace(str(self.dir.parent.parent), "/opt/build")
        text = text.replace(os.path.expanduser("~/"), HOME + "/")
        text = re.sub(r".*\benv\.[A-Z_]+=.*\n", "[DEBUG]   (s) properties = {...}\n", text)  # Maven shows the whole environment
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        return HOSTS.sub(r"\1registry.example\3", text)


def generate(name, work, tools, out):
    p = Project(name, work, tools)
    command = SCENARIOS[name](p)
    status, text = p.run(command)
    missing = [w for w in p.wanted if w not in text]
    lines = text.count("\n")
    problem = ""
    if status == 0:
        problem = "did not fail"
    elif missing:
        problem = f"lacks {missing[:4]}"
    elif lines < 2000:
        problem = "is too short"
    pathlib.Path(out, name + ".log").write_text(text)
    pathlib.Path(out, name + ".json").write_text(json.dumps({"command": command, "exit": status, "want": p.wanted}, indent=1))
    return lines, len(text), status, problem
