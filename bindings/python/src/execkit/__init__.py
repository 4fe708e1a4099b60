"""execkit: the safety layer that lets an AI agent run shell commands on real infrastructure.

    with execkit.create() as session:
        result = session.exec("cd /tmp && ls")
        print(result.exit_code, result.cwd, result.stdout)
"""

from __future__ import annotations

from . import _errors
from ._errors import *  # noqa: F403
from ._aio import acall
from ._audit import AuditReport, query_audit, verify_audit
from ._ffi import call, library
from ._info import acapabilities, alimits, capabilities, limits
from ._policy import Policy
from ._question import Question
from ._result import CommandFailed, ExecResult
from ._running import AsyncJob, AsyncRunning, Job, Running, Screen
from ._session import AsyncSession, Session, arestore, policy_check, redact, restore
from ._stream import ApprovalRequest, AsyncStream, Event, Stream
from ._undo import Record

__version__ = "0.1.0"

create = Session.create


def abi_version() -> int:
    """Return the ABI version of the library: major << 16 | minor."""
    return int(library().execkit_abi_version())


__all__ = [
    "ApprovalRequest",
    "AsyncJob",
    "AsyncRunning",
    "AsyncSession",
    "AsyncStream",
    "AuditReport",
    "CommandFailed",
    "Event",
    "ExecResult",
    "Job",
    "Policy",
    "Question",
    "Running",
    "Screen",
    "Session",
    "Stream",
    "abi_version",
    "acall",
    "acapabilities",
    "alimits",
    "arestore",
    "call",
    "capabilities",
    "create",
    "limits",
    "policy_check",
    "query_audit",
    "redact",
    "verify_audit",
    "restore",
    "Record",
    "Error",
    *(cls.__name__ for cls in _errors.BY_CODE.values()),
]
