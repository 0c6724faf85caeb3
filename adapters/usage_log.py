"""Appends to the usage log: concurrent requests of one process share one transaction and one fsync."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from adapters.commit_line import PATIENCE, CommitLine
from adapters.database import AWAY
from domain.errors import Unavailable
from domain.usage import Given, Placed

MAX_BATCH = 4_000
"""Records a transaction: a tenth of a second, in which no other process can append."""
_MAX_WAITING = 100_000
_GIVEN = (
    "integer, uuid, uuid, uuid, text, text, numeric, timestamptz, uuid, text, uuid, uuid, text, uuid, uuid, timestamptz"
)
"""The fields of `given_usage`: the number of the request, then those of `Given`."""
_APPEND = (
    "select refusal, known, position, account_id, previous from append_usage(array(select row(g.*)::given_usage from"
    f" unnest({', '.join(f'%b::{kind}[]' for kind in _GIVEN.split(', '))}) g), %b::timestamptz)"
)

log = structlog.get_logger()

Stored = Callable[[Sequence[Placed]], Awaitable[None]]
"""Told of the records of one commit, after it."""


@dataclass(slots=True, eq=False)
class _Request:
    given: Sequence[Given]
    now: datetime
    done: asyncio.Future[tuple[list[Placed], asyncio.Task[None] | None]]

    def keys(self) -> set[UUID]:
        """What it writes and what it depends on."""
        return {each.key for each in self.given} | {each.voids for each in self.given if each.voids}

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class UsageLog:
    """For one event loop. `stored` is awaited for each commit before its requests are answered."""

    def __init__(self, url: str, stored: Stored, *, patience: float = PATIENCE) -> None:
        self._line = CommitLine(url, patience=patience)
        self._stored = stored
        self._waiting: deque[_Request] = deque()
        self._records = 0
        self._telling: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None

    async def append(self, given: Sequence[Given], *, now: datetime) -> list[Placed]:
        """All of the records with distinct keys, durably, or none: then each says why, or nothing of itself.

        `Unavailable` when Postgres is away: then nothing is known to be stored, and a repetition is safe.
        """
        if self._records + len(given) > _MAX_WAITING:
            raise Unavailable(retry_after=1)
        request = _Request(given, now, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._records += len(given)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="usage-log")
        placed, told = await request.done
        if told is not None:
            await asyncio.shield(told)
        return placed

    async def close(self) -> None:
        """Lets what is waiting finish, then disconnects."""
        if self._writer is not None:
            await self._writer
        await asyncio.gather(*self._telling)
        await self._line.close()

    async def _write_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                placed = await self._store(batch)
            except (*AWAY, OSError) as error:
                await self._line.close()
                for request in batch:
                    request.fail(_unavailable(error))
            except Exception as error:
                for request in batch:
                    request.fail(error)
            else:
                self._answer(batch, placed)

    def _next_batch(self) -> list[_Request]:
        """Requests that have a key in common do not share a transaction: the later one has to find the other's."""
        batch = [self._waiting.popleft()]
        keys, size = batch[0].keys(), len(batch[0].given)
        while self._waiting and size + len(self._waiting[0].given) <= MAX_BATCH:
            more = self._waiting[0].keys()
            if not keys.isdisjoint(more):
                break
            keys |= more
            batch.append(self._waiting.popleft())
            size += len(batch[-1].given)
        self._records -= size
        return batch

    async def _store(self, batch: Sequence[_Request]) -> list[Placed]:
        columns: list[list[Any] | None] = [[number for number, each in enumerate(batch) for _ in each.given]]
        given = [each for request in batch for each in request.given]
        columns += [_column(values) for values in zip(*given, strict=True)]
        async with self._line.held() as connection:
            cursor = await connection.execute(_APPEND, (*columns, batch[0].now), prepare=True, binary=True)
            found = await cursor.fetchall()
        return [Placed(each, *row) for each, row in zip(given, found, strict=True)]

    def _answer(self, batch: Sequence[_Request], placed: list[Placed]) -> None:
        written = [each for each in placed if each.position is not None and not each.known and not each.refusal]
        told = asyncio.create_task(self._tell(written), name="usage-stored") if written else None
        if told is not None:
            self._telling.add(told)
            told.add_done_callback(self._telling.discard)
        start = 0
        for request in batch:
            end = start + len(request.given)
            if not request.done.done():  # its caller may have been cancelled; the records are stored all the same
                request.done.set_result((placed[start:end], told))
            start = end

    async def _tell(self, written: Sequence[Placed]) -> None:
        """The records are stored whatever comes of it, and the follower of this log makes up for it."""
        try:
            await self._stored(written)
        except Exception as error:
            log.exception("usage.not_told", error=type(error).__name__)


def _column(values: Sequence[Any]) -> list[Any] | None:
    """What nobody says is not sent: `unnest` fills it up."""
    return None if values.count(None) == len(values) else list(values)


def _unavailable(error: Exception) -> Unavailable:
    unavailable = Unavailable(retry_after=1)
    unavailable.__cause__ = error
    return unavailable
