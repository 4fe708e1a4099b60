"""The Python examples of the README and of docs/: each is run, or where it needs another machine, compiled."""

import builtins
import contextlib
import io
import os
import pathlib
import re
import textwrap

import pytest

import execkit

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "bindings/python/README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = re.compile(r"ssh://|docker://|k8s://|Session\.ssh|\"k8s\"")
# Places of the examples that are not there on every machine.
PLACES = ("/mnt/elsewhere", "/srv/project", "/srv/data", "/srv/build")


def blocks():
    for page in PAGES:
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)):
            yield pytest.param(page, textwrap.dedent(code), id=f"{page.relative_to(ROOT)}-{number}")


def checked(code: str) -> str:
    """Turn `statement  # raises Class…` into a check of that, and `print(…)  # text` into one of what is printed."""
    code = re.sub(r"^( *)(\S.*?)  +# raises (?:execkit\.)?(\w+).*$", r"\1with raises(execkit.\3): \2", code, flags=re.M)
    return re.sub(r"^( *)print\((.*)\) +# ([^a-z].*|deny|password=.*)$", lambda m: f"{m[1]}printed({m[2]}, like={m[3]!r})", code, flags=re.M)


def printed(*values, like):
    shown = " ".join(map(str, values)).strip()
    assert shown.startswith(like), f"{shown!r} is not {like!r}"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """What the examples take for granted: a directory with a project, names that earlier lines made, a secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    monkeypatch.setattr(builtins, "input", lambda prompt: "no")
    for place in PLACES:
        (tmp_path / place.strip("/")).mkdir(parents=True, exist_ok=True)
    (tmp_path / "Makefile").write_text("all deploy:\n\t@echo made\n")
    (tmp_path / "srv/project/src").mkdir()
    (tmp_path / "srv/project/src/a").write_text("text\n")
    with execkit.create(workspace=tmp_path / "srv/project", cwd=tmp_path) as session:
        yield {"execkit": execkit, "sess": session, "s": session, "session": session, "token": "8fKq2LmZ81vb", "policy": execkit.Policy.default_deny(allow=["ls", "git log"]), "raises": pytest.raises, "printed": printed}


@pytest.mark.parametrize(("page", "code"), list(blocks()))
def test_example(page, code, world, tmp_path):
    for place in PLACES:
        code = code.replace(place, str(tmp_path / place.strip("/")))
    code = checked(code)
    compile(code, str(page), "exec")
    if ELSEWHERE.search(code):
        return
    # What the machine of the tests may not have, or takes long.
    code = code.replace('"npm test"', '"seq 100000"').replace('"npm run dev", yield_after=5', '"sleep 600", yield_after=0.1')
    opened = {info["session_id"] for info in execkit.call("session.list")["sessions"]}
    try:
        blocked = pytest.raises(execkit.Blocked) if "on_approval=ask" in code else contextlib.nullcontext()
        with contextlib.redirect_stdout(io.StringIO()), blocked:
            exec(compile(code, str(page), "exec"), world)
    finally:
        for info in execkit.call("session.list")["sessions"]:
            if info["session_id"] not in opened:
                execkit.call("session.destroy", {"session_id": info["session_id"]})


def test_every_page_is_found():
    told = "".join(page.read_text() for page in (ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")))
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in told and f"({page.name})" not in told] == []


def test_links_lead_somewhere():
    dead = []
    for page in (*PAGES, ROOT / "bindings/node/README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        text = page.read_text()
        named = re.findall(r"`((?:docs|include|core|bench|bindings|tests|examples)/[\w./-]+\.(?:md|h|go|py))`", text)
        linked = [os.path.join(os.path.dirname(page), to) for to in re.findall(r"\]\(([^)#:]+)\)", text)]
        dead += [f"{page.name}: {to}" for to in [*(ROOT / name for name in named), *linked] if not os.path.exists(to)]
    assert dead == []
