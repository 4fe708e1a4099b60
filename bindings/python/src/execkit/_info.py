"""What the library can do and how much it takes."""

from __future__ import annotations

from . import _ffi
from ._aio import acall
from ._undo import Record, record


def limits() -> Record:
    """Return what the library accepts and keeps at most; limits().output.read_bytes is one of them."""
    return record(_ffi.call("limits.get"))


def capabilities() -> Record:
    """Return what the library can do on this machine: transports, shells, methods, options, enforcement."""
    return record(_ffi.call("capabilities.get"))


async def alimits() -> Record:
    """Return what limits returns."""
    return record(await acall("limits.get"))


async def acapabilities() -> Record:
    """Return what capabilities returns."""
    return record(await acall("capabilities.get"))
