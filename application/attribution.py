"""Who does what is being done, and because of what: written beside every event.

`actor` is `user:<id>`, `key:<id>`, `license:<id>`, `provider:<name>`, `worker:<name>` or `operator`; `cause` is
`request:<id>` or `event:<id>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def acting(actor: str, cause: str = "") -> Iterator[Attribution]:
    """Everything stored inside is attributed to `actor`, because of `cause`."""
    current = Attribution(actor, cause)
    token = _current.set(current)
    try:
        yield current
    finally:
        _current.reset(token)
