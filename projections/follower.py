"""The one loop: read a batch after the position, apply all of it, save the position, one transaction.

A consumer whose event cannot be handled stops there, says so in `follower_positions.error`, and is tried again with
growing pauses (at once when somebody empties that column; every two seconds when what it needs is away); its position
does not move and the other consumers run on. Any number of processes may run the same consumers: the position's row is
locked while one works, the others pass by, and take over when it dies.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import psycopg
import structlog

from domain.errors import Unavailable
from projections.log import Decode, Log, Reader, Recorded, log_of
from projections.positions import NeedsRebuild, Place, is_stale, places, register
from projections.read_model import Consumer, Follower, Teller

log = structlog.get_logger()

_POLL = 0.5
"""Seconds to wait at most when no notification arrives, and so to stop."""
_HOLD_BRIEFLY = (
    "set idle_in_transaction_session_timeout = '2s'; set tcp_keepalives_idle = 2;"
    " set tcp_keepalives_interval = 1; set tcp_keepalives_count = 2"
)
_CLOSE_SOON = "; set transaction_timeout = '3s'"
"""A process that stands still in the middle of a batch gives it up, and another takes over. PostgreSQL calls it idle
only between two answers; for one that stops while it sends there is a limit of the whole transaction, from 17 on."""
_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
"""What Postgres raises when it is gone, is not the server that may be written to, or has given us up."""
_LONGEST_PAUSE = 60.0
_AWAY_PAUSE = 2.0


class Followers:
    """Runs consumers over the log of one database, in one thread, over one connection."""

    def __init__(self, database_url: str, decode: Decode, consumers: Sequence[Follower]) -> None:
        self._url = database_url
        self._consumers = consumers
        self._readers = {log: log.reader(decode) for log in map(log_of, consumers)}
        self._pauses: dict[str, tuple[float, float]] = {}  # name -> (not before, length of the last pause)

    def run(self, stop: threading.Event, *, beat: Callable[[], None] = lambda: None) -> None:
        """Follows until `stop` is set; `beat` is called every round, for liveness."""
        is_away = False
        while not stop.is_set():
            try:
                with connect(self._url) as connection:
                    _hold_briefly(connection)
                    register(connection, self._consumers)
                    for log_followed in self._readers:
                        connection.execute(f"listen {log_followed.channel}")
                    is_away = False
                    self._follow(connection, stop, beat)
            except _AWAY as error:
                if not is_away:  # said once, however long it lasts
                    log.warning("followers.database_away", error=type(error).__name__)
                is_away = True
                stop.wait(0.5)

    def _follow(self, connection: psycopg.Connection[Any], stop: threading.Event, beat: Callable[[], None]) -> None:
        while not stop.is_set():
            beat()
            if self.advance(connection) == 0:
                for _ in connection.notifies(timeout=_POLL, stop_after=1):
                    break

    def advance(self, connection: psycopg.Connection[Any]) -> int:
        """One batch for every consumer that is behind and not paused; answers how many events were taken, 0 when
        there is nothing left that can be done now."""
        taken = 0
        for log_read, reader in self._readers.items():
            reader.forget()
            for position, behind in self._behind(connection, log_read).items():
                taken += self._advance_level(connection, reader, position, behind)
        return taken

    def _advance_level(
        self,
        connection: psycopg.Connection[Any],
        reader: Reader,
        position: int,
        behind: Sequence[tuple[Follower, Place]],
    ) -> int:
        batch, taken = reader.read(connection, position), 0
        happened = {recorded.topic for recorded in batch}
        idle = [each for each, place in behind if _has_no_part(each, place, happened)]
        if idle and batch:
            taken = len(batch) * _pass_over(connection, idle, position, batch[-1].position)
        return taken + sum(
            self._advance_one(connection, reader, each, position) for each, _ in behind if each not in idle
        )

    def catch_up(self, connection: psycopg.Connection[Any]) -> None:
        """Advances until nothing is left to take (consumers that fail stay where they are)."""
        while self.advance(connection):
            pass

    def _behind(self, connection: psycopg.Connection[Any], of: Log) -> dict[int, list[tuple[Follower, Place]]]:
        """The consumers of a log to be served, by position: those that are level share a batch."""
        last, consumers = of.head(connection), [each for each in self._consumers if log_of(each) == of]
        known = places(connection, [consumer.name for consumer in consumers])
        by_position: dict[int, list[tuple[Follower, Place]]] = defaultdict(list)
        for consumer in consumers:
            place = known.get(consumer.name)
            if place and place.position < last and not self._paused(place):
                by_position[place.position].append((consumer, place))
        return by_position

    def _advance_one(
        self, connection: psycopg.Connection[Any], reader: Reader, consumer: Follower, position: int
    ) -> int:
        try:
            advance = tell_batch if isinstance(consumer, Teller) else take_batch
            taken = advance(connection, reader, consumer, position)
            self._pauses.pop(consumer.name, None)
            return taken
        except Exception as error:
            if connection.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                raise
            self._stopped(connection, consumer, error)
            return 0

    def _paused(self, place: Place) -> bool:
        if place.error is None:
            self._pauses.pop(place.name, None)
        return place.name in self._pauses and time.monotonic() < self._pauses[place.name][0]

    def _stopped(self, connection: psycopg.Connection[Any], consumer: Follower, error: Exception) -> None:
        _, last = self._pauses.get(consumer.name, (0.0, 0.5))
        is_known_away = isinstance(error, Unavailable) and consumer.name in self._pauses
        pause = min(last * 2, _AWAY_PAUSE if isinstance(error, Unavailable) else _LONGEST_PAUSE)
        self._pauses[consumer.name] = (time.monotonic() + pause, pause)
        reason = f"{type(error).__name__}: {error}"[:2000].replace("\0", "")
        connection.execute(
            "update follower_positions set error = %s, failed_at = now() where name = %s", (reason, consumer.name)
        )
        if not is_known_away:
            log.error("follower.stopped", follower=consumer.name, error=type(error).__name__, retry_in=pause)


def connect(url: str, *, schema: str | None = None) -> psycopg.Connection[Any]:
    """A connection for following; with `schema`, its tables are found before the live ones.

    Its commits do not wait for the disk: after a power cut tables and position are both a little older, and what is
    missing is applied again.
    """
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("set synchronous_commit = off")
    if schema:
        connection.execute("select set_config('search_path', %s, false)", (f"{schema}, public",))
    return connection


def _hold_briefly(connection: psycopg.Connection[Any]) -> None:
    is_new = connection.info.server_version >= 170_000
    connection.execute(_HOLD_BRIEFLY + _CLOSE_SOON if is_new else _HOLD_BRIEFLY)


def take_batch(connection: psycopg.Connection[Any], reader: Reader, consumer: Consumer, position: int) -> int:
    """Applies the batch after `position` and moves it, together or not at all; answers how many events were read, 0
    when another process works on it or has done so.

    The batch is read before the position is locked: a process that stands still while it reads keeps nobody waiting.
    `NeedsRebuild` when the tables are not of the shape that the consumer writes.
    """
    batch = reader.read(connection, position)
    if not batch:
        return 0
    with connection.transaction():
        found = connection.execute(
            "select digest from follower_positions where name = %s and position = %s for update skip locked",
            (consumer.name, position),
        ).fetchone()
        if found is None:
            return 0
        if is_stale(consumer, found[0]):
            raise NeedsRebuild(consumer.name)
        apply(connection, consumer, batch)
        _move(connection, consumer, position, batch[-1].position)
    return len(batch)


def tell_batch(connection: psycopg.Connection[Any], reader: Reader, teller: Teller, position: int) -> int:
    """Tells the batch after `position`, then moves it if nobody else has; answers how many events were read."""
    batch = reader.read(connection, position)
    if wanted := _wanted(teller, batch):
        teller.tell(wanted)
    if batch:
        _move(connection, teller, position, batch[-1].position)
    return len(batch)


def apply(connection: psycopg.Connection[Any], consumer: Consumer, batch: Sequence[Recorded]) -> None:
    """Hands a consumer the events of a batch that it asked for."""
    if wanted := _wanted(consumer, batch):
        consumer.apply(connection, wanted)


def _wanted(consumer: Follower, batch: Sequence[Recorded]) -> list[Recorded]:
    return [r for r in batch if consumer.topics is None or r.topic in consumer.topics]


def _move(connection: psycopg.Connection[Any], consumer: Follower, position: int, until: int) -> None:
    connection.execute(
        "update follower_positions set position = %s, updated_at = now(), error = null, failed_at = null"
        " where name = %s and position = %s",
        (until, consumer.name, position),
    )


def _has_no_part(consumer: Follower, place: Place, happened: set[str]) -> bool:
    if consumer.topics is None or place.error is not None or is_stale(consumer, place.digest):
        return False
    return consumer.topics.isdisjoint(happened)


def _pass_over(connection: psycopg.Connection[Any], idle: Iterable[Follower], position: int, until: int) -> int:
    """Moves consumers that want nothing of a batch behind it, all at once; answers how many moved."""
    return connection.execute(
        "update follower_positions set position = %s, updated_at = now() where name in ("
        " select name from follower_positions where name = any(%s) and position = %s for update skip locked)",
        (until, [consumer.name for consumer in idle], position),
    ).rowcount
