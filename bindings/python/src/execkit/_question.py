"""What a server asks while a session connects, put to a callback."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from . import _errors, _ffi
from ._aio import acall, acall_or


@dataclasses.dataclass(frozen=True)
class Question:
    """What a server, or a locked key, wants to know.

    kind is "password", "passphrase", "keyboard_interactive" or "host_key" (whether an unknown key is believed: "yes", or
    its fingerprint). text is in the server's own words, with control characters made visible. echo says that the answer
    may be shown while it is typed. expires is in seconds from the question.
    """

    question_id: str
    kind: str
    target: str
    text: str
    echo: bool
    expires: float


OnQuestion = Callable[[Question], "str | None"]
AsyncOnQuestion = Callable[[Question], "str | None | Awaitable[str | None]"]


def _question(fields: dict[str, Any]) -> Question:
    texts: dict[str, Any] = {name: fields.get(name) or "" for name in ("question_id", "kind", "target", "text")}
    return Question(**texts, echo=fields.get("echo", False), expires=fields.get("expires_ms", 0) / 1000)


def _said(value: Any) -> dict[str, Any]:
    """The part of a request that answers; without an answer the question is refused."""
    if value is None:
        return {}
    if isinstance(value, str):
        return {"answer": value}
    if inspect.iscoroutine(value):
        value.close()
    # What it is may be told, and not its value, which may be a secret.
    raise TypeError(f"on_question returned {type(value).__name__}; return the answer as str, or None to refuse")


def answer(on_question: OnQuestion, fields: dict[str, Any]) -> tuple[dict[str, Any], Exception | None]:
    """Put a question; returns the answering part of a request, and what the callback raised."""
    try:
        return _said(on_question(_question(fields))), None
    except Exception as e:
        return {}, e


async def aanswer(on_question: AsyncOnQuestion, fields: dict[str, Any]) -> tuple[dict[str, Any], Exception | None]:
    question = _question(fields)
    try:
        return _said(await asyncio.wait_for(_value(on_question, question), question.expires)), None
    except Exception as e:
        return {}, e


async def _value(on_question: AsyncOnQuestion, question: Question) -> Any:
    if inspect.iscoroutinefunction(on_question):
        return await on_question(question)
    value = await asyncio.to_thread(on_question, question)
    return await value if inspect.isawaitable(value) else value


def opened(method: str, params: dict[str, Any], on_question: OnQuestion | None) -> dict[str, Any]:
    """Run a method that opens a session, and put to on_question what is asked in between."""
    reply: dict[str, Any] = _ffi.call(method, params, _drop)
    failure: Exception | None = None
    while on_question and "question" in reply:
        try:
            said, raised = answer(on_question, reply["question"])
        except BaseException:  # the callback was interrupted
            _drop(reply)
            raise
        failure = failure or raised
        try:
            reply = _ffi.call("session.answer", _reply_to(reply, said), _drop)
        except _errors.Error as e:
            raise e from failure
    return reply


async def aopened(method: str, params: dict[str, Any], on_question: AsyncOnQuestion | None) -> dict[str, Any]:
    reply: dict[str, Any] = await acall_or(method, params, _adrop)
    failure: Exception | None = None
    while on_question and "question" in reply:
        try:
            said, raised = await aanswer(on_question, reply["question"])
        except BaseException:
            await _adrop(reply)
            raise
        failure = failure or raised
        try:
            reply = await acall_or("session.answer", _reply_to(reply, said), _adrop)
        except _errors.Error as e:
            raise e from failure
    return reply


def _reply_to(asked: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    return {"opening_id": asked["opening_id"], "question_id": asked["question"]["question_id"], **said}


def _leaving(late: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The call that ends what was opened for nobody."""
    if "question" in late:
        return "session.answer", {"opening_id": late["opening_id"], "cancel": True}
    return "session.destroy", {"session_id": late["session_id"]}


def _drop(late: dict[str, Any]) -> None:
    with contextlib.suppress(_errors.Error):
        _ffi.call(*_leaving(late))


async def _adrop(late: dict[str, Any]) -> None:
    with contextlib.suppress(_errors.Error):
        await acall(*_leaving(late))
