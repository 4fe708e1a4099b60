"""What a command came to."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

from . import _errors


@dataclasses.dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """Tell what is always there and what is not as usual, each cut to one line."""
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name in _ALWAYS or getattr(self, field.name) != _USUAL.get(field.name, field.default)}
        said = {name: value for name, value in said.items() if name not in _NEVER}
        return f"ExecResult({', '.join(f'{name}={_cut(value)}' for name, value in said.items())})"

    @property
    def ok(self) -> bool:
        """Whether the command exited with 0."""
        return self.exit_code == 0

    def _bytes(self, text: str) -> bytes:
        return base64.b64decode(text) if self.encoding == "base64" else text.encode()

    @property
    def stdout_bytes(self) -> bytes:
        """stdout as bytes, whatever the encoding."""
        return self._bytes(self.stdout)

    @property
    def stderr_bytes(self) -> bytes:
        """stderr as bytes, whatever the encoding."""
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
        how = f"was ended by {result.signal}" if result.signal else "was stopped at its deadline" if result.timed_out else f"exited with {result.exit_code}"
        super().__init__(f"the command {how}", hint=result.stderr[-200:].strip() if result.encoding == "utf-8" else "", outcome="ran")
        self.result = result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.result,)


# What the repr of a result shows in any case, what it does not show when it is so, and what it never shows: the budget's
# report of every stream and the decision on every command would drown the rest.
_ALWAYS = {"exit_code", "stdout", "stderr", "duration_ms", "cwd"}
_USUAL = {"encoding": "utf-8", "timed_out": False, "truncated": False, "shell_exited": False}
_NEVER = {"command", "budget", "decision"}


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


_FIELDS = {field.name for field in dataclasses.fields(ExecResult)}


def result_of(raw: dict[str, Any]) -> ExecResult:
    # A newer library may send fields that this package does not know.
    return ExecResult(**{name: value for name, value in raw.items() if name in _FIELDS})
