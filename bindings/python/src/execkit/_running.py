"""Commands that are driven while they run, and jobs."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
from typing import Any

from . import _ffi
from ._aio import acall
from ._errors import Error, InvalidArgument
from ._params import Seconds, Signal, content_param, given, milliseconds, signal_param
from ._result import ExecResult, result_of
from ._stream import AsyncStream, Stream
from ._undo import Record, record

_WAIT_MS = 30_000


@dataclasses.dataclass(frozen=True)
class Screen:
    """What a terminal shows, redacted. text has a line for each row; the cursor counts from 0; png is a picture."""

    text: str
    rows: int
    cols: int
    cursor_row: int
    cursor_col: int
    cursor_visible: bool = True
    title: str = ""
    alternate: bool = False
    png: bytes | None = None
    waiting_for_input: dict[str, Any] | None = None


_SCREEN = {field.name for field in dataclasses.fields(Screen)}


def _screen(raw: dict[str, Any]) -> Screen:
    known = {name: value for name, value in raw.items() if name in _SCREEN}
    if "png" in known:
        known["png"] = base64.b64decode(known["png"])
    return Screen(**known)


def _write_params(exec_id: str, data: str | bytes, to: str | None, secret: bool, timeout: Seconds | None) -> dict[str, Any]:
    return {**given(exec_id=exec_id, to=to, secret=secret or None, timeout_ms=milliseconds(timeout)), **content_param("data", data)}


def _settled(outcome: ExecResult | Error) -> ExecResult:
    if isinstance(outcome, Error):
        raise outcome
    return outcome


def _ended(reply: dict[str, Any]) -> ExecResult | None:
    """Take what job.wait says of a command; None while it runs."""
    if reply.get("error"):
        _ffi.unwrap({"ok": False, "error": reply["error"]})
    return result_of(reply["result"]) if reply.get("result") else None


class Running:
    """A command that was started. Closing or dropping it, or its events, stops the command; wait() lets it end.

    write() and the other methods may be called from other threads than the one that reads the events.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._read = False
        self.id = stream._id

    def events(self) -> Stream:
        """Iterate over the events; the last one is finished. Questions to on_approval are asked while they are read."""
        self._read = True
        return self._stream

    def write(self, data: str | bytes, *, to: str | None = None, secret: bool = False, timeout: Seconds | None = None) -> None:
        """Give input to the command, and return when it is taken.

        Args:
            to: "stdin" or "tty"; the command's input when None, and for a secret where a password is waited for.
            secret: it is not echoed, and is hidden wherever it turns up from now on in this session.
            timeout: seconds to wait for a command that does not read; 30 when None. Then LimitExceeded is raised.
        """
        _ffi.call("exec.write", _write_params(self.id, data, to, secret, timeout))

    def keys(self, *names: str) -> None:
        """Press named keys on the command's terminal: "enter", "ctrl-c", "up", "f5", "alt-x" or a character."""
        _ffi.call("exec.write", {"exec_id": self.id, "keys": list(names)})

    def close_stdin(self) -> None:
        """End the command's input."""
        _ffi.call("exec.close_stdin", {"exec_id": self.id})

    def signal(self, name: Signal) -> int:
        """Send a signal ("INT", "TERM") to every process of the command; return how many were reached."""
        return int(_ffi.call("exec.signal", {"exec_id": self.id, "signal": signal_param(name)})["reached"])

    def resize(self, rows: int, cols: int) -> None:
        """Change the size of the command's terminal."""
        _ffi.call("exec.resize", {"exec_id": self.id, "rows": rows, "cols": cols})

    def screen(self, *, png: bool = False) -> Screen:
        """Return what the command's terminal shows, with a picture of it if png."""
        return _screen(_ffi.call("exec.screen", {"exec_id": self.id, "format": "png" if png else "text"}))

    def wait(self, timeout: Seconds | None = None) -> ExecResult:
        """Wait for the end of the command and return its result; TimeoutError after timeout seconds."""
        if self._stream._outcome is not None:
            return _settled(self._stream._outcome)
        if not self._read and timeout is None:
            self._read = True
            return self._stream.result()
        left = milliseconds(timeout)
        while True:
            step = _WAIT_MS if left is None else min(left, _WAIT_MS)
            reply = _ffi.call("job.wait", {"job_id": self.id, "timeout_ms": step})
            if (settled := _ended(reply)) is not None:
                return settled
            if left is not None and (left := left - step) <= 0:
                raise TimeoutError(f"the command still runs after {timeout} s")

    def stop(self) -> None:
        """Interrupt the command, then terminate it, then kill it; wait() then raises Cancelled."""
        with contextlib.suppress(InvalidArgument):  # it has ended and its events were read
            _ffi.call("exec.stop", {"exec_id": self.id})

    def close(self) -> None:
        """Stop the command if it runs, and wait until it has."""
        self._stream.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncRunning:
    """The same as Running, with await."""

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        self._read = False
        self.id = stream._id

    def events(self) -> AsyncStream:
        """See Running.events."""
        self._read = True
        return self._stream

    async def write(self, data: str | bytes, *, to: str | None = None, secret: bool = False, timeout: Seconds | None = None) -> None:
        """See Running.write."""
        await acall("exec.write", _write_params(self.id, data, to, secret, timeout))

    async def keys(self, *names: str) -> None:
        """See Running.keys."""
        await acall("exec.write", {"exec_id": self.id, "keys": list(names)})

    async def close_stdin(self) -> None:
        """See Running.close_stdin."""
        await acall("exec.close_stdin", {"exec_id": self.id})

    async def signal(self, name: Signal) -> int:
        """See Running.signal."""
        return int((await acall("exec.signal", {"exec_id": self.id, "signal": signal_param(name)}))["reached"])

    async def resize(self, rows: int, cols: int) -> None:
        """See Running.resize."""
        await acall("exec.resize", {"exec_id": self.id, "rows": rows, "cols": cols})

    async def screen(self, *, png: bool = False) -> Screen:
        """See Running.screen."""
        return _screen(await acall("exec.screen", {"exec_id": self.id, "format": "png" if png else "text"}))

    async def wait(self, timeout: Seconds | None = None) -> ExecResult:
        """Wait for the end of the command and return its result; TimeoutError after timeout seconds.

        The command outlives a timeout. Cancelling the task stops it if its events were not asked for and no timeout
        was given.
        """
        if self._stream._outcome is not None:
            return _settled(self._stream._outcome)
        if not self._read and timeout is None:
            self._read = True
            return await self._stream.result()
        left = milliseconds(timeout)
        while True:
            step = _WAIT_MS if left is None else min(left, _WAIT_MS)
            reply = await acall("job.wait", {"job_id": self.id, "timeout_ms": step})
            if (settled := _ended(reply)) is not None:
                return settled
            if left is not None and (left := left - step) <= 0:
                raise TimeoutError(f"the command still runs after {timeout} s")

    async def stop(self) -> None:
        """See Running.stop."""
        with contextlib.suppress(InvalidArgument):
            await acall("exec.stop", {"exec_id": self.id})

    async def aclose(self) -> None:
        """Stop the command if it runs, and wait until it has."""
        await self._stream.aclose()

    async def __aenter__(self) -> AsyncRunning:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


@dataclasses.dataclass(frozen=True)
class _Job:
    """A job at the moment when it was asked for: a command that goes on, or what a command left in the background.

    kind is "command" or "background", state "running" or "ended". processes is the tree: pid, ppid, command, cpu_ms,
    memory_bytes, ports; listening holds the TCP ports that it listens on.
    """

    job_id: str
    session_id: str
    command: str
    kind: str
    state: str
    started_ms: int
    duration_ms: int
    exit_code: int | None = None
    waiting_for_input: dict[str, Any] | None = None
    processes: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    listening: list[int] = dataclasses.field(default_factory=list)
    bytes: dict[str, int] = dataclasses.field(default_factory=dict)


_JOB = {field.name for field in dataclasses.fields(_Job)}


def job_fields(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name in _JOB}


class Job(_Job):
    __doc__ = _Job.__doc__

    def output(self, stream: str = "stdout", *, offset: int = 0, limit: int | None = None) -> Record:
        """Return a part of the output: text, encoding, next_offset, bytes_total, eof and more."""
        return record(_ffi.call("job.output", given(job_id=self.job_id, stream=stream, offset=offset, limit=limit)))

    def write(self, data: str | bytes, *, to: str | None = None, secret: bool = False, yield_after: Seconds = 1.0) -> ExecResult:
        """Give input to a command that exec left running; return what came until it ended, waited or the time was over."""
        return result_of(_ffi.call("exec.write", {**_write_params(self.job_id, data, to, secret, None), "yield_ms": milliseconds(yield_after)}))

    def wait(self, timeout: Seconds | None = None) -> ExecResult | None:
        """Wait for the end; return the result of a command, None for a background job. TimeoutError after timeout."""
        left = milliseconds(timeout)
        while True:
            step = _WAIT_MS if left is None else min(left, _WAIT_MS)
            reply = _ffi.call("job.wait", {"job_id": self.job_id, "timeout_ms": step})
            if reply["job"]["state"] == "ended":
                return result_of(reply["result"]) if reply.get("result") else None
            if left is not None and (left := left - step) <= 0:
                raise TimeoutError(f"the job still runs after {timeout} s")

    def kill(self, signal: Signal | None = None) -> int:
        """End the job with every process of it, or send them a signal; return how many were reached."""
        return int(_ffi.call("job.kill", given(job_id=self.job_id, signal=signal_param(signal)))["reached"])


class AsyncJob(_Job):
    """The same as Job, with await."""

    async def output(self, stream: str = "stdout", *, offset: int = 0, limit: int | None = None) -> Record:
        """See Job.output."""
        return record(await acall("job.output", given(job_id=self.job_id, stream=stream, offset=offset, limit=limit)))

    async def write(self, data: str | bytes, *, to: str | None = None, secret: bool = False, yield_after: Seconds = 1.0) -> ExecResult:
        """See Job.write."""
        return result_of(await acall("exec.write", {**_write_params(self.job_id, data, to, secret, None), "yield_ms": milliseconds(yield_after)}))

    async def wait(self, timeout: Seconds | None = None) -> ExecResult | None:
        """See Job.wait."""
        left = milliseconds(timeout)
        while True:
            step = _WAIT_MS if left is None else min(left, _WAIT_MS)
            reply = await acall("job.wait", {"job_id": self.job_id, "timeout_ms": step})
            if reply["job"]["state"] == "ended":
                return result_of(reply["result"]) if reply.get("result") else None
            if left is not None and (left := left - step) <= 0:
                raise TimeoutError(f"the job still runs after {timeout} s")

    async def kill(self, signal: Signal | None = None) -> int:
        """See Job.kill."""
        return int((await acall("job.kill", given(job_id=self.job_id, signal=signal)))["reached"])
