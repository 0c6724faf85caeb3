"""The seat pool in Postgres, for while Redis is away: one function call for each question (migrations/0017_*.sql).

It proposes; only the log grants. Whatever is lost here is read from the log again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from secrets import token_hex
from typing import Any
from uuid import UUID

import orjson
import psycopg

from adapters.postgres_line import PostgresLine
from adapters.redis_seats import ASIDE, HOLD, LAPSED_SHOWN
from adapters.seat_access_document import access_document, read_access
from adapters.seat_keys import holder_name, keys_of, terms_json, terms_of
from adapters.seat_periods import period_over
from adapters.together import Together
from domain.license import Status
from domain.rate import Allowance, Rate
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

_CHUNK = 5_000
_BEATS = 100
_Beat = tuple[Sitting, str, Rate | None]
_REFUSALS = {each.value: each for each in (Outcome.SUSPENDED, Outcome.EXPIRED, Outcome.REVOKED)}

_RATE = "row(%s::text, %s::integer, %s::interval)::pool_rate"
_LEFT = "(a.allowance).remaining, (a.allowance).back_in, (a.allowance).next_in"
_SITTING = "row(%s::uuid, %s::integer, %s::bigint, %s::uuid, %s::text, %s::timestamptz)::pool_sitting"
_SITTINGS = (
    "array(select row(t.*)::pool_sitting from unnest(%s::uuid[], %s::integer[], %s::bigint[], %s::uuid[], %s::text[],"
    " %s::timestamptz[]) t)"
)
_PROPOSE = (
    "select a.outcome, a.seat, a.version, a.session_id, a.is_recorded, a.former, a.seat_limit, a.used, a.moment,"
    f" a.lease_ends, a.terms, a.is_overage, a.is_borrowed, a.access, l.epoch, {_LEFT} from pool_propose(%s, %s,"
    f" row(%s::uuid, %s::text, %s::text, %s::uuid, %s::text, %s::bigint)::pool_bid, {_RATE}) a"
    " left join pool_licenses l on l.license_id = %s"
)
_RENEW_ALL = (
    f"select n.ordinal, a.outcome, a.moment, a.lease_ends, a.terms, a.reason, {_LEFT} from ("
    "select * from unnest(%s::uuid[], %s::integer[], %s::uuid[], %s::text[], %s::integer[], %s::interval[])"
    " with ordinality n (license_id, seat, session_id, who, most, per, ordinal) order by license_id, seat) n"
    " cross join lateral pool_renew(%s, %s, row(n.license_id, n.seat, null, n.session_id, null, null)::pool_sitting,"
    " row(n.who, n.most, n.per)::pool_rate) a order by n.ordinal"
)
_ASIDES = (
    "select a.license_id, a.seat, a.session_id, a.version, a.reason, l.terms, l.epoch from {} a"
    " left join pool_licenses l using (license_id)"
)
_SET_ASIDE = _ASIDES.format(f"pool_set_aside(%s, %s, {_SITTINGS}, %s, %s)")
_SET_ASIDE_DUE = _ASIDES.format("pool_set_aside_due(%s, %s, %s, %s)")
_LAPSED_OF = (
    "select s.seat from pool_moment(%s, %s) as moment, pool_seats s"
    " where s.license_id = %s and s.generation = %s and s.lease_ends <= moment order by s.lease_ends limit %s"
)
_FACTS = (
    "row(%s::uuid, %s::bigint, %s::text, %s::bigint, %s::bigint, %s::timestamptz, %s::timestamptz, %s::interval,"
    " %s::interval, %s::text, %s::bytea, %s::bytea, %s::text, %s::bytea)::pool_facts"
)


class PostgresSeats:
    """A `SeatPool` (application/seat_pool.py) for one period; `PeriodOver` when seats are kept elsewhere by now.

    `offset` says how far the engine's clock is ahead of the server's. For `trust` after the period began, a process may
    not have heard of it: what it can have promised in Redis is kept.
    """

    def __init__(
        self,
        line: PostgresLine,
        offset: Callable[[], timedelta] = timedelta,
        generation: int = 1,
        trust: timedelta = timedelta(0),
    ) -> None:
        self._line = line
        self._offset = offset
        self._generation = generation
        self._trust = trust
        self._renewals = Together[_Beat, Renewal](self._renew_all, most=_BEATS)

    async def period(self, *, afresh: bool = False) -> int:
        return self._generation

    # --- seats ---

    async def propose(self, bid: Bid, rate: Rate | None) -> Proposal:
        holder = holder_name(bid.holder)
        asked = bid.license_id, bid.key_digest, holder, bid.session_id, bid.policy, bid.leave
        counted = _rate(rate, keys_of(bid.license_id).rate("acquires", holder_name(bid.caller)))
        (found,) = await self._ask(_PROPOSE, *asked, *counted, bid.license_id)
        said, seat, version, of, recorded, former, limit, used, now, ends, terms, over, borrowed, access, *more = found
        epoch, *left = more
        return Proposal(
            outcome=Outcome(said),
            seat=seat or 0,
            version=version or 0,
            session_id=of,
            recorded=bool(recorded),
            former=former,
            limit=limit,
            used=used or 0,
            now=now,
            lease_ends=ends or now,
            allowance=_allowance(rate, *left),
            terms=terms_of(terms or b""),
            overage=bool(over),
            borrowed=bool(borrowed),
            access=None if access is None else read_access(access),
            epoch=epoch or "",
        )

    async def renew(self, sitting: Sitting, holder: str, rate: Rate | None) -> Renewal:
        return await self._renewals.ask((sitting, holder, rate))

    async def record(self, sitting: Sitting) -> bool:
        ((is_held,),) = await self._ask(f"select pool_record(%s, %s, {_SITTING})", *_sitting(sitting))
        return bool(is_held)

    async def place(self, sitting: Sitting, holder: str, version: int, borrowed_until: datetime | None) -> None:
        placed = _sitting(sitting, version, holder_name(holder), borrowed_until)
        await self._ask(f"select pool_place(%s, %s, {_SITTING})", *placed)

    async def withdraw(self, sitting: Sitting) -> None:
        await self._ask(f"select pool_withdraw(%s, %s, {_SITTING})", *_sitting(sitting))

    # --- ends ---

    async def set_aside(self, sittings: Sequence[Sitting], reason: CloseReason) -> list[Aside]:
        asked = _columns(_sitting(each) for each in sittings)
        return _asides(await self._ask(_SET_ASIDE, *asked, reason, ASIDE))

    async def set_aside_lapsed(self, license_id: UUID, seat: int) -> list[Aside]:
        asked = _columns([(license_id, seat, None, None, None, None)])
        return _asides(await self._ask(_SET_ASIDE, *asked, CloseReason.EXPIRED, ASIDE))

    async def lapsed(self, most: int) -> list[Aside]:
        return _asides(await self._ask(_SET_ASIDE_DUE, most, ASIDE))

    async def lapsed_of(self, license_id: UUID) -> list[int]:
        return [seat for (seat,) in await self._ask(_LAPSED_OF, license_id, self._generation, LAPSED_SHOWN)]

    async def free(self, closed: Sequence[tuple[Sitting, int]]) -> None:
        told = _columns(_sitting(sitting, version) for sitting, version in closed)
        await self._ask(f"select pool_free(%s, %s, {_SITTINGS})", *told)

    # --- facts ---

    async def look(self, license_id: UUID) -> View | None:
        ((status, key, used, document, lapsed, limit),) = await self._ask(
            "select * from pool_look(%s, %s, %s)", license_id
        )
        if status == Outcome.STALE:
            return None
        return View(_REFUSALS.get(status), status, key, used, document, lapsed, limit)

    async def learn(self, facts: LicenseFacts) -> None:
        await self._tell(facts, "")

    async def epoch(self, license_id: UUID) -> str:
        ((name,),) = await self._ask("select pool_epoch(%s, %s, %s, %s)", license_id, token_hex(8))
        return str(name)

    async def load(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        for start in range(0, len(seats), _CHUNK):
            if not await self._merge(facts, seats[start : start + _CHUNK], epoch):
                return False
        return await self._tell(facts, epoch)  # last: until all seats are here the licence is stale for everybody

    async def forget(self, license_id: UUID) -> None:
        await self._ask("select pool_forget(%s, %s, %s)", license_id)

    async def is_loaded(self, license_ids: Sequence[UUID]) -> list[bool]:
        sql = "select license_id from pool_licenses where generation = %s and license_id = any(%s) and is_loaded"
        known = {id for (id,) in await self._line.fetch(sql, (self._generation, list(license_ids)))}
        return [each in known for each in license_ids]

    async def tighten(self, license_id: UUID, status: Status | None = None, limit: int | None = None) -> None:
        """Holds in any period: what is announced counts for whichever pool comes next, too."""
        await hold(self._line, self._offset(), license_id, status, limit)

    async def _renew_all(self, asked: Sequence[_Beat]) -> list[Renewal]:
        """In one statement, always in the same order: two that renew the same seats must not wait for each other."""
        rows = [
            (*sitting, *_rate(rate, keys_of(sitting.license_id).rate("heartbeats", holder_name(holder))))
            for sitting, holder, rate in asked
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        found = await self._fetch(_RENEW_ALL, *columns, self._generation, self._offset())
        return [_renewal(rate, *row[1:]) for (_, _, rate), row in zip(asked, found, strict=True)]

    async def _tell(self, facts: LicenseFacts, epoch: str) -> bool:
        terms = facts.terms
        ((is_told,),) = await self._ask(
            f"select pool_learn(%s, %s, %s, {_FACTS})",
            epoch,
            facts.license_id,
            facts.version,
            facts.status,
            facts.limit,
            facts.granted,
            facts.expires_at,
            facts.grace_ends_at,
            terms.lease,
            terms.resume,
            facts.key_digest,
            terms_json(terms).encode(),
            orjson.dumps(facts.document, option=orjson.OPT_UTC_Z),
            facts.access.digest,
            access_document(facts.access).encode(),
        )
        return bool(is_told)

    async def _merge(self, facts: LicenseFacts, seats: Sequence[SeatState], epoch: str) -> bool:
        told = _columns(
            (s.license_id, s.seat, s.version, s.session_id, holder_name(s.holder), s.borrowed_until) for s in seats
        )
        sql = f"select pool_merge(%s, %s, %s, {_SITTINGS}, %s, %s, %s)"
        ((is_told,),) = await self._ask(sql, epoch, *told, facts.terms.lease, facts.terms.resume, self._trust)
        return bool(is_told)

    async def _ask(self, sql: str, *params: Any) -> list[Any]:
        return await self._fetch(sql, self._generation, self._offset(), *params)

    async def _fetch(self, sql: str, *params: Any) -> list[Any]:
        try:
            return await self._line.fetch(sql, params)
        except psycopg.IntegrityError as error:
            raise (period_over(error) or error) from error


async def hold(
    line: PostgresLine, offset: timedelta, license_id: UUID, status: Status | None, limit: int | None
) -> None:
    """What `tighten` announces, for whichever pool is used while it counts."""
    sql = "select pool_tighten(%s, %s, %s, %s, %s::bigint)"
    await line.fetch(sql, (offset, license_id, HOLD, status, limit))


def _rate(rate: Rate | None, who: str) -> tuple[str, int, timedelta]:
    return (who, 0, timedelta(0)) if rate is None else (who, rate.limit, rate.per)


def _allowance(rate: Rate | None, left: int | None, back: timedelta | None, wait: timedelta | None) -> Allowance | None:
    if rate is None or left is None or back is None or wait is None:
        return None
    return Allowance(rate.limit, left, ceil(back.total_seconds()), ceil(wait.total_seconds()))


def _renewal(
    rate: Rate | None,
    said: str,
    now: datetime,
    ends: datetime | None,
    terms: bytes | None,
    reason: str | None,
    *left: Any,
) -> Renewal:
    why = CloseReason(reason) if reason else None
    return Renewal(Outcome(said), now, ends, _allowance(rate, *left), terms_of(terms or b""), why)


def _sitting(
    sitting: Sitting, version: int | None = None, holder: str | None = None, until: datetime | None = None
) -> Any:
    return sitting.license_id, sitting.seat, version, sitting.session_id, holder, until


def _columns(sittings: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """As `unnest` takes them: a list for each column."""
    rows = list(sittings)
    return [[row[column] for row in rows] for column in range(6)]


def _asides(found: Sequence[Any]) -> list[Aside]:
    return [
        Aside(Sitting(license_id, seat, session_id), version, CloseReason(reason), terms_of(terms or b""), epoch or "")
        for license_id, seat, session_id, version, reason, terms, epoch in found
    ]
