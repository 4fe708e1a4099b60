"""Sessions and results; sync in Session, asyncio in AsyncSession."""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import dataclasses
import os
import warnings
import weakref
from typing import Any

from . import _errors, _ffi


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """What one command came to. A non-zero exit and a timeout are results, not exceptions.

    stdout and stderr are text, or base64 when encoding is "base64" (see stdout_bytes). exit_code is the shell's $?,
    124 when timed_out, None only if no status could arrive. cwd is the directory after the command.
    """

    command: str
    stdout: str
    stderr: str
    encoding: str
    exit_code: int | None
    duration_ms: int
    cwd: str
    timed_out: bool
    truncated: bool
    shell_exited: bool
    signal: str | None = None
    pipe_status: list[int] | None = None
    env_delta: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    redactions: list[dict[str, Any]] | None = None
    jobs: list[dict[str, Any]] | None = None
    events: list[dict[str, Any]] | None = None
    hint: str | None = None
    decision: dict[str, Any] | None = None
    audit_seq: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the command exited with 0."""
        return self.exit_code == 0

    def _bytes(self, text: str) -> bytes:
        return base64.b64decode(text) if self.encoding == "base64" else text.encode()

    @property
    def stdout_bytes(self) -> bytes:
        return self._bytes(self.stdout)

    @property
    def stderr_bytes(self) -> bytes:
        return self._bytes(self.stderr)

    def check(self) -> ExecResult:
        """Return self, or raise CommandFailed if the exit code is not 0."""
        if not self.ok:
            raise CommandFailed(self)
        return self


class CommandFailed(_errors.Error):
    """A command with check=True did not exit with 0; result holds what it came to."""

    code = "command_failed"

    def __init__(self, result: ExecResult) -> None:
        super().__init__(f"the command exited with {result.exit_code}", hint=result.stderr[-200:], outcome="ran")
        self.result = result


_FIELDS = {field.name for field in dataclasses.fields(ExecResult)}


def _result(raw: dict[str, Any]) -> ExecResult:
    # A newer library may send fields that this package does not know.
    return ExecResult(**{name: value for name, value in raw.items() if name in _FIELDS})


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _create_params(transport: Any, timeout: float | None, options: dict[str, Any]) -> dict[str, Any]:
    params = _given(transport=transport, timeout_ms=_milliseconds(timeout), **options)
    # The library copied the environment when it was loaded; the program may have changed it since.
    params.setdefault("host_env", [f"{name}={value}" for name, value in os.environ.items()])
    params.setdefault("cwd", os.getcwd())
    return params


def _exec_params(session_id: str, command: str, timeout: float | None, stdin: str | bytes | None, budget: Any, raw: bool, cwd: str | None, env: dict[str, str | None] | None) -> dict[str, Any]:
    params = _given(session_id=session_id, command=command, timeout_ms=_milliseconds(timeout), budget=budget, cwd=cwd, env=env)
    if isinstance(stdin, bytes):
        params["stdin_b64"] = base64.b64encode(stdin).decode()
    elif stdin is not None:
        params["stdin"] = stdin
    if raw:
        params["raw"] = True
    return params


_open: weakref.WeakSet[_Common] = weakref.WeakSet()


def _close_all() -> None:
    # The end of this process would end the shells, but not what they left in the background.
    for session in list(_open):
        if not session.closed:
            session.closed = True
            with contextlib.suppress(_errors.Error):  # a forked child has none of them
                _ffi.call("session.destroy", {"session_id": session.id})


atexit.register(_close_all)


class _Common:
    def __init__(self, info: dict[str, Any]) -> None:
        _open.add(self)
        self.info = info
        self.id: str = info["session_id"]
        self.closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.info['target']} {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        if not getattr(self, "closed", True):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)


class Session(_Common):
    """A live shell with state. Use it as a context manager, or close it."""

    @classmethod
    def create(cls, *, transport: Any = "local", timeout: float | None = None, **options: Any) -> Session:
        """Open a session.

        Args:
            transport: a target URL such as "local", or the object it stands for.
            timeout: the default deadline of a command in seconds; 30 when None, 0 for none.
            options: cwd, env, inherit_env, shell, on_exit, budget, label and the other fields of session.create.
        """
        return cls(_ffi.call("session.create", _create_params(transport, timeout, options)))

    @classmethod
    def local(cls, **options: Any) -> Session:
        """Open a session on this machine."""
        return cls.create(transport="local", **options)

    def exec(self, command: str, *, timeout: float | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, check: bool = False, raw: bool = False, cwd: str | None = None, env: dict[str, str | None] | None = None) -> ExecResult:
        """Run a command to its end.

        Args:
            timeout: the deadline in seconds; the session's when None, 0 for none.
            stdin: what the command reads; end of file at once when None.
            budget: replaces the session's budget.
            check: raise CommandFailed if the exit code is not 0.
            cwd, env: hold for this command only; a value of None removes a variable.
            raw: return both streams as base64 of the bytes as they came.
        """
        result = _result(_ffi.call("session.exec", _exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env)))
        return result.check() if check else result

    def close(self) -> None:
        """End the shell and what runs in its terminal session. Closing twice is harmless."""
        if not self.closed:
            self.closed = True
            _ffi.call("session.destroy", {"session_id": self.id})

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _LoopQueue:
    """A completion queue that an event loop watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._queue = _ffi.Queue()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        loop.add_reader(self._queue.wake_fd, self._drain)

    def _drain(self) -> None:
        for item in self._queue.take():
            future = self._waiting.pop(item["token"], None)
            if future is not None and not future.done():
                future.set_result(item["reply"])

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        token = self._queue.submit(method, params)
        future = self._waiting[token] = asyncio.get_running_loop().create_future()
        try:
            return _ffi.unwrap(await asyncio.shield(future))
        except asyncio.CancelledError:
            # The command must have stopped before the caller goes on: the session is then usable.
            self._queue.cancel(token)
            await future
            raise


_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopQueue] = weakref.WeakKeyDictionary()


async def acall(method: str, params: dict[str, Any] | None = None) -> Any:
    """Run one method of the JSON API on the running event loop. Cancelling the task stops the command."""
    loop = asyncio.get_running_loop()
    queue = _loops.get(loop)
    if queue is None:
        queue = _loops[loop] = _LoopQueue(loop)
    return await queue.call(method, params or {})


class AsyncSession(_Common):
    """The same as Session, with await."""

    @classmethod
    async def create(cls, *, transport: Any = "local", timeout: float | None = None, **options: Any) -> AsyncSession:
        return cls(await acall("session.create", _create_params(transport, timeout, options)))

    async def exec(self, command: str, *, timeout: float | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, check: bool = False, raw: bool = False, cwd: str | None = None, env: dict[str, str | None] | None = None) -> ExecResult:
        result = _result(await acall("session.exec", _exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env)))
        return result.check() if check else result

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await acall("session.destroy", {"session_id": self.id})

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def policy_check(policy: dict[str, Any] | None, command: str, history: list[str] | None = None) -> dict[str, Any]:
    """Return the verdict of a policy on a command, without running anything.

    The result has decision ("allow", "ask" or "deny"), reason, rules, span and commands. history holds the commands
    that ran before in the same session.
    """
    return _ffi.call("policy.check", _given(policy=policy, command=command, history=history))


def redact(text: str, **options: Any) -> str:
    """Return text with its secrets hidden. options: labels, values, rules, allow, off."""
    return _ffi.call("redact.text", _given(text=text, redact=options or None))["text"]
