"""The C interface through ctypes: loading, calling, waiting. No logic of the product lives here."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import select
import threading
from collections.abc import Callable
from typing import Any

from . import _errors

_ABI = (1, 2)  # major, and the least minor

_lock = threading.Lock()
_library: ctypes.CDLL | None = None


def _candidates() -> list[pathlib.Path]:
    override = os.environ.get("EXECKIT_LIBRARY")
    if override:
        return [pathlib.Path(override)]
    here = pathlib.Path(__file__).resolve().parent
    # The second is a checkout that was built with ./build.sh lib.
    return [here / "lib" / "libexeckit.so", here.parents[3] / "build" / "libexeckit.so"]


def library() -> ctypes.CDLL:
    """Return the library, loaded on first use and not at import: a program that forks its workers first is safe."""
    global _library
    with _lock:
        if _library is None:
            _library = _load()
        return _library


def _load() -> ctypes.CDLL:
    paths = _candidates()
    for path in paths:
        if path.exists():
            break
    else:
        raise ImportError(
            "execkit: libexeckit.so was not found (looked at " + ", ".join(map(str, paths)) + "); "
            "install the wheel of this platform, run ./build.sh lib in a checkout, or set EXECKIT_LIBRARY"
        )
    # CDLL and not PyDLL: a call must not hold the interpreter's lock while it waits.
    lib = ctypes.CDLL(str(path))
    text, number = ctypes.c_char_p, ctypes.c_int64
    lib.execkit_abi_version.restype = ctypes.c_uint32
    abi = divmod(lib.execkit_abi_version(), 1 << 16)
    if abi[0] != _ABI[0] or abi[1] < _ABI[1]:
        raise ImportError(f"execkit: {path} has ABI {abi[0]}.{abi[1]}, this package needs {_ABI[0]}.{_ABI[1]}; reinstall execkit")
    # Results are void pointers: ctypes would turn c_char_p into bytes and lose what has to be freed.
    for name, result, arguments in (
        ("execkit_version", text, []),
        ("execkit_queue_open", number, [ctypes.POINTER(ctypes.c_int)]),
        ("execkit_submit", ctypes.c_int, [number, ctypes.c_uint64, text, text]),
        ("execkit_submit_soon", ctypes.c_void_p, [number, ctypes.c_uint64, text, text, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
        ("execkit_cancel", ctypes.c_int, [number, ctypes.c_uint64]),
        ("execkit_queue_take", ctypes.c_void_p, [number]),
        ("execkit_queue_wait", ctypes.c_void_p, [number, ctypes.c_int]),
        ("execkit_queue_close", None, [number]),
        ("execkit_call", ctypes.c_void_p, [text, text]),
        ("execkit_free", None, [ctypes.c_void_p]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _taken(pointer: int | None) -> bytes | None:
    if not pointer:
        return None
    try:
        return ctypes.string_at(pointer)
    finally:
        library().execkit_free(pointer)


def _encode(method: str, params: dict[str, Any]) -> tuple[bytes, bytes]:
    if not isinstance(method, str):
        raise TypeError('method must be a string such as "version.get"')
    return method.encode(), json.dumps(params, default=_plain, allow_nan=False).encode()


def _plain(value: Any) -> str:
    """Return what stands for a value that JSON has no form for."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{type(value).__name__} cannot be sent here; give text as str (stdin and the content of a file may be bytes)")
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent; give str, int, float, bool, a list, a dict or None")


def unwrap(envelope: dict[str, Any]) -> Any:
    """Return the result of an envelope, or raise its error."""
    if envelope["ok"]:
        return envelope["result"]
    error = envelope["error"]
    raise _errors.BY_CODE.get(error["code"], _errors.Error)(
        error["message"],
        hint=error.get("hint", ""),
        outcome=error.get("outcome", "unknown"),
        session=error.get("session", "usable"),
        details=error.get("details"),
    )


class Queue:
    """One completion queue. Tokens are its own; one thread at a time may wait on it."""

    def __init__(self) -> None:
        wake = ctypes.c_int(-1)
        self._lib = library()
        self._id = self._lib.execkit_queue_open(ctypes.byref(wake))
        if self._id < 0:
            # The blocking call says why: a forked child, usually.
            unwrap(json.loads(_taken(self._lib.execkit_call(b"version.get", None)) or b"{}"))
            raise _errors.InternalError("a completion queue could not be opened")
        self.wake_fd = wake.value
        self._poll = select.poll()
        self._poll.register(self.wake_fd, select.POLLIN)
        self._token = 0
        self._status = ctypes.pointer(ctypes.c_int(0))

    def new_token(self) -> int:
        self._token += 1
        return self._token

    def submit(self, method: str, params: dict[str, Any]) -> int:
        name, body = _encode(method, params)
        token = self.new_token()
        if self._lib.execkit_submit(self._id, token, name, body) != 0:
            self._refused(name, body)
        return token

    def submit_soon(self, token: int, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Submit a call that is waited for; returns the reply if it comes within a few milliseconds."""
        name, body = _encode(method, params)
        taken = _taken(self._lib.execkit_submit_soon(self._id, token, name, body, 3000, self._status))
        if taken is not None:
            reply: dict[str, Any] = json.loads(taken)
            return reply
        if self._status.contents.value != 0:
            self._refused(name, body)
        return None

    def _refused(self, name: bytes, body: bytes) -> None:
        unwrap(json.loads(_taken(self._lib.execkit_call(name, body)) or b"{}"))
        raise _errors.InternalError("the completion queue was closed")

    def cancel(self, token: int) -> bool:
        """Ask a call to stop; False if its reply has already arrived."""
        return bool(self._lib.execkit_cancel(self._id, token) == 0)

    def take(self) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = json.loads(_taken(self._lib.execkit_queue_take(self._id)) or b"[]")
        return taken

    def wait(self, token: int) -> dict[str, Any]:
        """Wait for the reply of the one call that is pending."""
        while True:
            # Waiting in poll(2) lets Ctrl-C through at once, and costs no thread of the library.
            self._poll.poll()
            for item in self.take():
                if item["token"] == token:
                    reply: dict[str, Any] = item["reply"]
                    return reply

    def close(self) -> None:
        self._lib.execkit_queue_close(self._id)

    def __del__(self) -> None:
        self.close()


_thread = threading.local()


def call(method: str, params: dict[str, Any] | None = None, late: Callable[[Any], object] | None = None) -> Any:
    """Run one method of the JSON API and return its result.

    Raises the exception of the failure's class. KeyboardInterrupt stops the running command; the session stays usable.
    late gets the result of a call that was done although it was interrupted, before KeyboardInterrupt goes on.
    """
    queue = getattr(_thread, "queue", None)
    if queue is None or _thread.pid != os.getpid():
        queue = _thread.queue = Queue()
        _thread.pid = os.getpid()
    token = queue.new_token()
    try:
        reply = queue.submit_soon(token, method, params or {})
        if reply is None:
            reply = queue.wait(token)
        return unwrap(reply)
    except KeyboardInterrupt:
        # The interrupt may have hit after the reply was taken and before it was returned, so only a call that is
        # still pending is waited for, and the queue is not used again.
        _thread.queue = None
        if queue.cancel(token):
            reply = queue.wait(token)
            if late and reply["ok"]:
                late(reply["result"])
        raise


def call_at_once(method: str, params: dict[str, Any]) -> None:
    """Run a method that does not wait, for a finalizer: one may run inside a call of the same thread and its queue."""
    name, body = _encode(method, params)
    _taken(library().execkit_call(name, body))
