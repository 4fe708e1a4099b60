"""Checking and reading audit logs; the core does both."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from . import _ffi


@dataclasses.dataclass(frozen=True)
class AuditReport:
    """What a check of an audit log found. It is true where the log is whole.

    records counts the records; head is where the log ends, {"count", "hash", ...}, to be kept elsewhere and given to a
    later check. first_bad names the first bad record and the kind of damage: {"seq", "line", "offset", "kind",
    "message"}, None where the log is whole. anchored says that a head was given and fits, signed that its signature
    does, heads how many published heads fit, and after_head counts the records after a head that was kept earlier.
    recovered lists what was mended after a crash.
    """

    ok: bool
    records: int
    head: dict[str, Any]
    first_bad: dict[str, Any] | None = None
    first: int = 0
    log: str | None = None
    anchored: bool = False
    signed: bool = False
    after_head: int = 0
    heads: int = 0
    files: list[str] = dataclasses.field(default_factory=list)
    bytes: int = 0
    recovered: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    clock_back: int = 0

    def __bool__(self) -> bool:
        return self.ok


_FIELDS = {field.name for field in dataclasses.fields(AuditReport)}


def verify_audit(path: str | os.PathLike[str], *, head: str | os.PathLike[str] | dict[str, Any] | None = None, heads: str | os.PathLike[str] | None = None, public_key: str | os.PathLike[str] | None = None) -> AuditReport:
    """Check an audit log from its first record.

    Args:
        path: the log; its rotated files are found beside it.
        head: without it nobody can tell that the end was cut off or everything written anew. The path of the head file,
            or the head of an earlier report, or "COUNT:HASH".
        heads: a file in which heads were published among other text: what a collector, syslog or a head command wrote.
            The log must hold each of its own.
        public_key: the OpenSSH public key that must have signed the head file, or the path of a file with it.
    """
    params: dict[str, Any] = {"path": os.fspath(path)}
    if head is not None:
        params["head"] = head if isinstance(head, dict) else os.fspath(head)
    if heads is not None:
        params["heads"] = os.fspath(heads)
    if public_key is not None:
        params["public_key"] = os.fspath(public_key)
    result = _ffi.call("audit.verify", params)
    return AuditReport(**{name: value for name, value in result.items() if name in _FIELDS})


def query_audit(path: str | os.PathLike[str], **filters: Any) -> list[dict[str, Any]]:
    """Return the records of an audit log that fit.

    Args:
        filters: session, label, exec, kinds (a list), contains (a part of the command), from_seq, to_seq, since_ms,
            until_ms, limit, last.
    """
    records: list[dict[str, Any]] = _ffi.call("audit.query", {"path": os.fspath(path), **filters})["records"]
    return records
