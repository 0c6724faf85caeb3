"""Concurrent appends of one process share one insert and one fsync.

A durable single append costs a disk flush whoever waits for it; while one batch is being flushed, everything that
arrives queues up and goes with the next. An append is answered only after its own commit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent

from adapters.commit_line import PATIENCE, CommitLine
from adapters.database import AWAY, Row
from adapters.event_codec import EventCodec
from adapters.event_recorder import APPEND, MAX_BATCH, append_params
from adapters.seat_claims import refused_claim
from adapters.seat_epochs import epoch_over, require_epochs
from adapters.seat_periods import period_over
from domain.aggregate import Event
from domain.errors import Unavailable

_MAX_WAITING = 20_000
_APPEND_IN_PERIODS = f"{APPEND} from require_seat_periods(%b::bigint[])"


@dataclass(slots=True)
class _Append:
    events: list[StoredEvent]
    rows: Sequence[Row]
    actor: str
    cause: str
    done: asyncio.Future[int]
    period: int | None
    epochs: Collection[tuple[UUID, str]]

    def answer(self, position: int) -> None:
        if not self.done.done():  # its caller may have been cancelled; the event is stored all the same
            self.done.set_result(position)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class GroupCommit:
    """One connection, one batch under way at a time; for use from one event loop."""

    def __init__(self, url: str, codec: EventCodec, *, patience: float = PATIENCE) -> None:
        self._line = CommitLine(url, patience=patience)
        self._codec = codec
        self._waiting: deque[_Append] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def append(
        self,
        events: Sequence[Event],
        *,
        rows: Sequence[Row] = (),
        actor: str,
        cause: str,
        period: int | None = None,
        epochs: Collection[tuple[UUID, str]] = (),
    ) -> int:
        """Stores the events (and the rows with them) durably; answers the position of the last.

        `period` is that of the seat pool on whose word they are stored; `PeriodOver` when another has begun. `epochs`
        are those of licences of which that pool took a session for lapsed; `EpochOver` when one of them is over.
        Raises the library's `IntegrityError` when a version exists, its predecessor does not, or a row conflicts
        (`ClaimRefused` when a row of `seat_claims` does);
        `Unavailable` when Postgres is away: then nothing is known to be stored, and a repetition is safe.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise Unavailable(retry_after=1)
        stored = [self._codec.to_stored_event(event) for event in events]
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Append(stored, rows, actor, cause, done, period, epochs))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="group-commit")
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            await self._write(self._next_batch())

    def _next_batch(self) -> list[_Append]:
        batch, size = [self._waiting.popleft()], 0
        size = len(batch[0].events)
        while self._waiting and size + len(self._waiting[0].events) <= MAX_BATCH:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].events)
        return batch

    async def _write(self, batch: list[_Append]) -> None:
        try:
            positions = await self._store(batch)
        except (psycopg.IntegrityError, psycopg.errors.DeadlockDetected) as error:
            await self._write_one_by_one(batch, error)
        except (*AWAY, OSError) as error:
            await self._line.close()
            for append in batch:
                append.fail(_unavailable(error))
        except Exception as error:
            for append in batch:
                append.fail(error)
        else:
            for append in batch:
                append.answer(positions[len(append.events) - 1])
                positions = positions[len(append.events) :]

    async def _write_one_by_one(self, batch: list[_Append], error: Exception) -> None:
        """A batch that conflicts must not fail its innocent members."""
        if len(batch) == 1:
            batch[0].fail(_unavailable(error) if isinstance(error, AWAY) else _refusal(error))
            return
        for append in batch:
            await self._write([append])

    async def _store(self, batch: list[_Append]) -> list[int]:
        async with self._line.held() as connection:
            return await self._store_on(connection, batch)

    async def _store_on(self, connection: psycopg.AsyncConnection[Any], batch: list[_Append]) -> list[int]:
        params = append_params(
            [event for append in batch for event in append.events],
            [append.actor for append in batch for _ in append.events],
            [append.cause for append in batch for _ in append.events],
        )
        rows, periods = _by_statement(batch), list({append.period for append in batch} - {None})
        if not rows:
            return await self._call_append(connection, params, periods)
        async with connection.transaction(), connection.cursor() as cursor:
            for sql, many in rows.items():
                await cursor.executemany(sql, many)
            return await self._call_append(connection, params, periods)

    @staticmethod
    async def _call_append(
        connection: psycopg.AsyncConnection[Any], params: tuple[list[Any], ...], periods: list[int | None]
    ) -> list[int]:
        cursor = await connection.execute(_APPEND_IN_PERIODS, (*params, periods), prepare=True)
        answer = await cursor.fetchone()
        return list(answer[0]) if answer else []

    async def close(self) -> None:
        """Lets what is waiting finish, then disconnects."""
        if self._writer is not None:
            await self._writer
        await self._line.close()


def _by_statement(batch: list[_Append]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = defaultdict(list)
    if epochs := [each for append in batch for each in append.epochs]:
        sql, params = require_epochs(epochs)  # all at once and in order, or those who begin some would wait in a circle
        grouped[sql].append(params)
    for append in batch:
        for sql, params in append.rows:
            grouped[sql].append(params)
    return grouped


def _refusal(error: Exception) -> Exception:
    return refused_claim(error) or period_over(error) or epoch_over(error) or IntegrityError(str(error))


def _unavailable(error: Exception) -> Unavailable:
    unavailable = Unavailable(retry_after=1)
    unavailable.__cause__ = error
    return unavailable
