"""Options as Python writes them, turned into params of the JSON API; the core checks what they say."""

from __future__ import annotations

import base64
import datetime
import inspect
import math
import numbers
import signal
from collections.abc import Iterable, Mapping
from typing import Any, Union

Seconds = Union[float, datetime.timedelta]
Signal = Union[str, signal.Signals]


def given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def milliseconds(seconds: Seconds | None) -> int | None:
    """Return a time in milliseconds. What is shorter than one counts as one, since 0 stands for no limit."""
    if seconds is None:
        return None
    if isinstance(seconds, datetime.timedelta):
        seconds = seconds.total_seconds()
    if isinstance(seconds, bool) or not isinstance(seconds, numbers.Real):
        raise TypeError(f"a time is a number of seconds or a timedelta, not {type(seconds).__name__}")
    if not math.isfinite(seconds):
        raise ValueError(f"a time of {seconds} seconds cannot be kept; 0 stands for no limit")
    return round(seconds * 1000) or (1 if seconds > 0 else 0)


def tty_param(tty: Any) -> dict[str, Any] | None:
    """tty is True, (rows, cols) or {"rows": …, "cols": …}."""
    if tty is None or tty is False:
        return None
    if tty is True:
        return {"rows": 0, "cols": 0}
    if isinstance(tty, Mapping):
        return dict(tty)
    if isinstance(tty, Iterable) and not isinstance(tty, (str, bytes)):
        size = list(tty)
        if len(size) == 2:
            return {"rows": size[0], "cols": size[1]}
    raise TypeError('tty is True, (rows, cols) or {"rows": …, "cols": …}')


def content_param(name: str, content: Any) -> dict[str, Any]:
    """Return text under its name and bytes as base64. What is neither goes on as it is, and is refused by its name."""
    if isinstance(content, (bytes, bytearray, memoryview)):
        return {f"{name}_b64": base64.b64encode(content).decode()}
    return {name: content}


def signal_param(name: Signal | None) -> Any:
    return name.name if isinstance(name, signal.Signals) else name


def check_callback(name: str, callback: Any, may_be_async: bool) -> None:
    if callback is not None and not callable(callback):
        raise TypeError(f"{name} must be a function, not {type(callback).__name__}")
    if not may_be_async and inspect.iscoroutinefunction(callback):
        raise TypeError(f"{name} is async; use AsyncSession, or give a function that is not")
