"""Who does what is being done, and because of what: written beside every event.

`actor` is `user:<id>`, `key:<id>`, `license:<id>`, `provider:<name>`, `worker:<name>` or `operator`; `cause` is
`request:<id>` or `event:<id>`.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Attribution:
    """Mutable on purpose: a request begins as nobody's and is named once its credential is read."""

    actor: str = "system"
    cause: str = ""


_current: ContextVar[Attribution] = ContextVar("attribution")


def attribution() -> Attribution:
    """The attribution of the work under way."""
    return _current.get(None) or Attribution()


class acting:
    """Everything stored inside is attributed to `actor`, because of `cause`. No generator: each request has one."""

    __slots__ = ("_given", "_token")

    def __init__(self, actor: str, cause: str = "") -> None:
        self._given = Attribution(actor, cause)

    def __enter__(self) -> Attribution:
        self._token = _current.set(self._given)
        return self._given

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
