"""Sessions and results; sync in Session, asyncio in AsyncSession."""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import warnings
import weakref
from collections.abc import Coroutine, Generator
from typing import Any

from . import _errors, _ffi
from ._aio import acall
from ._params import Seconds, Signal, check_callback, content_param, given as _given, milliseconds as _milliseconds, signal_param, tty_param
from ._question import AsyncOnQuestion, OnQuestion, aopened, opened
from ._result import ExecResult, result_of
from ._running import AsyncJob, AsyncRunning, Job, Running, job_fields
from ._stream import AsyncOnApproval, AsyncStream, OnApproval, Stream, adrain, drain
from ._undo import AsyncUndo, Record, StrPath, Undo, record


def _create_params(transport: Any, timeout: Seconds | None, on_question: Any, options: dict[str, Any]) -> dict[str, Any]:
    if "timeout_ms" in options:
        raise TypeError("timeout_ms is an option of the JSON API; give timeout, in seconds")
    for name in ("idle_timeout", "approval_timeout"):
        if (seconds := options.pop(name, None)) is not None:
            options[f"{name}_ms"] = _milliseconds(seconds)
    params = _given(transport=transport, timeout_ms=_milliseconds(timeout), ask=True if on_question else None, **options)
    # The library copied the environment when it was loaded; the program may have changed it since.
    params.setdefault("host_env", [f"{name}={value}" for name, value in os.environ.items()])
    if _is_here(transport):  # a directory of this machine means nothing on another
        params.setdefault("cwd", os.getcwd())
    return params


def _is_here(transport: Any) -> bool:
    return (transport.get("type") if isinstance(transport, dict) else transport) in (None, "local", "sandbox")


_SSH_OPTIONS = ("user", "port", "key_path", "key_passphrase", "certificate_path", "password", "agent", "config", "known_hosts", "host_key", "fingerprint", "jump", "pool")
_SSH_SECONDS = ("connect_timeout", "keepalive")
_DOCKER_OPTIONS = ("host", "context", "user", "workdir", "tls", "privileged")
_K8S_OPTIONS = ("kubeconfig", "context", "namespace", "container", "selector", "as_user", "protocol")
_SANDBOX_OPTIONS = ("read", "write", "network", "base")


def _ssh_options(host: str, options: dict[str, Any]) -> dict[str, Any]:
    ssh, rest = _split(options, (*_SSH_OPTIONS, *_SSH_SECONDS))
    for name in _SSH_SECONDS:
        if name in ssh:
            ssh[f"{name}_ms"] = _milliseconds(ssh.pop(name))
    return {**rest, "transport": _url("ssh", host), **({"ssh": ssh} if ssh else {})}


def _docker_options(container: str, options: dict[str, Any]) -> dict[str, Any]:
    docker, rest = _split(options, _DOCKER_OPTIONS)
    return {**rest, "transport": _url("docker", container), **({"docker": docker} if docker else {})}


def _k8s_options(pod: str | None, options: dict[str, Any]) -> dict[str, Any]:
    k8s, rest = _split(options, _K8S_OPTIONS)
    if "as_user" in k8s:
        k8s["as"] = k8s.pop("as_user")  # "as" is a word of Python
    if pod and "/" in pod:
        return {**rest, "transport": _url("k8s", pod), **({"k8s": k8s} if k8s else {})}
    return {**rest, "transport": _given(type="k8s", pod=pod), **({"k8s": k8s} if k8s else {})}


def _sandbox_options(options: dict[str, Any]) -> dict[str, Any]:
    sandbox, rest = _split(options, _SANDBOX_OPTIONS)
    return {**rest, "transport": "sandbox", **({"sandbox": sandbox} if sandbox else {})}


def _url(scheme: str, rest: str) -> str:
    # Only the URL of this scheme is one: the name of a container must not open a session elsewhere.
    return rest if rest.startswith(f"{scheme}://") else f"{scheme}://{rest}"


def _split(options: dict[str, Any], names: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the options of a transport out of those of a session."""
    own = {name: value for name, value in options.items() if name in names and value is not None}
    return own, {name: value for name, value in options.items() if name not in names}


def _exec_params(session_id: str, command: str, timeout: Seconds | None, stdin: str | bytes | None, budget: Any, raw: bool, cwd: StrPath | None, env: dict[str, str | None] | None, traceparent: str | None) -> dict[str, Any]:
    # The command is there in any case: one that is None must not pass for one that was left out.
    params = _given(session_id=session_id, timeout_ms=_milliseconds(timeout), budget=budget, cwd=cwd, env=env, traceparent=traceparent)
    params["command"] = command
    if stdin == "open":  # as text; exec.start would keep the input open
        params["stdin_b64"] = base64.b64encode(b"open").decode()
    elif stdin is not None:
        params.update(content_param("stdin", stdin))
    if raw:
        params["raw"] = True
    return params


_open: weakref.WeakSet[_Common] = weakref.WeakSet()


def _close_all() -> None:
    # The end of this process would end the shells, but not what they left in the background.
    for session in list(_open):
        if not session.closed:
            session.closed = True
            with contextlib.suppress(_errors.Error):  # a forked child has none of them
                _ffi.call("session.destroy", {"session_id": session.id})


atexit.register(_close_all)


class _Common:
    def __init__(self, info: dict[str, Any], on_approval: Any = None, on_question: Any = None) -> None:
        _open.add(self)
        self.info = record(info)
        self.id: str = info["session_id"]
        self.closed = False
        self._on_approval, self._on_question = on_approval, on_question
        # Commands of streams that were dropped: told to stop, and waited for before the session is used again.
        self._dropped: list[str] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.info['target']} {'closed' if self.closed else 'open'}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled, since its shell belongs to this process; snapshot() saves its state")

    def __del__(self) -> None:
        if not getattr(self, "closed", True):
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)


class Session(Undo, _Common):
    """A live shell with state. Use it as a context manager, or close it."""

    @classmethod
    def create(cls, *, transport: Any = "local", timeout: Seconds | None = None, on_approval: OnApproval | None = None, on_question: OnQuestion | None = None, **options: Any) -> Session:
        """Open a session.

        Args:
            transport: a target URL such as "local", or the object it stands for.
            timeout: the default deadline of a command in seconds (or a timedelta); 30 when None, 0 for none.
            on_approval: called with an ApprovalRequest when a person has to decide: True lets the command run, False
                blocks it, and a string is an edited command that runs instead, after it was judged again. An exception
                blocks. Without it such a command raises ApprovalRequired.
            on_question: called with a Question when a server asks while the session connects or reconnects, such as a
                password or a one-time code: return the answer, or None to refuse. It is a secret from then on. Without it,
                or when it raises, what cannot be answered raises Unauthenticated (HostKeyUnknown of a host key).
            options: cwd, env, inherit_env, shell, on_exit, budget, label and the other fields of session.create; among
                them quotas, what its commands may use in all (cpu_ms, memory_bytes, processes, file_bytes, output_bytes,
                commands, wall_ms), idle_timeout, the seconds without a call after which the session is closed, and
                approval_timeout, the seconds that a person has to answer (600). A path may be a pathlib.Path.
        """
        check_callback("on_approval", on_approval, may_be_async=False)
        check_callback("on_question", on_question, may_be_async=False)
        return cls(opened("session.create", _create_params(transport, timeout, on_question, options), on_question), on_approval, on_question)

    @classmethod
    def local(cls, **options: Any) -> Session:
        """Open a session on this machine."""
        return cls.create(transport="local", **options)

    @classmethod
    def ssh(cls, host: str, **options: Any) -> Session:
        """Open a session on an SSH server, as `ssh host` finds it.

        Args:
            host: a host, an alias of the ssh configuration, or [user@]host[:port].
            options: user, port, key_path, key_passphrase, certificate_path, password, agent, config, known_hosts,
                host_key, fingerprint, jump, pool, connect_timeout and keepalive (seconds), and those of create.
        """
        return cls.create(**_ssh_options(host, options))

    @classmethod
    def docker(cls, container: str, **options: Any) -> Session:
        """Open a session in a running container.

        Args:
            container: its name or id.
            options: host, context, user, workdir, tls and privileged, and those of create.
        """
        return cls.create(**_docker_options(container, options))

    @classmethod
    def k8s(cls, pod: str | None = None, **options: Any) -> Session:
        """Open a session in a pod.

        Args:
            pod: its name, or [context/]namespace/pod[/container]; None with the option selector.
            options: kubeconfig, context, namespace, container, selector, as_user (whom to impersonate) and protocol,
                and those of create.
        """
        return cls.create(**_k8s_options(pod, options))

    @classmethod
    def sandbox(cls, **options: Any) -> Session:
        """Open a session on this machine that the kernel confines.

        Args:
            options: read and write (trees), network (True, or a list of TCP ports), and those of create.
        """
        return cls.create(**_sandbox_options(options))

    def exec(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, check: bool = False, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: OnApproval | None = None, yield_after: Seconds | None = None, stdin_open: bool = False, tty: Any = None) -> ExecResult:
        """Run a command to its end.

        Args:
            timeout: the deadline in seconds (or a timedelta); the session's when None, 0 for none.
            stdin: what the command reads; end of file at once when None.
            budget: replaces the session's budget: max_tokens, max_chars, max_lines, keep, grep, compress, stream.
            check: raise CommandFailed if the exit code is not 0.
            cwd, env: hold for this command only; a value of None removes a variable.
            raw: return both streams as base64 of the bytes as they came.
            traceparent: the caller's place in a trace (W3C Trace Context).
            on_approval: replaces the session's for this command.
            yield_after: return after so many seconds with what there is, and leave the command running as a job (see
                ExecResult.running and jobs()); sooner when it waits for input. Nobody is asked for approval then.
            stdin_open, tty: with yield_after, as in start().
        """
        params = _exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env, traceparent)
        params.update(_given(yield_ms=_milliseconds(yield_after), stdin_open=stdin_open or None, tty=tty_param(tty)))
        if yield_after is None and (on_approval or self._on_approval or self._on_question):
            result = self._stream(params, on_approval).result()
        else:
            drain(self._dropped)
            result = result_of(_ffi.call("session.exec", params))
        return result.check() if check else result

    def stream(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: OnApproval | None = None) -> Stream:
        """Start a command and iterate over its events; the last one is finished, with the result.

        Closing or dropping the iterator stops the command. A command that does not run, or is stopped, raises.
        """
        return self._stream(_exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env, traceparent), on_approval)

    def start(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, tty: Any = None, budget: dict[str, Any] | None = None, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: OnApproval | None = None) -> Running:
        """Start a command and return at once. See stream() for what is raised.

        Args:
            stdin: "open" keeps the input open for write(); other text, and bytes, are fed and closed.
            tty: run it on a terminal: True, (rows, cols) or {"rows": …, "cols": …}.
        """
        stdin_open = stdin == "open"
        params = _exec_params(self.id, command, timeout, None if stdin_open else stdin, budget, raw, cwd, env, traceparent)
        params.update(_given(tty=tty_param(tty), stdin_open=stdin_open or None))
        return Running(self._stream(params, on_approval))

    def quotas(self) -> Record:
        """Return the session's quotas by name, each with its limit and, where it is counted, what is used."""
        return record(_ffi.call("limits.get", {"session_id": self.id}).get("quotas") or {})

    def interrupt(self, signal: Signal = "INT") -> int:
        """Send a signal to every process of the command that runs; return how many were reached. Call it from another thread."""
        return int(_ffi.call("session.interrupt", {"session_id": self.id, "signal": signal_param(signal)})["reached"])

    def jobs(self) -> list[Job]:
        """Return the session's jobs: commands that go on, and what commands left in the background."""
        return [Job(**job_fields(raw)) for raw in _ffi.call("job.list", {"session_id": self.id})["jobs"]]

    def _stream(self, params: dict[str, Any], on_approval: OnApproval | None) -> Stream:
        check_callback("on_approval", on_approval, may_be_async=False)
        drain(self._dropped)
        return Stream(params, on_approval or self._on_approval, self._dropped, self._on_question)

    def read_output(self, output_id: str, *, offset: int | None = None, line: int | None = None, limit: int | None = None) -> Record:
        """Read a part of output that a budget left out.

        Args:
            output_id: from result.budget["stdout"]["output_id"] or that of stderr.
            offset: the first byte, from 0; limit then counts bytes.
            line: the first line, from 1, instead; limit then counts lines.

        Returns:
            text, encoding, offset, next_offset, bytes_total, lines_total, eof, and skipped where a part is gone.
        """
        return record(_ffi.call("output.read", _given(output_id=output_id, offset=offset, line=line, limit=limit)))

    def close(self) -> None:
        """End the shell and what runs in its terminal session. Closing twice is harmless."""
        if not self.closed:
            self.closed = True
            _ffi.call("session.destroy", {"session_id": self.id})
            drain(self._dropped)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Opening(Coroutine[Any, Any, "AsyncSession"]):
    """What opens an AsyncSession: `s = await AsyncSession.create()`, or `async with AsyncSession.create() as s`."""

    def __init__(self, coroutine: Coroutine[Any, Any, AsyncSession]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, AsyncSession]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    async def __aenter__(self) -> AsyncSession:
        self._session = await self._coroutine
        return self._session

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()


class AsyncSession(AsyncUndo, _Common):
    """The same as Session, with await. Cancelling a task stops the command that it waits for.

    async with AsyncSession.create() as session:
        result = await session.exec("cd /tmp && ls")
    """

    @classmethod
    def create(cls, *, transport: Any = "local", timeout: Seconds | None = None, on_approval: AsyncOnApproval | None = None, on_question: AsyncOnQuestion | None = None, **options: Any) -> Opening:
        """Open a session. The callbacks may be async; one that is not runs in a thread, so that the loop goes on."""
        check_callback("on_approval", on_approval, may_be_async=True)
        check_callback("on_question", on_question, may_be_async=True)
        return Opening(cls._opened("session.create", _create_params(transport, timeout, on_question, options), on_approval, on_question))

    @classmethod
    async def _opened(cls, method: str, params: dict[str, Any], on_approval: AsyncOnApproval | None, on_question: AsyncOnQuestion | None) -> AsyncSession:
        return cls(await aopened(method, params, on_question), on_approval, on_question)

    @classmethod
    def local(cls, **options: Any) -> Opening:
        """Open a session on this machine."""
        return cls.create(transport="local", **options)

    @classmethod
    def ssh(cls, host: str, **options: Any) -> Opening:
        """Open a session on an SSH server; see Session.ssh."""
        return cls.create(**_ssh_options(host, options))

    @classmethod
    def docker(cls, container: str, **options: Any) -> Opening:
        """Open a session in a running container; see Session.docker."""
        return cls.create(**_docker_options(container, options))

    @classmethod
    def k8s(cls, pod: str | None = None, **options: Any) -> Opening:
        """Open a session in a pod; see Session.k8s."""
        return cls.create(**_k8s_options(pod, options))

    @classmethod
    def sandbox(cls, **options: Any) -> Opening:
        """Open a session on this machine that the kernel confines; see Session.sandbox."""
        return cls.create(**_sandbox_options(options))

    async def exec(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, check: bool = False, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: AsyncOnApproval | None = None, yield_after: Seconds | None = None, stdin_open: bool = False, tty: Any = None) -> ExecResult:
        """See Session.exec."""
        params = _exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env, traceparent)
        params.update(_given(yield_ms=_milliseconds(yield_after), stdin_open=stdin_open or None, tty=tty_param(tty)))
        if yield_after is None and (on_approval or self._on_approval or self._on_question):
            result = await self._stream(params, on_approval).result()
        else:
            await adrain(self._dropped)
            result = result_of(await acall("session.exec", params))
        return result.check() if check else result

    def stream(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, budget: dict[str, Any] | None = None, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: AsyncOnApproval | None = None) -> AsyncStream:
        """Iterate over the events of a command, which starts with the first one that is asked for."""
        return self._stream(_exec_params(self.id, command, timeout, stdin, budget, raw, cwd, env, traceparent), on_approval)

    def _stream(self, params: dict[str, Any], on_approval: AsyncOnApproval | None) -> AsyncStream:
        return AsyncStream(params, on_approval or self._on_approval, self._dropped, self._on_question)

    async def read_output(self, output_id: str, *, offset: int | None = None, line: int | None = None, limit: int | None = None) -> Record:
        """See Session.read_output."""
        return record(await acall("output.read", _given(output_id=output_id, offset=offset, line=line, limit=limit)))

    async def start(self, command: str, *, timeout: Seconds | None = None, stdin: str | bytes | None = None, tty: Any = None, budget: dict[str, Any] | None = None, raw: bool = False, cwd: StrPath | None = None, env: dict[str, str | None] | None = None, traceparent: str | None = None, on_approval: AsyncOnApproval | None = None) -> AsyncRunning:
        """See Session.start."""
        stdin_open = stdin == "open"
        params = _exec_params(self.id, command, timeout, None if stdin_open else stdin, budget, raw, cwd, env, traceparent)
        params.update(_given(tty=tty_param(tty), stdin_open=stdin_open or None))
        stream = self._stream(params, on_approval)
        await stream._start()
        return AsyncRunning(stream)

    async def quotas(self) -> Record:
        """Return the session's quotas by name, each with its limit and, where it is counted, what is used."""
        return record((await acall("limits.get", {"session_id": self.id})).get("quotas") or {})

    async def interrupt(self, signal: Signal = "INT") -> int:
        """See Session.interrupt."""
        return int((await acall("session.interrupt", {"session_id": self.id, "signal": signal_param(signal)}))["reached"])

    async def jobs(self) -> list[AsyncJob]:
        """See Session.jobs."""
        return [AsyncJob(**job_fields(raw)) for raw in (await acall("job.list", {"session_id": self.id}))["jobs"]]

    async def close(self) -> None:
        """See Session.close."""
        if not self.closed:
            self.closed = True
            await acall("session.destroy", {"session_id": self.id})
            await adrain(self._dropped)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _restore_params(path: StrPath | None, passphrase: str | None, identities: list[str] | None, data: bytes | None, timeout: Seconds | None, transport: Any, on_question: Any, options: dict[str, Any]) -> dict[str, Any]:
    session = _create_params(transport, timeout, on_question, options)
    if "cwd" not in options:
        session.pop("cwd", None)  # the snapshot's own
    encoded = None if data is None else base64.b64encode(data).decode()
    return _given(path=None if path is None else os.fspath(path), data_b64=encoded, passphrase=passphrase, identities=identities, session=session)


def restore(path: StrPath | None = None, *, passphrase: str | None = None, identities: list[str] | None = None, data: bytes | None = None, transport: Any = "local", timeout: Seconds | None = None, on_approval: OnApproval | None = None, on_question: OnQuestion | None = None, **options: Any) -> Session:
    """Open a session with the state of a snapshot, which is a file or its bytes.

    options are those of execkit.create. The policy judges functions and aliases as the code that they are; what it
    refuses is not restored and is in session.info["refused"].
    """
    check_callback("on_approval", on_approval, may_be_async=False)
    check_callback("on_question", on_question, may_be_async=False)
    params = _restore_params(path, passphrase, identities, data, timeout, transport, on_question, options)
    return Session(opened("snapshot.restore", params, on_question), on_approval, on_question)


def arestore(path: StrPath | None = None, *, passphrase: str | None = None, identities: list[str] | None = None, data: bytes | None = None, transport: Any = "local", timeout: Seconds | None = None, on_approval: AsyncOnApproval | None = None, on_question: AsyncOnQuestion | None = None, **options: Any) -> Opening:
    """The same as restore, for an AsyncSession."""
    check_callback("on_approval", on_approval, may_be_async=True)
    check_callback("on_question", on_question, may_be_async=True)
    params = _restore_params(path, passphrase, identities, data, timeout, transport, on_question, options)
    return Opening(AsyncSession._opened("snapshot.restore", params, on_approval, on_question))


def policy_check(policy: dict[str, Any] | None, command: str, history: list[str] | None = None) -> Record:
    """Return the verdict of a policy on a command, without running anything.

    The result has decision ("allow", "ask" or "deny"), reason, rules, span and commands. history holds the commands
    that ran before in the same session.
    """
    return record(_ffi.call("policy.check", _given(policy=policy, command=command, history=history)))


def redact(text: str, **options: Any) -> str:
    """Return text with its secrets hidden. options: labels, values, rules, allow, off."""
    return str(_ffi.call("redact.text", _given(text=text, redact=options or None))["text"])
