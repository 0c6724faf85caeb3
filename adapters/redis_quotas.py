"""The quota pool in Redis: one script call for a question, every key of it on one cluster node.

Counters are what the usage log says up to a position; what is lost is read from there again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import chain
from secrets import token_hex
from typing import Any
from uuid import UUID

from adapters.lua_script import Script
from adapters.quota_keys import keys_of
from adapters.quota_totals import QuotaTotals, Total
from adapters.redis_line import REIGN, Argument, RedisLine
from adapters.seat_keys import at, in_ms
from domain.errors import Unavailable
from domain.quota_pool import Answer, Batch, Line, LineAnswer, Question
from domain.rate import Allowance
from domain.rights import Rights

_ASK = Script("clock", "promises", "quota_ask")
_BEGIN = Script("quota_begin")
_LOAD = Script("clock", "quota_load")
_COUNT = Script("clock", "promises", "quota_count")
_BEHIND = Script("clock", "quota_behind")
_RELEASE = Script("promises", "quota_release")

_ATTEMPTS = 40
_PATIENT = 20
"""Attempts for which a load waits that what was counted arrives, before it replaces what is there."""
_PAUSE = 0.002
"""Seconds for what another process has stored to be counted."""


class RedisQuotas:
    """A `QuotaPool` (application/quota_pool.py). `offset` and `generation` as of `RedisSeats`."""

    def __init__(
        self,
        line: RedisLine,
        totals: QuotaTotals,
        offset: Callable[[], timedelta] = timedelta,
        generation: Callable[[], int] = lambda: 0,
    ) -> None:
        self._line = line
        self._totals = totals
        self._offset = offset
        self._generation = generation
        self._loading: dict[tuple[object, ...], asyncio.Task[bool]] = {}

    async def begin(self, account_id: UUID) -> str:
        found: bytes = await self._line.run(_BEGIN, keys_of(account_id), self._generation(), token_hex(8), REIGN)
        if not found:  # another process knows a later generation already, this one will in a moment
            raise Unavailable(retry_after=1)
        return found.decode()

    async def ask(self, question: Question) -> Answer | None:
        for _ in range(_ATTEMPTS):
            said, *answer = await self._ask(question)
            if said == b"answered":
                return _answer(question, answer)
            if said == b"stale" and not question.epoch:
                return None
            if not await self._load(question):
                return None
        raise Unavailable(retry_after=1)

    async def count(self, batch: Batch, rights: Rights | None) -> bool:
        keys, digest = keys_of(batch.account_id), rights.digest if rights else ""
        counted = chain.from_iterable((each.counter, each.kind.value, *each[2:]) for each in batch.counted)
        settled = chain.from_iterable((each.reservation.hex, each.meter) for each in batch.settled)
        told = (batch.previous, batch.last, len(batch.counted), *counted, *settled, REIGN)
        for _ in range(_ATTEMPTS):
            said = await self._line.run(_COUNT, keys, self._ahead(), self._generation(), digest, *told)
            if said == b"outdated":
                return False
            if said != b"early":
                return True
            await asyncio.sleep(_PAUSE)
        await self.forget(batch.account_id)
        await self._line.run(_COUNT, keys, self._ahead(), self._generation(), digest, *told)
        return True

    async def release(self, account_id: UUID, reservation: UUID) -> bool:
        return bool(await self._line.run(_RELEASE, keys_of(account_id)[3:], reservation.hex))

    async def forget(self, account_id: UUID) -> None:
        await self._line.call("DEL", *keys_of(account_id)[:3])

    async def behind(self, account_id: UUID, position: int) -> None:
        await self._line.run(_BEHIND, (keys_of(account_id).account,), self._ahead(), position)

    async def _ask(self, question: Question) -> list[Any]:
        keys = keys_of(question.rights.account_id)
        lines, paced = _line_arguments(question.lines), question.paced
        rates = chain.from_iterable((each.units, each.rate.limit, in_ms(each.rate.per)) for each in paced)
        found: list[Any] = await self._line.run(
            _ASK,
            (*keys, *(keys.rate(each.name) for each in paced)),
            self._ahead(),
            self._generation(),
            question.rights.digest,
            question.reservation.hex if question.reservation else "",
            in_ms(question.lasting),
            len(question.lines),
            *lines,
            *rates,
            REIGN,
        )
        return found

    async def _load(self, question: Question) -> bool:
        """Tells Redis the rights and what counts for the limits asked for; False when the epoch is over. Any number may
        ask for the same at once, or each caller of a busy account that was lost would read the log."""
        counters = (line.standing.counter for line in question.lines)
        same = (question.rights.account_id, question.epoch, question.rights.digest, *counters)
        task = self._loading.get(same)
        if task is None:
            task = self._loading[same] = asyncio.create_task(self._load_once(question), name="load-quotas")
            task.add_done_callback(lambda _: self._loading.pop(same, None))
        return await asyncio.shield(task)

    async def _load_once(self, question: Question) -> bool:
        for attempt in range(_ATTEMPTS):
            position, totals = await asyncio.to_thread(self._read, question)
            fields, values = _fields(question.lines, totals)
            told = (in_ms(question.holds_for), position, int(attempt >= _PATIENT), len(fields) // 2, *fields, *values)
            keys, known = keys_of(question.rights.account_id)[:3], (question.epoch, question.rights.digest)
            said = await self._line.run(_LOAD, keys, self._ahead(), self._generation(), *known, *told, REIGN)
            if said in (b"loaded", b"over"):
                return bool(said == b"loaded")
            await asyncio.sleep(_PAUSE)
        raise Unavailable(retry_after=1)

    def _read(self, question: Question) -> tuple[int, list[Total]]:
        return self._totals.read(question.rights, question.lines, values=True)

    def _ahead(self) -> int:
        return in_ms(self._offset())


def _line_arguments(lines: Sequence[Line]) -> list[Argument]:
    told: list[Argument] = []
    for line in lines:
        amount = "" if line.amount is None else line.amount
        hard = int(line.standing.limit.hard)
        told += (line.standing.counter, line.kind.value, line.quantity, amount, hard, line.tag)
    return told


def _fields(lines: Sequence[Line], totals: Sequence[Total]) -> tuple[list[Argument], list[Argument]]:
    """What goes into `used`, and into `values`."""
    used: list[Argument] = []
    values: list[Argument] = []
    for line, total in zip(lines, totals, strict=True):
        counter = line.standing.counter
        used += (counter, total.used, f"g/{counter}", total.granted)
        values += chain.from_iterable((f"{counter}:{tag}", value) for tag, value in total.values.items())
    return used, values


def _answer(question: Question, found: Sequence[int]) -> Answer:
    now, *numbers = found
    lines, rest = numbers[: 4 * len(question.lines)], numbers[4 * len(question.lines) :]
    return Answer(
        at(now),
        tuple(LineAnswer(*lines[n : n + 3], bool(lines[n + 3])) for n in range(0, len(lines), 4)),
        tuple(
            Allowance(each.rate.limit, rest[n], -(-rest[n + 1] // 1000), -(-rest[n + 2] // 1000))
            for each, n in zip(question.paced, range(0, len(rest), 3), strict=True)
        ),
    )
