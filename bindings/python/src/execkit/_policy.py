"""Policies as values; the core reads and checks them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Policy(dict):  # type: ignore[type-arg]
    """The policy object, with the keys of the documentation: default, allow, ask, deny, intercept and others.

    The core checks it when a session opens, and InvalidArgument names the place of a mistake.
    """

    @classmethod
    def default_deny(cls, allow: Iterable[Any] = (), **more: Any) -> Policy:
        """Return a policy under which only these programs run, each a name ("ls"), a name with leading arguments
        ("systemctl status") or an object."""
        # A text would fall into its letters; the core refuses it by its name.
        return cls(default="deny", allow=allow if isinstance(allow, str) else list(allow), **more)

    @classmethod
    def default_allow(cls, **more: Any) -> Policy:
        """Return a policy under which everything runs that deny and the intercept let through."""
        return cls(default="allow", **more)
