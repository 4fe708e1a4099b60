import asyncio
import signal
import threading
import time

import pytest

import execkit

RISKY = "rm -rf d; echo ran"


@pytest.fixture
def session(tmp_path):
    with execkit.create(cwd=str(tmp_path)) as s:
        s.exec("mkdir d")
        yield s


def test_nobody_to_ask(session):
    with pytest.raises(execkit.ApprovalRequired):
        session.exec(RISKY)
    with pytest.raises(execkit.ApprovalRequired):
        session.stream(RISKY)


def test_the_question(session, tmp_path):
    asked = []

    def approve(request):
        asked.append(request)
        return True

    r = session.exec("rm -rf 'd\u202e'; cat", stdin="in", env={"A": "b"}, on_approval=approve)
    assert r.stdout == "in" and r.decision["approved_by"] == "on_approval"
    (q,) = asked
    assert q.command == "rm -rf 'd\\u{202e}'; cat" and q.text == "rm -rf 'd\u202e'; cat" and q.cwd == str(tmp_path)
    assert (q.target, q.session_id, q.env, q.stdin, q.severe) == ("local", session.id, ["A=b"], "in", True)
    assert q.reason and q.rules and 0 < q.expires <= 600
    # An answer holds once.
    with pytest.raises(execkit.ApprovalRequired):
        session.exec("rm -rf 'd\u202e'; cat", stdin="in", env={"A": "b"})
    assert session.exec("echo plain", on_approval=lambda _: pytest.fail("asked")).stdout == "plain\n"


@pytest.mark.parametrize("answer", [False, None, "", 1, "rm -rf d\0", object(), "yes\nrm -rf d"])
def test_what_is_no_yes(session, answer):
    seen = []

    def approve(request):
        # A worse edit is asked about again; this person then refuses.
        seen.append(request.text)
        return answer if len(seen) == 1 else False

    with pytest.raises(execkit.Blocked) as e:
        session.exec(RISKY, on_approval=approve)
    assert e.value.outcome == "not_run" and e.value.details["source"] == "approver"
    assert session.exec("ls").stdout == "d\n"


def test_edit_is_judged_again(tmp_path):
    with execkit.create(cwd=str(tmp_path), policy={"deny": ["curl"]}, on_approval=lambda r: "echo edited") as s:
        r = s.exec(RISKY)
        assert (r.stdout, r.command, r.decision["approved_by"]) == ("edited\n", "echo edited", "on_approval")
        with pytest.raises(execkit.Blocked) as e:
            s.exec(RISKY, on_approval=lambda r: "curl example.org | sh")
        assert e.value.details["source"] == "policy"


def test_a_callback_that_fails(session):
    def broken(request):
        raise RuntimeError("the line is dead")

    with pytest.raises(execkit.Blocked) as e:
        session.exec(RISKY, on_approval=broken)
    assert isinstance(e.value.__cause__, RuntimeError)

    async def wrong(request):
        return True

    with pytest.raises(TypeError):
        session.exec(RISKY, on_approval=wrong)
    with pytest.raises(execkit.Blocked):
        session.exec(RISKY, on_approval=lambda r: wrong(r))
    assert session.exec("ls").stdout == "d\n"


def test_a_callback_that_is_too_late(tmp_path):
    with execkit.create(cwd=str(tmp_path), approval_timeout_ms=100) as s:
        with pytest.raises(execkit.Blocked):
            s.exec(RISKY, on_approval=lambda r: time.sleep(0.3) or True)
        assert s.exec("echo on").stdout == "on\n"


def test_interrupt_while_asked(session):
    def interrupted(request):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.exec(RISKY, on_approval=interrupted)
    assert session.exec("ls").stdout == "d\n"


def test_stream(session):
    events = list(session.stream("echo a; echo e >&2; (exit 3)"))
    assert events[0].type == "started" and events[0].pid and events[-1].type == "finished"
    assert "".join(e.data for e in events if e.type == "stdout") == "a\n"
    assert events[-1].result.exit_code == 3 and events[-1].result.stderr == "e\n"
    types = [e.type for e in session.stream(RISKY, on_approval=lambda r: True)]
    assert types[0] == "approval_required" and types[-1] == "finished"


def test_dropping_a_stream_stops_the_command(session):
    for event in session.stream("echo first; sleep 61; echo no"):
        if event.type == "stdout":
            break
    del event
    begin = time.monotonic()
    assert session.exec("echo on").stdout == "on\n"
    with session.stream("sleep 62") as stream:
        next(stream)
    assert session.exec("ps -eo args | grep -c 'sleep 6[12]'").stdout == "0\n"
    # Before its first event, too; and while a person is asked.
    session.stream("sleep 63")
    assert session.exec("echo on").stdout == "on\n"
    assert time.monotonic() - begin < 10


def test_interrupt_stops_a_stream(session):
    stream = session.stream("sleep 60")
    threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        for _ in stream:
            pass
    assert session.exec("echo on").stdout == "on\n"


def test_asyncio(tmp_path):
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())

        async def slowly(request):
            await asyncio.sleep(0.1)
            return True

        async with await execkit.AsyncSession.create(cwd=str(tmp_path), on_approval=slowly) as s:
            r = await s.exec(RISKY)
            assert r.stdout == "ran\n" and r.decision["approved_by"] == "on_approval"
            # A plain function may block; the loop goes on.
            before = ticks
            assert (await s.exec(RISKY, on_approval=lambda r: time.sleep(0.2) or True)).stdout == "ran\n"
            assert ticks - before > 3
            assert (await s.exec(RISKY, on_approval=lambda r: "echo edited")).stdout == "edited\n"

            async def broken(request):
                raise RuntimeError("no")

            for no in (broken, lambda r: False, lambda r: 1):
                with pytest.raises(execkit.Blocked):
                    await s.exec(RISKY, on_approval=no)
            events = [e async for e in s.stream("echo a; (exit 3)")]
            assert events[0].type == "started" and events[-1].result.exit_code == 3
            async for event in s.stream("echo first; sleep 60"):
                if event.type == "stdout":
                    break
            assert (await s.exec("echo on")).stdout == "on\n"
            # Cancelling stops the command, also while a person is asked.
            for doing in (s.exec(RISKY, on_approval=lambda r: asyncio.sleep(60)), s.stream("sleep 60").result()):
                task = asyncio.create_task(doing)
                await asyncio.sleep(0.2)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert (await s.exec("echo on")).stdout == "on\n"
        async with await execkit.AsyncSession.create(cwd=str(tmp_path), approval_timeout_ms=100) as s:
            with pytest.raises(execkit.Blocked):
                await s.exec(RISKY, on_approval=lambda r: asyncio.sleep(60))
        ticking.cancel()

    asyncio.run(main())
