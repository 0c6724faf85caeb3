"""The seat pool in Redis: one script call for each question, every key of it on one cluster node.

Redis proposes; only the log grants. Whatever is lost here is read from the log again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from secrets import token_hex
from typing import Any
from uuid import UUID

from adapters.lua_script import Script
from adapters.redis_line import REIGN, Argument, RedisLine
from adapters.seat_access_document import read_access
from adapters.seat_keys import (
    LETTERS,
    REASONS,
    SHARDS,
    allowance,
    at,
    due_key,
    facts_arguments,
    holder_name,
    in_ms,
    keys_of,
    milliseconds,
    rate_arguments,
    session,
    terms_of,
)
from domain.errors import Unavailable
from domain.license import Status
from domain.rate import Rate
from domain.seat import CloseReason
from domain.seat_pool import (
    Aside,
    Bid,
    LicenseFacts,
    Outcome,
    Proposal,
    Renewal,
    SeatState,
    Sitting,
    View,
)

ASIDE = timedelta(seconds=30)
"""How long a session stays aside before somebody else may finish what its closer began."""
HOLD = timedelta(seconds=10)
"""How long a licence is held tighter than the log says; longer than the transaction that follows may take."""
LAPSED_SHOWN = 1_000
_CHUNK = 500

_ACQUIRE = Script("clock", "rate", "entry", "standing", "acquire")
_RENEW = Script("clock", "rate", "entry", "standing", "renew")
_RECORD = Script("entry", "record")
_PLACE = Script("clock", "entry", "place")
_WITHDRAW = Script("entry", "withdraw")
_ASIDE = Script("clock", "entry", "aside")
_FREE = Script("entry", "free")
_EPOCH = Script("epoch")
_LOADED = Script("loaded")
_MERGE = Script("clock", "entry", "merge")
_FACTS = Script("clock", "facts")
_TIGHTEN = Script("clock", "tighten")
_DUE = Script("clock", "due")
_LOOK = Script("clock", "standing", "look")

_OUTCOMES = {outcome.encode(): outcome for outcome in Outcome}


class RedisSeats:
    """A `SeatPool` (application/seat_pool.py).

    `offset` says how far the engine's clock is ahead of the server's, `generation` counts the times that seats began
    to be kept here: what Redis has from an earlier one is stale. So is what it has from another server's reign.
    """

    def __init__(
        self, line: RedisLine, offset: Callable[[], timedelta] = timedelta, generation: Callable[[], int] = lambda: 0
    ) -> None:
        self._line = line
        self._offset = offset
        self._generation = generation

    async def period(self, *, afresh: bool = False) -> int:
        return self._generation()

    # --- seats ---

    async def propose(self, bid: Bid, rate: Rate | None) -> Proposal:
        keys, holder = keys_of(bid.license_id), holder_name(bid.holder)
        answer = await self._line.run(
            _ACQUIRE,
            (
                keys.license,
                keys.holders,
                keys.seats,
                keys.leases,
                keys.free,
                keys.due,
                keys.rate("acquires", holder_name(bid.caller)),
            ),
            *self._now(),
            bid.session_id.hex,
            holder,
            bid.key_digest,
            keys.name,
            *rate_arguments(rate),
            bid.policy,
            bid.leave,
            REIGN,
        )
        return _proposal(answer, rate)

    async def renew(self, sitting: Sitting, holder: str, rate: Rate | None) -> Renewal:
        keys = keys_of(sitting.license_id)
        answer = await self._line.run(
            _RENEW,
            (keys.license, keys.seats, keys.leases, keys.due, keys.rate("heartbeats", holder_name(holder))),
            *self._now(),
            sitting.session_id.hex,
            sitting.seat,
            keys.name,
            *rate_arguments(rate),
            REIGN,
        )
        return _renewal(answer, rate)

    async def record(self, sitting: Sitting) -> bool:
        keys = keys_of(sitting.license_id)
        return bool(await self._line.run(_RECORD, (keys.seats,), sitting.seat, sitting.session_id.hex))

    async def place(self, sitting: Sitting, holder: str, version: int, borrowed_until: datetime | None) -> None:
        keys = keys_of(sitting.license_id)
        await self._line.run(
            _PLACE,
            keys[1:7],
            *self._now(),
            sitting.seat,
            sitting.session_id.hex,
            holder_name(holder),
            version,
            milliseconds(borrowed_until),
            keys.name,
            REIGN,
        )

    async def withdraw(self, sitting: Sitting) -> None:
        keys = keys_of(sitting.license_id)
        at_keys = (keys.holders, keys.seats, keys.leases, keys.free, keys.due)
        await self._line.run(_WITHDRAW, at_keys, sitting.seat, sitting.session_id.hex, keys.name)

    # --- ends ---

    async def set_aside(self, sittings: Sequence[Sitting], reason: CloseReason) -> list[Aside]:
        found = (self._aside(each.license_id, each.seat, each.session_id, reason) for each in sittings)
        return [aside for aside in await asyncio.gather(*found) if aside]

    async def set_aside_lapsed(self, license_id: UUID, seat: int) -> list[Aside]:
        aside = await self._aside(license_id, seat, None, CloseReason.EXPIRED)
        return [aside] if aside else []

    async def lapsed(self, most: int) -> list[Aside]:
        due = [self._line.run(_DUE, (due_key(shard),), self._ahead(), most) for shard in SHARDS]
        members = list(chain.from_iterable(await asyncio.gather(*due)))[:most]
        places = (member.decode().split("/") for member in members)
        found = (self._aside(UUID(hex=name), int(seat), None, CloseReason.EXPIRED) for name, seat in places)
        return [aside for aside in await asyncio.gather(*found) if aside]

    async def lapsed_of(self, license_id: UUID) -> list[int]:
        found = await self._line.run(_DUE, (keys_of(license_id).leases,), self._ahead(), LAPSED_SHOWN)
        return [int(number) for number in found]

    async def free(self, closed: Sequence[tuple[Sitting, int]]) -> None:
        await asyncio.gather(*(self._free(sitting, version) for sitting, version in closed))

    async def _aside(self, license_id: UUID, seat: int, of: UUID | None, reason: CloseReason) -> Aside | None:
        keys = keys_of(license_id)
        answer = await self._line.run(
            _ASIDE,
            (keys.holders, keys.seats, keys.leases, keys.due, keys.license),
            *self._now(),
            seat,
            of.hex if of else "",
            LETTERS[reason],
            in_ms(ASIDE),
            keys.name,
            REIGN,
        )
        if not answer:
            return None
        stored, version, letter, terms, epoch = answer
        sitting = Sitting(license_id, seat, UUID(hex=stored.decode()))
        return Aside(sitting, version, REASONS[letter], terms_of(terms), epoch.decode())

    async def _free(self, sitting: Sitting, version: int) -> None:
        keys = keys_of(sitting.license_id)
        at_keys = (keys.holders, keys.seats, keys.leases, keys.free, keys.due, keys.license)
        await self._line.run(_FREE, at_keys, sitting.seat, sitting.session_id.hex, version, keys.name)

    # --- facts ---

    async def look(self, license_id: UUID) -> View | None:
        keys = keys_of(license_id)
        answer = await self._line.run(_LOOK, (keys.license, keys.leases), *self._now(), REIGN)
        if len(answer) == 1:
            return None
        refusal, status, key, used, document, lapsed, limit = answer
        shown = status.decode(), key.decode(), used, document, lapsed
        return View(_OUTCOMES.get(refusal), *shown, None if limit < 0 else limit)

    async def learn(self, facts: LicenseFacts) -> None:
        await self._tell(facts, "")

    async def epoch(self, license_id: UUID) -> str:
        told = self._generation(), token_hex(8), REIGN
        found: bytes = await self._line.run(_EPOCH, keys_of(license_id)[1:6], *told)
        if not found:  # another process knows a later generation already, this one will in a moment
            raise Unavailable(retry_after=1)
        return found.decode()

    async def load(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        for start in range(0, len(seats), _CHUNK):
            if not await self._merge(facts, seats[start : start + _CHUNK], epoch):
                return False
        return await self._tell(facts, epoch)  # last: until all seats are here the licence is stale for everybody

    async def forget(self, license_id: UUID) -> None:
        await self._line.call("DEL", *keys_of(license_id)[1:6])

    async def is_loaded(self, license_ids: Sequence[UUID]) -> list[bool]:
        asked = (self._line.run(_LOADED, (keys_of(each).license,), self._generation(), REIGN) for each in license_ids)
        return [bool(loaded) for loaded in await asyncio.gather(*asked)]

    async def tighten(self, license_id: UUID, status: Status | None = None, limit: int | None = None) -> None:
        wanted = (status or "", "" if limit is None else limit)
        await self._line.run(_TIGHTEN, (keys_of(license_id).license,), self._ahead(), in_ms(HOLD), *wanted)

    async def _tell(self, facts: LicenseFacts, epoch: str) -> bool:
        keys = keys_of(facts.license_id)
        return bool(await self._line.run(_FACTS, (keys.license,), self._ahead(), epoch, *facts_arguments(facts)))

    async def _merge(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        keys, lease = keys_of(facts.license_id), in_ms(facts.terms.lease)
        told: list[Argument] = []
        for each in seats:
            of = each.session_id.hex if each.session_id else ""
            told += (each.seat, each.version, of, holder_name(each.holder), milliseconds(each.borrowed_until))
        resume = in_ms(facts.terms.resume)
        return bool(await self._line.run(_MERGE, keys[1:7], self._ahead(), lease, resume, keys.name, epoch, *told))

    def _now(self) -> tuple[int, int]:
        return self._ahead(), self._generation()

    def _ahead(self) -> int:
        return in_ms(self._offset())


def _proposal(answer: list[Any], rate: Rate | None) -> Proposal:
    said, now, ends, seat, version, of, recorded, former, limit, used, left, back, wait, terms, *more = answer
    over, borrowed, epoch = more
    outcome = _OUTCOMES[said]
    is_about_policy = outcome is Outcome.POLICY_CHANGED
    return Proposal(
        outcome,
        seat,
        version,
        session(of),
        bool(recorded),
        session(former),
        None if limit < 0 else limit,
        used,
        at(now),
        at(ends),
        None if outcome is Outcome.STALE else allowance(rate, left, back, wait),
        None if is_about_policy else terms_of(terms),
        bool(over),
        bool(borrowed),
        read_access(terms) if is_about_policy else None,
        epoch.decode(),
    )


def _renewal(answer: list[Any], rate: Rate | None) -> Renewal:
    outcome = _OUTCOMES[answer[0]]
    if outcome is Outcome.STALE:
        return Renewal(outcome)
    _, now, ends, left, back, wait, more = answer
    left_over = allowance(rate, left, back, wait)
    if outcome is Outcome.CLOSING:
        return Renewal(outcome, allowance=left_over, reason=REASONS[more])
    return Renewal(outcome, at(now), at(ends), left_over, terms_of(more))
