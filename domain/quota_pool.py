"""What a quota pool is asked and what it answers; plain values, the same for every pool.

Quantities are whole numbers of the meter's smallest unit (`MeterTerms.scaled`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from domain.meter import Aggregation
from domain.rate import Allowance, Rate
from domain.rights import Rights, Standing


class Line(NamedTuple):
    """One limit that a request meets, and how much more it wants (a level: how much there would be; 0: nothing, the
    limit is only looked at). `tag` is the distinct value or the subject that is asked about."""

    standing: Standing
    quantity: int
    tag: str = ""

    @property
    def kind(self) -> Aggregation:
        return self.standing.limit.terms.aggregation

    @property
    def amount(self) -> int | None:
        """The limit without grants; None: no end."""
        limit = self.standing.limit
        return None if limit.amount is None else limit.amount * int(10**limit.terms.decimals)

    def left(self, answer: LineAnswer) -> int | None:
        """What may be used yet; None: no end."""
        if self.amount is None:
            return None
        return max(self.amount + answer.granted - max(answer.used, 0) - answer.held, 0)

    def is_over(self, answer: LineAnswer, *, is_reserved: bool) -> bool:
        """Whether what is wanted makes it more than the limit, which then is a soft one."""
        if self.amount is None:
            return False
        more = self.quantity if self.kind.adds_up and not is_reserved else 0
        wanted = self.quantity if self.kind.is_level else answer.used + answer.held + more
        return wanted > self.amount + answer.granted


class Paced(NamedTuple):
    """So many units of a rate limit."""

    name: str
    units: float
    rate: Rate


class Question(NamedTuple):
    """May all of this be used now? With a `reservation` it is promised for `lasting`, if so.

    The rights were read `age` ago, in the pool's `epoch` (see `QuotaPool.begin`; '' when it was not asked) and at
    `position` of the log, and are believed for `holds_for`.
    """

    rights: Rights
    epoch: str
    position: int
    age: timedelta
    holds_for: timedelta
    lines: tuple[Line, ...]
    paced: tuple[Paced, ...] = ()
    reservation: UUID | None = None
    lasting: timedelta = timedelta(0)


class LineAnswer(NamedTuple):
    """How a limit stands, a reservation just made included in `held`. `granted` comes on top of the amount."""

    used: int
    granted: int
    held: int
    is_exceeded: bool


class Answer(NamedTuple):
    """Nothing was changed when a line is exceeded or a rate is not allowed."""

    moment: datetime
    lines: tuple[LineAnswer, ...]
    allowances: tuple[Allowance, ...]

    @property
    def is_allowed(self) -> bool:
        return not any(line.is_exceeded for line in self.lines) and not any(
            each.retry_after for each in self.allowances
        )


class Counted(NamedTuple):
    """What a record adds to a counter: `quantity` of it (a level: how much there is), of `tag`. `order` tells which of
    two levels is the later."""

    counter: str
    kind: Aggregation
    quantity: int
    tag: str = ""
    order: str = ""


class Settled(NamedTuple):
    """A record of this meter makes a reservation good."""

    reservation: UUID
    meter: str


class Batch(NamedTuple):
    """The records of one account in one commit, after the one at `previous` up to that at `last`."""

    account_id: UUID
    previous: int
    last: int
    counted: tuple[Counted, ...]
    settled: tuple[Settled, ...]
