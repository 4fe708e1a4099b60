"""Running commands: their events, and the questions to a person that they lead to."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import dataclasses
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from . import _errors, _ffi
from ._aio import acall
from ._question import AsyncOnQuestion, OnQuestion, aanswer, answer
from ._result import ExecResult, result_of


@dataclasses.dataclass(frozen=True)
class ApprovalRequest:
    """What a person is asked.

    command shows every control and invisible character and is what to show; text is the same command as it would run,
    to edit. severe says that what it does cannot be taken back, or could not be understood. expires is in seconds from
    the question. env and stdin are what the call sets for this command alone.
    """

    approval_id: str
    session_id: str
    command: str
    text: str
    cwd: str
    target: str
    reason: str
    rules: list[dict[str, Any]]
    commands: list[str]
    severe: bool
    digest: str
    expires: float
    env: list[str]
    stdin: str


OnApproval = Callable[[ApprovalRequest], "bool | str"]
AsyncOnApproval = Callable[[ApprovalRequest], "bool | str | Awaitable[bool | str]"]


@dataclasses.dataclass(frozen=True)
class Event:
    """One item of a running command: started, stdout, stderr, approval_required, question, truncated, finished and others.

    data is redacted output, as text or, when encoding is "base64", of bytes that are not text; result is what the
    finished event brings.
    """

    type: str
    data: str = ""
    encoding: str = "utf-8"
    kind: str = ""
    prompt: str = ""
    pid: int | None = None
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    result: ExecResult | None = None

    @property
    def bytes(self) -> bytes:
        """The data as bytes."""
        return base64.b64decode(self.data) if self.encoding == "base64" else self.data.encode()


def _request(fields: dict[str, Any]) -> ApprovalRequest:
    texts: dict[str, Any] = {name: fields.get(name) or "" for name in ("approval_id", "session_id", "command", "text", "cwd", "target", "reason", "digest", "stdin")}
    lists: dict[str, Any] = {name: fields.get(name) or [] for name in ("rules", "commands", "env")}
    return ApprovalRequest(
        **texts,
        **lists,
        severe=fields.get("severe", True),
        expires=fields.get("expires_ms", 0) / 1000,
    )


def _answer(value: Any) -> dict[str, Any]:
    # Only True is a yes: a value that merely counts as true may be a mistake of the callback.
    if value is True:
        return {"approve": True}
    if value is False or value is None or value == "":
        return {"approve": False}
    if isinstance(value, str):
        return {"approve": True, "command": value}
    if inspect.iscoroutine(value):
        value.close()
    raise TypeError(f"on_approval returned {type(value).__name__}; return True, False or an edited command")


def drain(dropped: list[str]) -> None:
    """Wait for the commands of dropped streams, which were told to stop."""
    while dropped:
        with contextlib.suppress(_errors.InvalidArgument):  # it has ended and its id is gone
            while not _ffi.call("exec.events", {"exec_id": dropped[0]})["done"]:
                pass
        dropped.pop(0)


async def adrain(dropped: list[str]) -> None:
    while dropped:
        with contextlib.suppress(_errors.InvalidArgument):
            while not (await acall("exec.events", {"exec_id": dropped[0]}))["done"]:
                pass
        dropped.pop(0)


class _Base:
    def __init__(self, params: dict[str, Any], on_approval: Any, dropped: list[str], on_question: Any) -> None:
        self._params = {**params, **({"approve": True} if on_approval else {}), **({"ask": True} if on_question else {})}
        self._on_approval, self._on_question, self._dropped = on_approval, on_question, dropped
        self._id = ""
        self._done = False
        self._waiting: collections.deque[Event] = collections.deque()
        self._error: BaseException | None = None
        self._failure: Exception | None = None  # of on_approval
        self._outcome: ExecResult | _errors.Error | None = None  # what wait() of a Running gives

    def _take(self, raw: dict[str, Any]) -> None:
        """Take an event over; the error of a finished one is raised once everything before it was read."""
        if raw.get("error"):
            try:
                _ffi.unwrap({"ok": False, "error": raw["error"]})
            except _errors.Error as e:
                e.__cause__ = self._failure
                self._error = self._outcome = e
            return
        result = raw.get("result")
        known = {name: raw[name] for name in ("type", "data", "encoding", "kind", "prompt", "pid", "fields") if name in raw}
        event = Event(**known, result=result_of(result) if result else None)
        self._waiting.append(event)
        self._outcome = event.result or self._outcome

    def _next(self) -> Event | None:
        if self._waiting:
            return self._waiting.popleft()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return None

    def __del__(self) -> None:
        if getattr(self, "_id", "") and not self._done:
            # Dropped midway. What else it takes must not happen in a finalizer, so the session does it later.
            self._done = True
            with contextlib.suppress(Exception):
                _ffi.call_at_once("exec.stop", {"exec_id": self._id})
                self._dropped.append(self._id)


class Stream(_Base, Iterator[Event]):
    """The events of a running command. Closing or dropping it stops the command."""

    def __init__(self, params: dict[str, Any], on_approval: OnApproval | None, dropped: list[str], on_question: OnQuestion | None = None) -> None:
        super().__init__(params, on_approval, dropped, on_question)
        self._id = _ffi.call("exec.start", self._params)["exec_id"]

    def _ask(self, fields: dict[str, Any]) -> None:
        try:
            answer = _answer(self._on_approval(_request(fields)))
        except Exception as e:
            self._failure, answer = e, {"approve": False}
        with contextlib.suppress(_errors.InvalidArgument):  # too late; the events tell what became of the command
            _ffi.call("exec.approve", {"exec_id": self._id, "approval_id": fields["approval_id"], "who": "on_approval", **answer})

    def _put(self, fields: dict[str, Any]) -> None:
        said, raised = answer(self._on_question, fields)
        self._failure = raised or self._failure
        with contextlib.suppress(_errors.InvalidArgument):
            _ffi.call("exec.answer", {"exec_id": self._id, "question_id": fields["question_id"], **said})

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Event:
        while (event := self._next()) is None:
            if self._done:
                raise StopIteration
            try:
                reply = _ffi.call("exec.events", {"exec_id": self._id})
                self._done = reply["done"]
                for raw in reply["events"]:
                    self._take(raw)
                    if raw["type"] == "approval_required":
                        self._ask(raw["fields"])
                    elif raw["type"] == "question":
                        self._put(raw["fields"])
            except BaseException:
                self.close()
                raise
        return event

    def result(self) -> ExecResult:
        """Read to the end and return the result."""
        for event in self:
            if event.result is not None:
                return event.result
        raise _errors.InternalError("the command brought no result")

    def close(self) -> None:
        """Stop the command if it runs, and wait until it has."""
        self._waiting.clear()
        self._error = None
        if not self._done:
            self._done = True
            self._dropped.append(self._id)
            with contextlib.suppress(_errors.InvalidArgument):
                _ffi.call("exec.stop", {"exec_id": self._id})
            drain(self._dropped)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncStream(_Base, AsyncIterator[Event]):
    """The same as Stream, with async for; the command starts with the first event that is asked for."""

    def __init__(self, params: dict[str, Any], on_approval: AsyncOnApproval | None, dropped: list[str], on_question: AsyncOnQuestion | None = None) -> None:
        super().__init__(params, on_approval, dropped, on_question)

    async def _ask(self, fields: dict[str, Any]) -> None:
        request = _request(fields)
        try:
            answer = _answer(await asyncio.wait_for(self._value(request), request.expires))
        except Exception as e:
            self._failure, answer = e, {"approve": False}
        with contextlib.suppress(_errors.InvalidArgument):
            await acall("exec.approve", {"exec_id": self._id, "approval_id": fields["approval_id"], "who": "on_approval", **answer})

    async def _put(self, fields: dict[str, Any]) -> None:
        said, raised = await aanswer(self._on_question, fields)
        self._failure = raised or self._failure
        with contextlib.suppress(_errors.InvalidArgument):
            await acall("exec.answer", {"exec_id": self._id, "question_id": fields["question_id"], **said})

    async def _value(self, request: ApprovalRequest) -> Any:
        if inspect.iscoroutinefunction(self._on_approval):
            return await self._on_approval(request)
        value = await asyncio.to_thread(self._on_approval, request)
        return await value if inspect.isawaitable(value) else value

    async def _start(self) -> None:
        await adrain(self._dropped)
        starting = asyncio.ensure_future(acall("exec.start", self._params))
        try:
            self._id = (await asyncio.shield(starting))["exec_id"]
        except asyncio.CancelledError:
            # The reply is needed all the same: without the id nobody could stop the command.
            with contextlib.suppress(_errors.Error):
                self._id = (await starting)["exec_id"]
            raise

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Event:
        while (event := self._next()) is None:
            if self._done:
                raise StopAsyncIteration
            try:
                if not self._id:
                    await self._start()
                reply = await acall("exec.events", {"exec_id": self._id})
                self._done = reply["done"]
                for raw in reply["events"]:
                    self._take(raw)
                    if raw["type"] == "approval_required":
                        await self._ask(raw["fields"])
                    elif raw["type"] == "question":
                        await self._put(raw["fields"])
            except GeneratorExit:
                raise  # nothing may be awaited any more; the finalizer stops the command
            except BaseException:
                await self.aclose()
                raise
        return event

    async def result(self) -> ExecResult:
        """Read to the end and return the result."""
        async for event in self:
            if event.result is not None:
                return event.result
        raise _errors.InternalError("the command brought no result")

    async def aclose(self) -> None:
        """Stop the command if it runs, and wait until it has."""
        self._waiting.clear()
        self._error = None
        if not self._done:
            self._done = True
            if self._id:
                self._dropped.append(self._id)
                with contextlib.suppress(_errors.InvalidArgument):
                    await acall("exec.stop", {"exec_id": self._id})
                await adrain(self._dropped)

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
