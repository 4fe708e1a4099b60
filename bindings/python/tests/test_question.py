"""What a server asks, put to on_question: a real sshd, a locked key, and an account with a password."""

import asyncio
import os
import pathlib
import secrets
import subprocess
import threading
import time

import pytest

import execkit

PHRASE = "phrase-" + secrets.token_hex(8)


class Box:
    """An sshd that a ProxyCommand starts, with an account that the test made."""

    def __init__(self, dir: pathlib.Path, name: str, password: str) -> None:
        self.name, self.password, self.hosts, self.key = name, password, dir / "known_hosts", str(dir / "client")
        self.public = (dir / "host.pub").read_text()
        self.hosts.write_text("box " + self.public)
        (dir / "config").write_text(f"Host box\n  User {name}\n  UserKnownHostsFile {self.hosts}\n  ProxyCommand /usr/sbin/sshd -i -f {dir}/sshd_config\n")
        self.options = {"config": str(dir / "config"), "agent": False, "connect_timeout": 60, "timeout": 120, "pool": False, "policy": {"intercept": "off"}}

    def open(self, on_question, **more):
        return execkit.Session.ssh("box", on_question=on_question, **{**self.options, **more})


@pytest.fixture(scope="module")
def account():
    """Another test may hold the lock of the system's user files."""
    name, password = "ektest" + secrets.token_hex(4), secrets.token_hex(8)
    _retried("useradd", "-m", "-d", f"/tmp/{name}", "-s", "/bin/bash", name)
    _retried("chpasswd", stdin=f"{name}:{password}\n")
    yield name, password
    _retried("userdel", "-r", "-f", name)


def _retried(*argv, stdin=""):
    for _ in range(600):
        done = subprocess.run(argv, input=stdin, text=True, capture_output=True)
        if done.returncode == 0 or "mail spool" in done.stderr:
            return
        time.sleep(0.1)
    raise AssertionError(f"{argv}: {done.stderr}")


def box(dir, account, methods):
    os.makedirs("/run/sshd", exist_ok=True)
    for one, phrase in (("host", ""), ("client", PHRASE)):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", dir / one], check=True)
    pam = "yes" if "interactive" in methods else "no"  # which waits for seconds after a wrong answer
    (dir / "sshd_config").write_text(
        f"HostKey {dir}/host\nAuthorizedKeysFile {dir}/client.pub\nStrictModes no\nUsePAM {pam}\nPasswordAuthentication yes\n"
        f"KbdInteractiveAuthentication yes\nAuthenticationMethods {methods}\nPidFile none\nLoginGraceTime 600\n"
    )
    dir.chmod(0o755)
    for above in dir.parents:
        if above.name.startswith("pytest"):
            above.chmod(0o755)
    return Box(dir, *account)


def answering(box, asked, mistakes=0):
    """A person who knows everything, but mistypes first."""
    told = {"passphrase": PHRASE, "password": box.password, "keyboard_interactive": box.password, "host_key": "yes"}

    def on_question(question):
        asked.append(question)
        return "mistyped-" + told[question.kind] if len(asked) <= mistakes else told[question.kind]

    return on_question


def test_every_question_in_turn(tmp_path, account):
    b = box(tmp_path, account, "publickey,keyboard-interactive,password")
    b.hosts.write_text("")
    asked = []
    with b.open(answering(b, asked), key_path=b.key, host_key="ask") as s:
        assert [q.kind for q in asked] == ["host_key", "passphrase", "keyboard_interactive", "password"]
        assert all(q.text and q.question_id and 0 < q.expires <= 600 for q in asked)
        assert [q.echo for q in asked] == [True, False, False, False]
        # An answer is a secret of the session from then on.
        assert s.exec(f"echo {b.password[:8]}''{b.password[8:]}").stdout == "[REDACTED]\n"
        assert [e.type for e in s.stream("true")] == ["started", "finished"]
        saved = s.snapshot(str(tmp_path / "saved"), passphrase="long enough for it")
        assert b.password not in repr((s, s.info, asked, saved))
    again = []
    with execkit.restore(
        str(tmp_path / "saved"), passphrase="long enough for it", transport="ssh://box", on_question=answering(b, again),
        ssh={"config": b.options["config"], "agent": False, "key_path": b.key, "pool": False},
    ) as s:
        assert s.exec("echo on").stdout == "on\n"
    assert [q.kind for q in again] == ["passphrase", "keyboard_interactive", "password"]


def test_answers_that_are_none(tmp_path, account):
    b = box(tmp_path, account, "password")
    asked = []
    with b.open(answering(b, asked, mistakes=1)) as s:
        assert s.exec("echo on").stdout == "on\n" and len(asked) == 2
    with pytest.raises(execkit.Unauthenticated):
        b.open(None)

    def failing(question):
        raise RuntimeError("the line is dead")

    async def wrong(question):
        return b.password

    for no, cause in ((lambda q: None, None), (failing, RuntimeError), (lambda q: 8675309, TypeError), (lambda q: wrong(q), TypeError)):
        with pytest.raises(execkit.Unauthenticated) as e:
            b.open(no)
        assert type(e.value.__cause__) is (cause or type(None)) and "8675309" not in repr((e.value, e.value.__cause__, e.value.details))
    with pytest.raises(TypeError):
        b.open(wrong)
    asked.clear()
    with pytest.raises(execkit.Unauthenticated) as e:
        b.open(answering(b, asked, mistakes=9))
    assert len(asked) == 3 and b.password not in repr((e.value, e.value.details))
    with pytest.raises(execkit.Unauthenticated) as e:
        b.open(lambda q: time.sleep(0.5) or b.password, approval_timeout_ms=100)
    assert "within 100ms" in str(e.value)
    b.hosts.write_text("")
    with pytest.raises(execkit.HostKeyUnknown):
        b.open(lambda q: "no", host_key="ask")


def test_interrupt_while_asked(tmp_path, account):
    b = box(tmp_path, account, "password")

    def interrupted(question):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        b.open(interrupted)
    with b.open(answering(b, [])) as s:
        assert s.exec("echo on").stdout == "on\n"


# Breaks the connection under the command: the account's own part of the server dies.
DROP = "ps -u $(id -u) -o pid=,comm= | grep sshd | while read pid name; do kill -9 $pid; done; sleep 20"


def drop(s):
    with pytest.raises(execkit.ConnectionLost):
        s.exec(DROP)


def test_a_reconnect_asks_again(tmp_path, account):
    b = box(tmp_path, account, "keyboard-interactive")
    asked = []
    with b.open(answering(b, asked)) as s:
        for run in (s.exec, lambda command: s.start(command).wait()):
            before = len(asked)
            drop(s)
            assert run("echo on").stdout == "on\n" and len(asked) > before
        drop(s)
        s._on_question = lambda q: 1 / 0
        with pytest.raises(execkit.Unauthenticated) as e:
            s.exec("echo on")
        assert isinstance(e.value.__cause__, ZeroDivisionError)


def test_asyncio(tmp_path, account):
    b = box(tmp_path, account, "keyboard-interactive")

    async def main():
        async def slowly(question):
            await asyncio.sleep(0.05)
            return b.password

        threads = []

        def blocking(question):
            threads.append(threading.current_thread())
            return b.password

        for ask in (slowly, blocking, lambda q: slowly(q)):
            async with await execkit.AsyncSession.ssh("box", on_question=ask, **b.options) as s:
                assert (await s.exec("echo on")).stdout == "on\n"
                with pytest.raises(execkit.ConnectionLost):
                    await s.exec(DROP)
                assert (await s.exec("echo on")).stdout == "on\n"
        assert threads and threading.main_thread() not in threads

        async def broken(question):
            raise RuntimeError("no")

        for no in (broken, lambda q: None, lambda q: 1, lambda q: asyncio.sleep(0)):
            with pytest.raises(execkit.Unauthenticated):
                await execkit.AsyncSession.ssh("box", on_question=no, **b.options)
        # Cancelling while a person is asked ends the opening, and nothing is left behind.
        reached = asyncio.Event()

        async def never(question):
            reached.set()
            await asyncio.sleep(600)

        task = asyncio.create_task(execkit.AsyncSession.ssh("box", on_question=never, **b.options))
        await asyncio.wait_for(reached.wait(), 120)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(execkit.Unauthenticated):
            await execkit.AsyncSession.ssh("box", on_question=lambda q: asyncio.sleep(600), **b.options, approval_timeout_ms=100)
        assert (await execkit.acall("session.list"))["sessions"] == []

    asyncio.run(main())
