"""How a seat stands, as a program and its user see it.

                     renewed                      Usher answers again
                    ┌───────┐                ┌──────────────────────────┐
                    ▼       │                ▼                          │
    acquire ──▶  SEATED ────┴─ no answer ▶ OFFLINE ── grace is over ▶ LOST ◀── revoked, evicted, resized: for good;
                    │  ▲                     │                          │      expired licence, all seats taken:
                    │  └─ reinstated ── SUSPENDED ◀── suspended ────────┘      asked again now and then
                    ├── borrow ──▶ BORROWED ── its days are over ──▶ taken as an ordinary seat again, or LOST
                    └── release ─▶ RELEASED   (also after a swap)

A session that ended for another reason (expired while the machine slept, released by a second program of this
machine) is taken again at once: nobody sees it.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from usher_client.errors import UsherError


class State(str, Enum):
    """How a seat stands; see the picture above. The first three let the program work."""

    SEATED = "seated"
    OFFLINE = "offline"
    BORROWED = "borrowed"
    SUSPENDED = "suspended"
    LOST = "lost"
    RELEASED = "released"


WORKING = frozenset({State.SEATED, State.OFFLINE, State.BORROWED})


class Status(NamedTuple):
    """`until`: when the program must stop if Usher is not heard of again, by this machine's clock. `error`: why it may
    not work, or what the last heartbeats met. `final`: Usher is not asked any more."""

    state: State
    seat: int
    until: datetime
    error: UsherError | None = None
    final: bool = False

    @property
    def works(self) -> bool:
        return self.state in WORKING

    @property
    def said(self) -> tuple[object, ...]:
        """What is worth telling when it changes."""
        return self.state, self.seat, self.final, None if self.works else type(self.error)
