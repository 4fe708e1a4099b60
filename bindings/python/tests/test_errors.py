"""The classes of failures: what they inherit, and that the library raises them."""

import time

import pytest

import execkit
from execkit import _errors

BUILTINS = {
    "invalid_argument": ValueError, "syntax_error": ValueError, "blocked": PermissionError, "approval_required": PermissionError,
    "session_not_found": LookupError, "session_closed": RuntimeError, "session_busy": RuntimeError, "unavailable": ConnectionError,
    "unauthenticated": PermissionError, "host_key_unknown": ConnectionError, "host_key_changed": ConnectionError, "target_not_found": LookupError,
    "shell_not_found": FileNotFoundError, "connection_lost": ConnectionError, "stdin_not_attached": BrokenPipeError, "limit_exceeded": OSError,
    "quota_exceeded": OSError, "unsupported": NotImplementedError, "checkpoint_not_found": LookupError, "snapshot_invalid": ValueError,
    "audit_failed": OSError, "forked_process": RuntimeError, "internal": RuntimeError,
}


def test_each_class_has_the_natural_builtin():
    # A cancelled call has none: what catches a builtin in order to go on must not catch the wish to stop.
    assert set(BUILTINS) | {"cancelled"} == set(_errors.BY_CODE)
    for code, builtin in BUILTINS.items():
        cls = _errors.BY_CODE[code]
        assert issubclass(cls, builtin) and issubclass(cls, execkit.Error)
        e = cls("what", hint="do", outcome="ran", details={"a": 1})
        assert (str(e), e.code, e.message, e.hint, e.outcome, e.details) == ("what (do)", code, "what", "do", "ran", {"a": 1})
    assert [b for b in execkit.Cancelled.__mro__ if b not in (execkit.Cancelled, execkit.Error)] == [Exception, BaseException, object]


def test_callers_who_know_nothing_of_execkit(tmp_path):
    session = execkit.create(cwd=str(tmp_path), quotas={"commands": 2})
    with session.start("cat", stdin="open") as running:
        with pytest.raises(RuntimeError):
            session.exec("true")
        running.close_stdin()
        running.wait(timeout=60)
        with pytest.raises(BrokenPipeError):
            running.write("late")
    session.exec("true")
    with pytest.raises(OSError, match="commands of 2"):
        session.exec("true")
    session.close()
    with pytest.raises((RuntimeError, LookupError)):
        session.exec("true")


def test_an_idle_session_is_closed(tmp_path):
    with execkit.create(cwd=str(tmp_path), idle_timeout=0.2) as session:
        for pause in (0.5, 2, 8, 32):
            time.sleep(pause)
            try:
                session.exec("true")
            except RuntimeError as e:
                assert isinstance(e, execkit.SessionClosed) and "idle_timeout_ms" in e.message
                return
        pytest.fail("the session is still open")
