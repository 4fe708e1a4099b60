"""Checkpoints, snapshots, state and files of a session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Union

from . import _ffi
from ._aio import acall
from ._params import content_param, given
from ._stream import adrain, drain


class Record(dict[str, Any]):
    """A result of the JSON API whose fields are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def record(raw: dict[str, Any]) -> Record:
    return Record({name: _deep(item) for name, item in raw.items()})


def _deep(value: Any) -> Any:
    if isinstance(value, dict):
        return record(value)
    if isinstance(value, list):
        return [_deep(item) for item in value]
    return value


def _id(checkpoint: str | Mapping[str, Any]) -> Any:
    return checkpoint["id"] if isinstance(checkpoint, Mapping) else checkpoint


StrPath = Union[str, "os.PathLike[str]"]


def _path(path: StrPath | None) -> str | None:
    return None if path is None else os.fspath(path)


class Undo:
    """What a Session has beside commands. The session must be free; one that runs a command raises SessionBusy."""

    id: str
    _dropped: list[str]

    def _ask(self, method: str, **params: Any) -> Record:
        drain(self._dropped)
        return record(_ffi.call(method, {"session_id": self.id, **given(**params)}))

    def checkpoint(self, label: str | None = None) -> Record:
        """Save the files of the workspace. Returns an object with id, label, files and bytes."""
        return self._ask("checkpoint.create", label=label)

    def checkpoints(self) -> list[Record]:
        """Return the checkpoints of the workspace, the oldest first, with those made by themselves before commands."""
        checkpoints: list[Record] = self._ask("checkpoint.list")["checkpoints"]
        return checkpoints

    def diff(self, checkpoint: str | Mapping[str, Any], *, against: str | Mapping[str, Any] | None = None, paths: list[str] | None = None, max_bytes: int | None = None) -> Record:
        """Return how the workspace, or the checkpoint against, differs from a checkpoint: files and patch."""
        return self._ask("checkpoint.diff", checkpoint=_id(checkpoint), against=against and _id(against), paths=paths, max_bytes=max_bytes)

    def restore(self, checkpoint: str | Mapping[str, Any], *, preview: bool | None = None, overwrite: bool | None = None) -> Record:
        """Put the workspace back to a checkpoint.

        What was changed from outside the session is left alone and told in conflicts, unless overwrite is set. The
        state before is a checkpoint, too: saved. With preview nothing is changed.
        """
        return self._ask("checkpoint.restore", checkpoint=_id(checkpoint), preview=preview, overwrite=overwrite)

    def delete_checkpoint(self, checkpoint: str | Mapping[str, Any]) -> None:
        """Delete a checkpoint and what it alone held."""
        self._ask("checkpoint.delete", checkpoint=_id(checkpoint))

    def snapshot(self, path: StrPath | None = None, *, passphrase: str | None = None, recipients: list[str] | None = None, include_secrets: bool | None = None) -> Record:
        """Save the state of the session, encrypted with age, in a file, or without a path in the result's data_b64.

        Secrets are left out unless include_secrets is set. execkit.restore opens a session with the state.
        """
        return self._ask("snapshot.save", path=_path(path), passphrase=passphrase, recipients=recipients, include_secrets=include_secrets)

    def state(self) -> Record:
        """Return cwd, env, last_exit_code, functions, aliases, options, umask, jobs and shell, redacted."""
        return self._ask("session.state")

    def read_file(self, path: StrPath, *, offset: int | None = None, limit: int | None = None) -> Record:
        """Read a file, redacted: content is text, or base64 where encoding says so."""
        return self._ask("file.read", path=_path(path), offset=offset, limit=limit)

    def write_file(self, path: StrPath, content: str | bytes, *, mode: int | None = None, exclusive: bool | None = None, parents: bool | None = None) -> Record:
        """Replace a file as a whole. exclusive fails where it exists; parents makes missing directories."""
        return self._ask("file.write", path=_path(path), mode=None if mode is None else f"{mode:04o}", exclusive=exclusive, parents=parents, **content_param("content", content))

    def list_files(self, path: StrPath = ".", *, limit: int | None = None) -> Record:
        """List a directory: entries, and truncated."""
        return self._ask("file.list", path=_path(path), limit=limit)

    def stat_file(self, path: StrPath) -> Record:
        """Describe a file; a symbolic link is not followed."""
        return self._ask("file.stat", path=_path(path))


class AsyncUndo:
    """The same as Undo, with await."""

    id: str
    _dropped: list[str]

    async def _ask(self, method: str, **params: Any) -> Record:
        await adrain(self._dropped)
        return record(await acall(method, {"session_id": self.id, **given(**params)}))

    async def checkpoint(self, label: str | None = None) -> Record:
        return await self._ask("checkpoint.create", label=label)

    async def checkpoints(self) -> list[Record]:
        checkpoints: list[Record] = (await self._ask("checkpoint.list"))["checkpoints"]
        return checkpoints

    async def diff(self, checkpoint: str | Mapping[str, Any], *, against: str | Mapping[str, Any] | None = None, paths: list[str] | None = None, max_bytes: int | None = None) -> Record:
        return await self._ask("checkpoint.diff", checkpoint=_id(checkpoint), against=against and _id(against), paths=paths, max_bytes=max_bytes)

    async def restore(self, checkpoint: str | Mapping[str, Any], *, preview: bool | None = None, overwrite: bool | None = None) -> Record:
        return await self._ask("checkpoint.restore", checkpoint=_id(checkpoint), preview=preview, overwrite=overwrite)

    async def delete_checkpoint(self, checkpoint: str | Mapping[str, Any]) -> None:
        await self._ask("checkpoint.delete", checkpoint=_id(checkpoint))

    async def snapshot(self, path: StrPath | None = None, *, passphrase: str | None = None, recipients: list[str] | None = None, include_secrets: bool | None = None) -> Record:
        return await self._ask("snapshot.save", path=_path(path), passphrase=passphrase, recipients=recipients, include_secrets=include_secrets)

    async def state(self) -> Record:
        return await self._ask("session.state")

    async def read_file(self, path: StrPath, *, offset: int | None = None, limit: int | None = None) -> Record:
        return await self._ask("file.read", path=_path(path), offset=offset, limit=limit)

    async def write_file(self, path: StrPath, content: str | bytes, *, mode: int | None = None, exclusive: bool | None = None, parents: bool | None = None) -> Record:
        return await self._ask("file.write", path=_path(path), mode=None if mode is None else f"{mode:04o}", exclusive=exclusive, parents=parents, **content_param("content", content))

    async def list_files(self, path: StrPath = ".", *, limit: int | None = None) -> Record:
        return await self._ask("file.list", path=_path(path), limit=limit)

    async def stat_file(self, path: StrPath) -> Record:
        return await self._ask("file.stat", path=_path(path))
