"""What a command came to."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from . import _errors


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """What one command came to. A non-zero exit and a timeout are results, not exceptions.

    stdout and stderr are text, or base64 when encoding is "base64" (see stdout_bytes). exit_code is the shell's $?,
    124 when timed_out, None only if no status could arrive. cwd is the directory after the command. With running the
    command goes on as job_id, and stdout and stderr are what came so far. stop_confirmed says of a command that was
    stopped whether all its processes are known to be gone, reconnected that the connection to the target had broken and
    this command ran over a new one.
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
    running: bool = False
    job_id: str | None = None
    waiting_for_input: dict[str, Any] | None = None
    screen: str | None = None
    stop_confirmed: bool | None = None
    reconnected: bool = False

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


def result_of(raw: dict[str, Any]) -> ExecResult:
    # A newer library may send fields that this package does not know.
    return ExecResult(**{name: value for name, value in raw.items() if name in _FIELDS})
