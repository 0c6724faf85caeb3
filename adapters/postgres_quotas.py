"""The quota pool in Postgres, for while Redis is away: every question is answered from the usage log itself
(migrations/0042_quotas.sql), so that nothing can be lost or old but the promises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID

import psycopg

from adapters.postgres_line import PostgresLine
from adapters.quota_totals import LINES, line_columns
from adapters.seat_periods import period_over
from domain.quota_pool import Answer, Batch, LineAnswer, Question
from domain.rate import Allowance
from domain.rights import Rights

FRESH = timedelta(seconds=1)
"""Rights are read again when they are older: so few events have come since that it can look through them."""
_RATES = "array(select row(g.*)::quota_rate from unnest(%s::text[], %s::numeric[], %s::numeric[], %s::interval[]) g)"
_ASK = (
    "select a.moment, a.used, a.granted, a.held, a.exceeded,"
    " array(select array[r.remaining::numeric, extract(epoch from r.back_in), extract(epoch from r.next_in)]"
    "  from unnest(a.rates) with ordinality r (name, remaining, back_in, next_in, paid_off, ordinal) order by ordinal)"
    f" from quota_ask(%s, %s, %s, %s, %s, {LINES}, {_RATES}, %s, %s) a"
)


class PostgresQuotas:
    """A `QuotaPool` (application/quota_pool.py) for one period; `PeriodOver` when quotas are kept elsewhere by now."""

    def __init__(self, line: PostgresLine, offset: Callable[[], timedelta] = timedelta, generation: int = 1) -> None:
        self._line = line
        self._offset = offset
        self._generation = generation

    async def begin(self, account_id: UUID) -> str:
        return ""

    async def ask(self, question: Question) -> Answer | None:
        if question.age > FRESH:
            return None
        rights, paced = question.rights, question.paced
        rates = [
            [each.name for each in paced],
            [each.units for each in paced],
            [each.rate.limit for each in paced],
            [each.rate.per for each in paced],
        ]
        found = await self._fetch(
            _ASK,
            self._generation,
            self._offset(),
            question.position,
            rights.account_id,
            list(rights.accounts),
            *line_columns(rights, question.lines),
            *rates,
            question.reservation,
            question.lasting,
        )
        return None if found[0][0] is None else _answer(question, *found[0])

    async def count(self, batch: Batch, rights: Rights | None) -> bool:
        """The log has it, and what it settles was settled with it."""
        return True

    async def release(self, account_id: UUID, reservation: UUID) -> bool:
        ((released,),) = await self._fetch("select quota_release(%s, %s)", account_id, reservation)
        return bool(released)

    async def forget(self, account_id: UUID) -> None: ...

    async def behind(self, account_id: UUID, position: int) -> None: ...

    async def _fetch(self, sql: str, *params: Any) -> list[Any]:
        try:
            return await self._line.fetch(sql, params)
        except psycopg.IntegrityError as error:
            raise (period_over(error) or error) from error


def _answer(
    question: Question, moment: Any, used: Any, granted: Any, held: Any, exceeded: list[bool], rates: list[list[Any]]
) -> Answer:
    terms = [line.standing.limit.terms for line in question.lines]
    lines = zip(terms, used, granted, held, exceeded, strict=True)
    return Answer(
        moment,
        tuple(LineAnswer(t.scaled(u), t.scaled(g), t.scaled(h), e) for t, u, g, h, e in lines),
        tuple(
            Allowance(each.rate.limit, int(left), ceil(back), ceil(wait))
            for each, (left, back, wait) in zip(question.paced, rates, strict=True)
        ),
    )
