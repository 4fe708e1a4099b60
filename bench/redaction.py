"""Redaction as it is seen through a Python package: what of the cases is left, and the speed of output through a session.

    python bench/redaction.py ours|rival [directory of secrets*.jsonl and nonsecrets*.jsonl]

Each redactor gets every text as the output of a command that prints a file, so neither is told anything else; what a
case says about chunks does not apply here.
"""

import glob
import json
import os
import random
import re
import string
import sys
import tempfile
import time
from urllib.parse import unquote

ALPHABETS = {
    "w": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "u": string.ascii_uppercase + string.digits,
    "l": string.ascii_lowercase + string.digits,
    "a": string.ascii_letters,
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
}


def expand(rnd, template):
    """Write out a template such as ghp_{w36}; {h36} is a UUID."""

    def run(m):
        kind, n = m.group(1), int(m.group(2))
        if (kind, n) == ("h", 36):
            return "-".join("".join(rnd.choices(ALPHABETS["h"], k=k)) for k in (8, 4, 4, 4, 12))
        return "".join(rnd.choices(ALPHABETS[kind], k=n))

    return re.sub(r"\{([whuladb])(\d+)\}", run, template)


def load(pattern):
    cases = []
    for path in sorted(glob.glob(pattern)):
        with open(path, encoding="utf-8") as f:
            for line in f:
                case = json.loads(line)
                rnd = random.Random(len(cases))
                made = [expand(rnd, m) for m in case.get("make", [])]

                def part(m, made=made):
                    text = made[int(m.group(1))]
                    return text[int(m.group(2)) : int(m.group(3))] if m.group(2) else text

                if made:
                    case["text"] = re.sub(r"<<(\d+)(?::(\d+):(\d+))?>>", part, case["text"])
                    case["secrets"] = case.get("secrets", []) + made
                cases.append(case)
    return cases


def undo_backspaces(text):
    while re.search("[^\b]\b", text):
        text = re.sub("[^\b]\b", "", text)
    return text


TRANSFORMS = {
    "strip-ansi": lambda t: re.sub("\x1b\\[[0-9;?]*[ -/]*[@-~]", "", t),
    "join-lines": lambda t: t.replace("\r", "").replace("\n", ""),
    "join-continuations": lambda t: t.replace("\\\n", ""),
    "url-decode": unquote,
    "json-unescape": lambda t: re.sub(r"\\u00([0-9a-fA-F]{2})", lambda m: chr(int(m.group(1), 16)), t),
    "apply-backspace": undo_backspaces,
}


def leaks(case, out):
    """Report whether a secret of the case is in the output, as it is or after the case's transform."""
    after = TRANSFORMS.get(case.get("transform"), lambda t: t)(out)
    return any(s in out or s in after for s in case["secrets"])


def settled(text):
    """What a terminal would show: both packages clean output of more than secrets."""
    text = TRANSFORMS["strip-ansi"](text).rstrip("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def open_session(who, whole):
    import execkit

    if who == "ours":
        return execkit.create(budget={"max_chars": 64 << 20}) if whole else execkit.create()
    return execkit.Session.local(max_output_bytes=64 << 20, timeout=120) if whole else execkit.Session.local(timeout=120)


def speed(session, path, size):
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        out = session.exec(f"cat {path}").stdout
        best = max(best, size / (time.perf_counter() - start) / 1e6)
    return best, len(out)


def main():
    who = sys.argv[1]
    directory = sys.argv[2] if len(sys.argv) > 2 else "core/redact/testdata"
    secrets = load(os.path.join(directory, "secrets*.jsonl"))
    plain = load(os.path.join(directory, "nonsecrets*.jsonl"))
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "text")
        session = open_session(who, whole=True)

        def seen(text):
            with open(path, "w", encoding="utf-8", newline="") as f:
                f.write(text)
            return session.exec(f"cat {path}").stdout

        hidden = sum(not leaks(c, seen(c["text"])) for c in secrets)
        kept = sum(settled(seen(c["text"])) == settled(c["text"]) for c in plain)
        line = "2026-11-25T09:12:31.120Z INFO  http: GET /api/v1/items/4711 200 12ms agent=\"curl/8.5.0\"\n"
        text = line * ((32 << 20) // len(line))
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        whole, size = speed(session, path, len(text))
        assert size >= len(text) - 1, f"{size} of {len(text)} bytes came back"
        session.close()
        session = open_session(who, whole=False)
        bounded, size = speed(session, path, len(text))
        session.close()
    print(
        f"| {who} | {hidden} of {len(secrets)} ({hidden / len(secrets):.1%}) | {kept} of {len(plain)} ({kept / len(plain):.1%})"
        f" | {whole:.0f} MB/s | {bounded:.0f} MB/s ({size:,} kept) |",
        flush=True,
    )


if __name__ == "__main__":
    main()
