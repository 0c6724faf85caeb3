"""May this be used now? Asked of the quota pool, under the rights of the account; and told to it, once it was used."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.quota_pool import QuotaPool
from application.rights_book import KnownRights, RightsBook
from domain.errors import InvalidRequest, Unavailable
from domain.meter import Aggregation, MeterTerms
from domain.quota_pool import Answer, Batch, Counted, Line, LineAnswer, Paced, Question, Settled
from domain.rights import Rights
from domain.usage import Placed

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.offer import Offer

_ATTEMPTS = 8
Asking = Callable[[KnownRights], Question]


class Wanted(NamedTuple):
    """So much of a meter. `value` is the distinct value of a meter that counts such."""

    meter: str
    quantity: Decimal
    subject: UUID | None = None
    key_id: UUID | None = None
    value: UUID | None = None


class Verdict(NamedTuple):
    """`lines` are the limits that were met, each with how it stands. `reservation` is promised until `lapses_at`."""

    rights: Rights
    lines: tuple[tuple[Line, LineAnswer], ...]
    answer: Answer
    reservation: UUID | None
    lapses_at: datetime | None


class Quotas:
    """For one event loop."""

    def __init__(self, pool: QuotaPool, rights: RightsBook, offer: Offer, clock: Clock) -> None:
        self._pool = pool
        self._rights = rights
        self._offer = offer
        self._clock = clock
        self._reading: dict[UUID, asyncio.Task[KnownRights]] = {}

    async def check(self, account_id: UUID, wanted: Sequence[Wanted], *, reserve_for: timedelta | None) -> Verdict:
        """All of it at once, or not: `Verdict.answer.is_allowed` tells. `InvalidRequest` for a meter that is not known,
        or a quantity or reservation that it cannot have; `Unavailable`."""
        terms = [await self._terms(each) for each in wanted]
        if reserve_for is not None and (strange := [t.name for t in terms if not t.aggregation.adds_up]):
            raise InvalidRequest.field("reserve", f"is for meters that add up, which {strange[0]} does not")
        reservation = self._clock.new_id() if reserve_for is not None else None

        def question(known: KnownRights) -> Question:
            lines, paced = _lines(known.rights, wanted, terms, self._clock.now()), _paced(known.rights, wanted)
            return self._question(known, lines, paced, reservation, reserve_for or timedelta(0))

        asked, answer = await self._ask(account_id, question)
        lapses_at = answer.moment + reserve_for if reserve_for is not None and answer.is_allowed else None
        lines = tuple(zip(asked.lines, answer.lines, strict=True))
        return Verdict(asked.rights, lines, answer, reservation if lapses_at else None, lapses_at)

    async def standing(self, account_id: UUID, *, subject: UUID | None = None, key_id: UUID | None = None) -> Verdict:
        """How every limit stands that counts for the account as a whole, and for a subject and a key that are named."""

        def question(known: KnownRights) -> Question:
            now = self._clock.now()
            found = (limit.standing(now, subject, key_id) for limit in known.rights.limits)
            return self._question(known, tuple(Line(standing, 0) for standing in found if standing))

        asked, answer = await self._ask(account_id, question)
        return Verdict(asked.rights, tuple(zip(asked.lines, answer.lines, strict=True)), answer, None, None)

    async def release(self, account_id: UUID, reservation: UUID) -> bool:
        """Gives back what was promised; False when it has lapsed, was made good, or never was."""
        return await self._pool.release(self._rights.owner(account_id), reservation)

    async def forget(self, *account_ids: UUID) -> None:
        """What the accounts may do has changed."""
        await asyncio.gather(*(self._pool.forget(each) for each in account_ids))

    async def behind(self, heads: Sequence[tuple[UUID, int]]) -> None:
        """The log has these records; whoever stored them tells the pool in a moment, unless it died."""
        await asyncio.gather(*(self._pool.behind(*each) for each in heads))

    async def count(self, placed: Sequence[Placed]) -> None:
        """The records of one commit are stored: what the pool has of their accounts follows. While it is away nothing
        is: it reads the log when it comes back."""
        by_account: dict[UUID, list[Placed]] = defaultdict(list)
        for each in placed:
            by_account[each.account_id].append(each)
        try:
            await asyncio.gather(*(self._count(*each) for each in by_account.items()))
        except Unavailable:
            return

    async def _count(self, account_id: UUID, placed: Sequence[Placed]) -> None:
        if any(each.given.voids for each in placed):  # what a cancelled record was is not told here
            owner = (await self._read(account_id)).rights.account_id
            await self.forget(*{account_id, owner})
        known = self._rights.known(account_id)
        for _ in range(_ATTEMPTS):
            if await self._pool.count(_batch(account_id, placed, known), known.rights if known else None):
                return
            known = await self._read(account_id)
        await self.forget(account_id)

    async def _ask(self, account_id: UUID, make: Asking) -> tuple[Question, Answer]:
        known = self._rights.known(self._rights.owner(account_id))
        for _ in range(_ATTEMPTS):
            if known is None or known.holds_until <= self._clock.now():
                known = await self._read(account_id)
            question = make(known)
            answer = await self._pool.ask(question)
            if answer is not None:
                return question, answer
            known = await self._read(account_id)
        raise Unavailable(retry_after=1)

    async def _read(self, account_id: UUID) -> KnownRights:
        """The rights from the log; any number may ask for the same at once."""
        task = self._reading.get(account_id)
        if task is None:
            task = self._reading[account_id] = asyncio.create_task(self._read_once(account_id), name="rights")
            task.add_done_callback(lambda _: self._reading.pop(account_id, None))
        return await asyncio.shield(task)

    async def _read_once(self, account_id: UUID) -> KnownRights:
        """Of an account that was claimed they are read again, as its owner's, in the epoch of that."""
        owner = self._rights.owner(account_id)
        known = await asyncio.to_thread(self._rights.read, owner, await self._pool.begin(owner))
        if known.rights.account_id == owner:
            return known
        return await self._read_once(known.rights.account_id)

    def _question(
        self,
        known: KnownRights,
        lines: Sequence[Line],
        paced: Sequence[Paced] = (),
        reservation: UUID | None = None,
        lasting: timedelta = timedelta(0),
    ) -> Question:
        age, holds_for = timedelta(seconds=time.monotonic() - known.read_at), known.holds_until - self._clock.now()
        read = known.rights, known.epoch, known.position, age, holds_for
        return Question(*read, tuple(lines), tuple(paced), reservation, lasting)

    async def _terms(self, wanted: Wanted) -> MeterTerms:
        """`InvalidRequest` for a meter that no catalogue has, and for what its records could not say."""
        terms = self._offer.meter(wanted.meter) or (await asyncio.to_thread(self._offer.look)).meters.get(wanted.meter)
        if terms is None:
            raise InvalidRequest.field("meter", f"{wanted.meter} is not a known meter")
        if terms.counts is not None and wanted.value is None:
            raise InvalidRequest.field("dimensions", f"say which {terms.counts}")
        try:
            terms.scaled(wanted.quantity)
        except ValueError as error:
            raise InvalidRequest.field("quantity", str(error)) from None
        return terms


def _lines(rights: Rights, wanted: Sequence[Wanted], terms: Sequence[MeterTerms], now: datetime) -> list[Line]:
    """Each limit once, with all that is wanted of it."""
    lines: dict[str, Line] = {}
    for each, meter in zip(wanted, terms, strict=True):
        for limit in rights.limits_on(each.meter):
            standing = limit.standing(now, each.subject, each.key_id)
            if standing is None:
                continue
            line = Line(standing, meter.scaled(each.quantity), _tag(meter, each.subject, each.value))
            known = lines.get(standing.counter)
            lines[standing.counter] = line if known is None else _both(known, line)
    return list(lines.values())


def _both(one: Line, other: Line) -> Line:
    if one.kind.adds_up:
        return one._replace(quantity=one.quantity + other.quantity)
    if one.tag != other.tag:
        raise InvalidRequest.field("checks", f"ask about one at a time of {one.standing.limit.meter}")
    return one._replace(quantity=max(one.quantity, other.quantity))


def _tag(terms: MeterTerms, subject: UUID | None, value: UUID | None) -> str:
    match terms.aggregation:
        case Aggregation.UNIQUE:
            return str(value)
        case Aggregation.LAST:
            return str(subject or "")
    return ""


def _paced(rights: Rights, wanted: Sequence[Wanted]) -> list[Paced]:
    """A rate limit that is called like a meter paces what is wanted of it."""
    paced: dict[str, Paced] = {}
    for each in wanted:
        rate = rights.rate(each.meter)
        if rate is not None and each.quantity > 0:
            units = float(each.quantity) + (paced[each.meter].units if each.meter in paced else 0)
            if units > rate.limit:
                raise InvalidRequest.field("quantity", f"is more than the rate limit of {rate.limit} allows at once")
            paced[each.meter] = Paced(each.meter, units, rate)
    return list(paced.values())


def _batch(account_id: UUID, placed: Sequence[Placed], known: KnownRights | None) -> Batch:
    positions = [each.position for each in placed if each.position is not None]
    settled = (
        Settled(each.given.reservation, each.given.meter)
        for each in placed
        if each.given.reservation is not None and each.given.meter is not None
    )
    counted = _together(each for one in placed for each in _counted(one, known.rights)) if known else ()
    return Batch(account_id, placed[0].previous, max(positions), tuple(counted), tuple(settled))


def _together(counted: Iterable[Counted]) -> Iterator[Counted]:
    """What adds up, added up: many records are a few numbers."""
    sums: dict[str, Counted] = {}
    for each in counted:
        if not each.kind.adds_up:
            yield each
        elif (known := sums.get(each.counter)) is None:
            sums[each.counter] = each
        else:
            sums[each.counter] = Counted(each.counter, each.kind, known.quantity + each.quantity)
    yield from sums.values()


def _counted(placed: Placed, rights: Rights) -> Iterator[Counted]:
    given = placed.given
    if given.meter is None or given.quantity is None or given.at is None or placed.position is None:
        return
    for limit in rights.limits_on(given.meter):
        standing, kind = limit.standing(given.at, given.subject, given.key_id), limit.terms.aggregation
        if standing is None:
            continue
        quantity = 1 if kind is Aggregation.COUNT else limit.terms.scaled(given.quantity)
        if kind.adds_up:
            yield Counted(standing.counter, kind, quantity)
            continue
        order = f"{int(given.at.timestamp() * 1_000_000):020d}/{placed.position:020d}"
        yield Counted(standing.counter, kind, quantity, _tag(limit.terms, given.subject, given.counted), order)
