"""Commands that are driven while they run, jobs, and what comes too late. Time limits are for a busy machine."""

import asyncio
import gc
import inspect
import os
import signal
import threading
import time

import pytest

import execkit

LONG = 120


@pytest.fixture
def session(tmp_path):
    with execkit.create(cwd=str(tmp_path), timeout=LONG) as s:
        yield s


def usable(session):
    return session.exec("echo on").stdout == "on\n"


def seen(events, text):
    """Read events until the output has a text."""
    got = ""
    for event in events:
        got += event.data
        if text in got:
            return got
    pytest.fail(f"{text!r} is not in {got!r}")


def test_events_of_a_stream(session):
    events = list(session.stream("echo a; echo b >&2; (exit 3)"))
    assert events[0].type == "started" and [e.type for e in events[1:-1]] in (["stdout", "stderr"], ["stderr", "stdout"])
    assert {e.type: e.data for e in events[1:-1]} == {"stdout": "a\n", "stderr": "b\n"}
    assert events[-1].type == "finished" and events[-1].result.exit_code == 3


def test_bytes_of_an_event(session):
    data = b"".join(e.bytes for e in session.stream(r"printf 'a\377b\n'") if e.type == "stdout")
    assert data == b"a\xffb\n"


@pytest.mark.parametrize("leave", ["close", "drop", "with", "raise"])
def test_leaving_a_stream_stops_its_command(session, tmp_path, leave):
    stream = session.stream("echo begun; sleep 600 && touch never", timeout=0)
    seen(stream, "begun")
    if leave == "close":
        stream.close()
        stream.close()
        assert list(stream) == []
    elif leave == "with":
        with stream:
            pass
    elif leave == "raise":
        with pytest.raises(RuntimeError), stream:
            raise RuntimeError
    del stream
    gc.collect()
    assert usable(session) and not (tmp_path / "never").exists()


def test_input(session):
    with session.start("cat; echo end >&2", stdin="open") as running:
        running.write("text\n")
        running.write(b"\xc3\xa9\n")
        with pytest.raises(TimeoutError):
            running.wait(timeout=0.05)
        running.close_stdin()
        result = running.wait(timeout=LONG)
        assert (result.stdout, result.stderr) == ("text\né\n", "end\n")
        assert running.wait() == running.wait(timeout=0) == result
    assert session.exec("cat", stdin="open").stdout == "open"


def test_what_comes_after_the_end(session):
    running = session.start("cat", stdin="open")
    running.close_stdin()
    assert running.wait().ok
    for late in (lambda: running.write("x"), running.close_stdin, lambda: running.keys("enter"), lambda: running.resize(3, 3), running.screen):
        with pytest.raises(execkit.StdinNotAttached):
            late()
    assert running.signal("INT") == 0
    running.stop()
    running.close()
    assert list(running.events()) == [] and usable(session)


def test_what_a_command_cannot_do(session):
    with session.start("sleep 600", timeout=0) as running:
        for wrong in (lambda: running.write("x"), running.close_stdin, running.screen, lambda: running.resize(3, 3)):
            with pytest.raises(execkit.StdinNotAttached):
                wrong()
        with pytest.raises(execkit.InvalidArgument) as e:
            running.signal("BOGUS")
        assert isinstance(e.value, ValueError) and "TERM" in e.value.hint
        with pytest.raises(execkit.SessionBusy):
            session.exec("true")
        with pytest.raises(execkit.SessionBusy):
            session.state()
    assert usable(session)


def test_signal_and_interrupt(session):
    running = session.start("bash -c 'trap \"echo caught\" USR1; echo ready; while :; do sleep 0.1; done'", timeout=0)
    events = running.events()
    seen(events, "ready")
    assert running.signal("USR1") >= 1
    seen(events, "caught")
    assert session.interrupt() >= 1
    assert running.wait(timeout=LONG).exit_code == 130
    assert session.interrupt() == 0
    with pytest.raises(execkit.InvalidArgument):
        session.interrupt("BOGUS")


def test_stop(session):
    running = session.start("echo begun; sleep 600", timeout=0)
    seen(running.events(), "begun")
    running.stop()
    for _ in range(2):  # however often, and whoever asks
        with pytest.raises(execkit.Cancelled) as e:
            running.wait(timeout=LONG)
        assert e.value.details["result"]["stdout"] == "begun\n"
    unread = session.start("sleep 600", timeout=0)
    unread.stop()
    with pytest.raises(execkit.Cancelled):
        unread.wait(timeout=LONG)
    unread.close()
    assert usable(session)


def test_terminal(session):
    with session.start("stty size; read -r line; stty size; echo got $line; read -r rest", tty=(20, 70), timeout=0) as running:
        events = running.events()
        seen(events, "20 70")
        running.resize(30, 90)
        running.write("word")
        running.keys("enter")
        seen(events, "got word")
        screen = running.screen(png=True)
        assert (screen.rows, screen.cols) == (30, 90) and "30 90" in screen.text
        assert screen.png.startswith(b"\x89PNG") and running.screen().png is None
        with pytest.raises(execkit.InvalidArgument):
            running.keys("no-such-key")
        running.keys("enter")
        assert running.wait(timeout=LONG).ok
        assert "got word" in running.screen().text  # a screen outlives its command
    with pytest.raises(execkit.InvalidArgument):
        session.start("true", tty=(100000, 1))


def test_secret(session):
    with session.start("printf 'Password: '; read -rs p; echo; echo \"it is $p\"", tty=True, timeout=0) as running:
        kind = next(e.kind for e in running.events() if e.type == "waiting_for_input")
        assert kind == "password"
        running.write("hunter2-horse\n", secret=True)
        result = running.wait(timeout=LONG)
    assert "it is [REDACTED]" in result.stdout and "hunter2" not in result.stdout


def test_a_yielded_command_is_a_job(session):
    r = session.exec("echo begun; cat", yield_after=LONG, stdin_open=True)  # returns when cat waits
    assert r.running and r.exit_code is None and r.stdout == "begun\n" and r.waiting_for_input["on"] == "stdin"
    (job,) = [j for j in session.jobs() if j.job_id == r.job_id]
    assert (job.kind, job.state, job.exit_code) == ("command", "running", None) and job.processes[0]["command"] == "cat"
    assert job.write("more\n", yield_after=LONG).stdout == "more\n"
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.05)
    assert usable(session)  # in a fresh shell
    assert job.output()["text"] == "begun\nmore\n" and job.output(offset=6).text == "more\n"
    with pytest.raises(execkit.InvalidArgument):
        job.kill("BOGUS")
    assert job.kill() >= 1
    assert job.wait(timeout=LONG).stdout == "begun\nmore\n" and job.kill() == 0
    with pytest.raises(execkit.StdinNotAttached):
        job.write("late")


def test_a_background_job(session):
    r = session.exec("sleep 600 & echo $!")
    (job,) = session.jobs()
    assert job.kind == "background" and r.jobs[0]["job_id"] == job.job_id
    assert job.kill("TERM") >= 1
    assert job.wait(timeout=LONG) is None
    assert session.jobs()[0].state == "ended"


def test_closing_while_a_command_runs(tmp_path):
    session = execkit.create(cwd=str(tmp_path))
    came = []
    begun = threading.Event()

    def run():
        try:
            for event in session.stream("echo begun; sleep 600 && touch never", timeout=0):
                came.append(event)
                if event.data:
                    begun.set()
        except execkit.Error as e:
            came.append(e)

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(LONG)
    session.close()
    thread.join(LONG)
    assert not thread.is_alive() and not (tmp_path / "never").exists()
    assert came[-1].result.shell_exited and "fresh" not in came[-1].result.hint


def test_use_after_close(tmp_path):
    session = execkit.create(cwd=str(tmp_path))
    running = session.start("sleep 600", timeout=0)
    session.close()
    assert running.wait().shell_exited and running.wait(timeout=0).shell_exited
    running.close()
    calls = {
        "exec": "true", "stream": "true", "start": "true", "read_file": "a", "stat_file": "a", "diff": "c", "restore": "c", "delete_checkpoint": "c",
        "jobs": None, "interrupt": None, "state": None, "checkpoint": None, "checkpoints": None, "list_files": None, "snapshot": None,
    }
    for name, argument in calls.items():
        with pytest.raises(execkit.SessionClosed) as e:
            getattr(session, name)(*([] if argument is None else [argument]))
        assert isinstance(e.value, RuntimeError) and e.value.session == "closed", name
    assert session.closed and "closed" in repr(session)


def test_keyboard_interrupt_of_a_stream(session):
    stream = session.stream("echo begun; sleep 600", timeout=0)
    seen(stream, "begun")
    threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            next(stream)
    assert usable(session)


def test_traceparent(session):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert session.exec("true", traceparent=parent).ok
    with session.start("true", traceparent=parent) as running:
        assert running.wait().ok
    for call in (session.exec, session.stream, session.start):
        with pytest.raises(execkit.InvalidArgument, match="traceparent"):
            call("true", traceparent="nonsense")
    with pytest.raises(execkit.InvalidArgument, match="traceparent"):
        execkit.create(traceparent="nonsense")


def test_read_output(session):
    report = session.exec("seq 1000", budget={"max_lines": 10}).budget["stdout"]
    part = session.read_output(report["output_id"], line=500, limit=2)
    assert part.text == "500\n501\n" and part["lines_total"] == 1000 and not part.eof
    whole, offset = "", 0
    while True:
        part = session.read_output(report["output_id"], offset=offset, limit=1000)
        whole, offset = whole + part.text, part.next_offset
        if part.eof:
            break
    assert whole == "".join(f"{n}\n" for n in range(1, 1001))
    for wrong in ({"output_id": "none"}, {"output_id": report["output_id"], "offset": 1, "line": 1}):
        with pytest.raises(execkit.InvalidArgument):
            session.read_output(**wrong)


def test_asyncio(tmp_path):
    async def until(events, text):
        got = ""
        async for event in events:
            got += event.data
            if text in got:
                return
        pytest.fail(f"{text!r} is not in {got!r}")

    async def main():
        async with await execkit.AsyncSession.create(cwd=str(tmp_path), timeout=LONG) as s:
            async with await s.start("cat", stdin="open") as running:
                await running.write("a\n")
                with pytest.raises(TimeoutError):
                    await running.wait(timeout=0.05)
                await running.close_stdin()
                assert (await running.wait()).stdout == (await running.wait(timeout=0)).stdout == "a\n"
                with pytest.raises(execkit.StdinNotAttached):
                    await running.write("late")
                assert await running.signal("INT") == 0
            async with s.stream("echo begun; sleep 600 && touch never", timeout=0) as stream:
                await until(stream, "begun")
            reading = asyncio.create_task(until(s.stream("echo begun; sleep 600 && touch never", timeout=0), "no such text"))
            while not await s.interrupt("CONT"):
                await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert (await s.exec("echo on; ls")).stdout == "on\n"
            running = await s.start("sleep 600", timeout=0)
            waiting = asyncio.create_task(running.wait(timeout=LONG))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with pytest.raises(execkit.SessionBusy):
                await s.exec("true")
            await running.stop()
            with pytest.raises(execkit.Cancelled):
                await running.wait()
            async with await s.start("read -r x; echo got $x; read -r x", tty=True, timeout=0) as running:
                await running.resize(10, 60)
                await running.write("word")
                await running.keys("enter")
                await until(running.events(), "got word")
                assert "got word" in (await running.screen()).text
            r = await s.exec("echo begun; cat", yield_after=LONG, stdin_open=True)
            (job,) = [j for j in await s.jobs() if j.job_id == r.job_id]
            assert (await job.write("more\n", yield_after=LONG)).stdout == "more\n"
            with pytest.raises(TimeoutError):
                await job.wait(timeout=0.05)
            assert (await job.output()).text == "begun\nmore\n"
            assert await job.kill() >= 1 and (await job.wait(timeout=LONG)).stdout == "begun\nmore\n"
        await s.close()
        for call in (s.exec("true"), s.start("true"), s.state(), s.jobs(), s.interrupt(), s.read_file("a"), s.checkpoint()):
            with pytest.raises(execkit.SessionClosed):
                await call
        with pytest.raises(execkit.SessionClosed):
            async for _ in s.stream("true"):
                pass

    asyncio.run(main())


def test_a_cancelled_create_leaves_no_session():
    async def main():
        before = {s["session_id"] for s in (await execkit.acall("session.list"))["sessions"]}
        for turns in range(5):
            creating = asyncio.create_task(execkit.AsyncSession.create())
            for _ in range(turns):
                await asyncio.sleep(0)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creating
        assert {s["session_id"] for s in (await execkit.acall("session.list"))["sessions"]} == before

    asyncio.run(main())


def test_targets():
    with execkit.Session.sandbox(timeout=LONG) as s:
        assert s.info.transport == "sandbox"
        assert s.exec("touch /var/tmp/execkit-never").exit_code != 0
    with pytest.raises(execkit.Unavailable) as e:
        execkit.Session.docker("web", host="unix:///nonexistent", user="1000", env={"A": "b"})
    assert isinstance(e.value, ConnectionError) and "unix:///nonexistent" in e.value.message
    for container in ("", "local", "local://", "ssh://box", "-x"):
        with pytest.raises((execkit.InvalidArgument, execkit.Unavailable)):
            execkit.Session.docker(container, host="unix:///nonexistent")
    for pod, options in (("web/api", {"kubeconfig": "/nonexistent"}), (None, {}), ("api", {"selector": "a=b"}), ("local://", {}), ("web/api", {"protocol": "odd"})):
        with pytest.raises(execkit.InvalidArgument):
            execkit.Session.k8s(pod, **options)
    with pytest.raises(execkit.InvalidArgument):
        execkit.Session.docker("web", no_such_option=1)

    async def main():
        async with await execkit.AsyncSession.sandbox(network=False) as s:
            assert s.info["transport"] == "sandbox"
        with pytest.raises(execkit.Unavailable):
            await execkit.AsyncSession.docker("web", host="unix:///nonexistent")
        with pytest.raises(execkit.InvalidArgument):
            await execkit.AsyncSession.k8s("web/api", kubeconfig="/nonexistent", as_user="x")

    asyncio.run(main())


def test_everything_public_is_described_and_typed():
    for name in execkit.__all__:
        thing = getattr(execkit, name)
        assert inspect.getdoc(thing) or name == "create", name
    for cls in (execkit.Session, execkit.Stream, execkit.Running, execkit.Job):
        twin = getattr(execkit, f"Async{cls.__name__}")
        for name, method in inspect.getmembers(cls, callable):
            if name.startswith("_"):
                continue
            assert inspect.getdoc(method), f"{cls.__name__}.{name}"
            assert "return" in method.__annotations__, f"{cls.__name__}.{name}"
            other = getattr(twin, "aclose" if name == "close" and not hasattr(twin, name) else name)
            assert list(inspect.signature(other).parameters) == list(inspect.signature(method).parameters), f"{twin.__name__}.{name}"
