"""Calls on an asyncio event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from . import _ffi


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

    async def call(self, method: str, params: dict[str, Any], late: Callable[[Any], Awaitable[None]] | None) -> Any:
        token = self._queue.submit(method, params)
        future = self._waiting[token] = asyncio.get_running_loop().create_future()
        try:
            return _ffi.unwrap(await asyncio.shield(future))
        except asyncio.CancelledError:
            # The command must have stopped before the caller goes on: the session is then usable.
            self._queue.cancel(token)
            reply = await future
            if late and reply["ok"]:
                await late(reply["result"])
            raise


_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopQueue] = weakref.WeakKeyDictionary()


async def acall(method: str, params: dict[str, Any] | None = None) -> Any:
    """Run one method of the JSON API on the running event loop. Cancelling the task stops the command."""
    return await acall_or(method, params or {}, None)


async def acall_or(method: str, params: dict[str, Any], late: Callable[[Any], Awaitable[None]] | None) -> Any:
    """The same; late gets the result of a call that was done although it was cancelled."""
    loop = asyncio.get_running_loop()
    queue = _loops.get(loop)
    if queue is None:
        queue = _loops[loop] = _LoopQueue(loop)
    return await queue.call(method, params, late)
