import asyncio
import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest

import execkit


@pytest.fixture
def session(tmp_path):
    with execkit.create(cwd=str(tmp_path)) as s:
        yield s


def test_state_and_result(session):
    session.exec("mkdir d; cd d; v=1; export W=x")
    r = session.exec("echo $v; echo e >&2; (exit 3)")
    assert (r.stdout, r.stderr, r.exit_code, r.encoding) == ("1\n", "e\n", 3, "utf-8")
    assert r.cwd.endswith("/d") and not r.ok


def test_cwd_and_env_of_one_command(session):
    assert session.exec("pwd; echo $A", cwd="/", env={"A": "b"}).stdout == "/\nb\n"
    assert session.exec("echo ${A-unset}").stdout == "unset\n"


def test_bytes(session):
    r = session.exec("cat", stdin=b"a\xff\x00b")
    assert r.encoding == "base64" and r.stdout_bytes == b"a\xff\x00b"


def test_timeout_recovers(session):
    r = session.exec("echo partial; sleep 60", timeout=1)
    assert r.timed_out and r.exit_code == 124 and r.stdout == "partial\n"
    assert session.exec("echo on").stdout == "on\n"


def test_check(session):
    with pytest.raises(execkit.CommandFailed) as e:
        session.exec("exit 4", check=True)
    assert e.value.result.exit_code == 4


def test_environment_of_the_moment():
    os.environ["EXECKIT_TEST"] = "late"
    try:
        with execkit.create() as s:
            assert s.exec("echo $EXECKIT_TEST").stdout == "late\n"
    finally:
        del os.environ["EXECKIT_TEST"]


def test_errors(session):
    with pytest.raises(execkit.InvalidArgument) as e:
        execkit.call("session.exec", {"sesion_id": "x"})
    assert "session_id" in e.value.hint and isinstance(e.value, ValueError)
    with pytest.raises(execkit.InvalidArgument, match="audit"):
        execkit.create(audit="/nonexistent/log")
    with pytest.raises(execkit.Unsupported) as e:
        execkit.Session.sandbox(base="image")
    assert isinstance(e.value, NotImplementedError)
    with pytest.raises(execkit.InvalidArgument):
        session.exec("a\0b")
    session.close()
    session.close()
    with pytest.raises(execkit.SessionClosed):
        session.exec("true")


def test_policy_and_redaction():
    policy = execkit.Policy.default_deny(allow=["ls", "echo", "env", "grep"])
    with execkit.create(policy=policy, env={"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYzzTESTKEY001"}) as s:
        with pytest.raises(execkit.Blocked) as e:
            s.exec("rm -rf /var/lib")
        assert e.value.outcome == "not_run" and e.value.details["rules"] and isinstance(e.value, PermissionError)
        assert s.exec("env | grep AWS_SECRET").stdout == "AWS_SECRET_ACCESS_KEY=[REDACTED]\n"
    with execkit.create() as s, pytest.raises(execkit.ApprovalRequired):
        s.exec("rm -rf /var/lib/x")
    with pytest.raises(execkit.InvalidArgument):
        execkit.create(policy=execkit.Policy(defualt="deny"))


def test_checks_run_nothing():
    assert execkit.policy_check(execkit.Policy.default_deny(allow=["ls"]), "rm x")["decision"] == "deny"
    assert execkit.redact("PASSWORD=hunter2-horse") == "PASSWORD=[REDACTED]"


def test_interrupt(session):
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        session.exec("sleep 60")
    assert time.monotonic() - begin < 30
    assert session.exec("echo on").stdout == "on\n"


def test_exit_ends_what_runs(tmp_path):
    program = "import execkit; s = execkit.create(); print(s.exec('sleep 298 & echo $!').stdout)"
    pid = int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
    for _ in range(3000):
        try:
            if not pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    pytest.fail("the job outlived the interpreter")


def test_fork_is_told_apart(session):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            session.exec("true")
        except execkit.ForkedProcess:
            code = 0
        finally:
            os._exit(code)
    for _ in range(3000):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child hung")


def test_unclosed_is_warned_of():
    with pytest.warns(ResourceWarning):
        s = execkit.create()
        sid = s.id
        del s
        gc.collect()
    execkit.call("session.destroy", {"session_id": sid})


def test_asyncio():
    async def main():
        async with await execkit.AsyncSession.create() as s:
            assert (await s.exec("echo a")).stdout == "a\n"
            task = asyncio.create_task(s.exec("sleep 60"))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await s.exec("echo on")).stdout == "on\n"
            # A thousand calls in flight; the loop must go on meanwhile.
            replies = await asyncio.gather(*(execkit.acall("version.get") for _ in range(1000)))
            assert len(replies) == 1000

    asyncio.run(main())
