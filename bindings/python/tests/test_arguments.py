"""What a program gets that passes something else than it should, and what it may pass."""

import asyncio
import copy
import datetime
import math
import os
import pathlib
import pickle
import signal

import pytest

import execkit


@pytest.fixture(scope="module")
def session():
    with execkit.create() as s:
        yield s


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda s: s.exec(None), execkit.InvalidArgument, '"command" is missing'),
        (lambda s: s.exec(5), execkit.InvalidArgument, "must be a string"),
        (lambda s: s.exec(b"ls"), TypeError, "text as str"),
        (lambda s: s.exec("rm \udcff"), execkit.InvalidArgument, "no character"),
        (lambda s: s.exec("ls", timeout="5"), TypeError, "seconds or a timedelta, not str"),
        (lambda s: s.exec("ls", timeout=True), TypeError, "not bool"),
        (lambda s: s.exec("ls", timeout=math.nan), ValueError, "0 stands for no limit"),
        (lambda s: s.exec("ls", timeout=math.inf), ValueError, "0 stands for no limit"),
        (lambda s: s.exec("ls", timeout=-1), execkit.InvalidArgument, "out of range"),
        (lambda s: s.exec("ls", timeout=1e30), execkit.InvalidArgument, "18 digits"),
        (lambda s: s.exec("cat", stdin=5), execkit.InvalidArgument, "stdin"),
        (lambda s: s.exec("ls", budget={"max_token": 1}), execkit.InvalidArgument, 'did you mean "max_tokens"'),
        (lambda s: s.start("cat", tty="yes"), TypeError, "(rows, cols)"),
        (lambda s: s.start("cat", tty=(1, 2, 3)), TypeError, "(rows, cols)"),
        (lambda s: s.restore(None), execkit.InvalidArgument, '"checkpoint" is missing'),
        (lambda s: s.read_file("/nonexistent"), execkit.InvalidArgument, "file.list"),
        (lambda s: execkit.create(timeout_ms=5), TypeError, "give timeout, in seconds"),
        (lambda s: execkit.create(on_approval=5), TypeError, "on_approval must be a function"),
        (lambda s: execkit.create(on_question="x"), TypeError, "on_question must be a function"),
        (lambda s: execkit.AsyncSession.create(on_approval=5), TypeError, "on_approval must be a function"),
        (lambda s: execkit.create(policy="ls"), execkit.InvalidArgument, "policy: an object is needed"),
        (lambda s: execkit.create(policy=execkit.Policy.default_deny(allow="ls")), execkit.InvalidArgument, "allow"),
        (lambda s: execkit.create(quotas={"cpu_ms": math.nan}), ValueError, "not JSON compliant"),
        (lambda s: execkit.call(None), TypeError, "version.get"),
        (lambda s: execkit.call("no.such"), execkit.InvalidArgument, "capabilities.get"),
        (lambda s: execkit.redact(None), execkit.InvalidArgument, '"text" is missing'),
        (lambda s: execkit.verify_audit("/nonexistent"), execkit.InvalidArgument, "a log that a session wrote"),
        (lambda s: copy.copy(s), TypeError, "snapshot()"),
        (lambda s: pickle.dumps(s), TypeError, "snapshot()"),
    ],
)
def test_refused(session, call, error, says):
    with pytest.raises(error) as caught:
        call(session)
    assert says in str(caught.value)


def test_taken(session, tmp_path):
    assert session.exec("pwd", cwd=tmp_path).stdout == f"{tmp_path}\n"
    assert session.exec("cat", stdin=bytearray(b"a") + b"b").stdout == session.exec("cat", stdin=memoryview(b"ab")).stdout == "ab"
    assert session.exec("sleep 60", timeout=datetime.timedelta(milliseconds=300)).timed_out
    with session.start("stty size", tty=[30, 90]) as running:
        assert running.wait().stdout == "30 90\n"
    assert session.interrupt(signal.SIGINT) == 0
    with execkit.create(cwd=tmp_path, workspace=pathlib.Path(tmp_path), audit={"path": tmp_path.parent / f"{tmp_path.name}.log"}) as s:
        assert s.exec("pwd").stdout == f"{tmp_path}\n"
        s.write_file(tmp_path / "a", memoryview(b"text"))
        assert s.read_file(tmp_path / "a").content == "text"


def test_a_time_that_is_too_short_is_no_time_without_end(session):
    assert session.exec("sleep 60", timeout=1e-9).timed_out


def test_a_closed_session_says_so():
    s = execkit.create()
    s.close()
    for use in (lambda: s.exec("true"), s.state, lambda: list(s.stream("true")), s.checkpoints):
        with pytest.raises(execkit.SessionClosed):
            use()


def test_exceptions_and_results_travel_between_processes(session):
    with pytest.raises(execkit.CommandFailed) as failed:
        session.exec("echo 'fatal: no' >&2; exit 3", check=True)
    assert str(failed.value) == "the command exited with 3 (fatal: no)"
    again = pickle.loads(pickle.dumps(failed.value))
    assert (str(again), again.result) == (str(failed.value), failed.value.result)
    with pytest.raises(execkit.Blocked) as blocked:
        session.exec("rm -rf /var/lib/nothing")
    again = pickle.loads(pickle.dumps(blocked.value))
    assert (type(again), again.hint, again.details) == (execkit.ApprovalRequired, blocked.value.hint, blocked.value.details)


@pytest.mark.parametrize(("command", "says"), [("sleep 60", "was stopped at its deadline"), ("sh -c 'kill -9 $$'", "exited with 137")])
def test_how_a_command_failed(session, command, says):
    with execkit.create(timeout=0.5, policy={"intercept": "off"}) as s, pytest.raises(execkit.CommandFailed, match=says):
        s.exec(command, check=True)


def test_repr(session):
    r = session.exec("echo a; echo b >&2; (exit 3)", cwd="/")
    assert repr(r) == f"ExecResult(stdout='a\\n', stderr='b\\n', exit_code=3, duration_ms={r.duration_ms}, cwd={r.cwd!r})"
    assert "timed_out=True" in repr(session.exec("sleep 60", timeout=0.2))
    assert len(repr(session.exec("seq 10000"))) < 1000


def test_async_with_opens_and_closes():
    async def main():
        async with execkit.AsyncSession.create(cwd="/") as s:
            assert (await s.exec("pwd")).stdout == "/\n"
        assert s.closed
        task = asyncio.create_task(execkit.AsyncSession.local(cwd="/"))
        async with await task as s:
            assert (await s.exec("pwd")).ok
        with pytest.raises(execkit.InvalidArgument):
            async with execkit.AsyncSession.create(cwd="/nonexistent"):
                pass

    asyncio.run(main())


def test_everything_public_is_explained():
    silent = []
    for name in execkit.__all__:
        thing = getattr(execkit, name)
        members = [(name, thing)]
        if isinstance(thing, type) and thing.__module__.startswith("execkit"):
            members += [(f"{name}.{m}", f) for m, f in vars(thing).items() if not m.startswith("_") and (callable(f) or isinstance(f, (classmethod, property)))]
        silent += [path for path, member in members if not member.__doc__]
    assert silent == []


def test_time_of_a_person_is_in_seconds():
    def slow(request):
        assert 0 < request.expires <= 0.5
        return False

    with execkit.create(approval_timeout=0.5, on_approval=slow, cwd=os.sep) as s, pytest.raises(execkit.Blocked):
        s.exec("rm -rf /var/lib/nothing")
