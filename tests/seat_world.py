"""What the tests of seats share: licences in a real log, pools over a real Valkey, processes, a check of the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from adapters.clock import Clock
from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from adapters.group_commit import GroupCommit
from adapters.license_index import LicenseIndex
from adapters.queue_tickets import QueueTickets
from adapters.redis_cluster import line_to
from adapters.redis_seats import RedisSeats
from adapters.seat_claims import SeatClaims
from adapters.seat_epochs import SeatEpochs
from adapters.seat_log import SeatLog
from adapters.secrets import Secrets
from adapters.session_callers import SessionCallers
from adapters.signing import SigningKeys
from adapters.user_digests import UserDigests
from application.loop_thread import LoopThread
from application.seat_admission import SeatAdmission
from application.seat_work import SeatWork
from application.seats import Acquired, Seats
from application.store import Store
from domain.caller import Caller
from domain.entitlements import Entitlements, Feature, Overage
from domain.errors import SeatsExhausted
from domain.license import License
from domain.license_key import derive
from domain.license_terms import Key, Terms
from domain.rate import Rate
from domain.seat_policy import SeatPolicy

SECRET = b"the 32 bytes of a test's secret!"
SERVER_SECRETS = Secrets("a server secret that is long enough to be one")
PLENTY = Rate(1_000_000, timedelta(minutes=1))
LEASE = timedelta(minutes=6)
SOMEBODY = Caller("198.51.100.7", "desktop/1.0", "host-of-ada", "ada.lovelace", "linux", "4.2")
T = TypeVar("T")


class MovableClock(Clock):
    """A clock that a test moves forward, as the sandbox's."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    @property
    def offset(self) -> timedelta:
        return self.ahead


@dataclass
class Sold:
    """A licence and its key."""

    id: UUID
    key: str


class World:
    """One installation: a migrated database and a Valkey, both this test's own."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url, self.redis_url = database_url, redis_url
        self.clock = MovableClock()
        self.database = Database(database_url, size=6)
        self.codec = EventCodec()
        self.store = Store(EventRecorder(self.database), self.codec)
        self.seat_log = SeatLog(self.database, self.codec)
        self.epochs = SeatEpochs(self.database)
        self.callers = SessionCallers(self.database)
        self.claims = SeatClaims(self.database)
        self.users = UserDigests(SERVER_SECRETS)
        self.license_index = LicenseIndex(self.database)
        self.signing = SigningKeys(self.database, SERVER_SECRETS)
        self.signing.ensure(self.clock.now())
        self.loop = LoopThread()
        self.work = SeatWork(self.loop, self.open_seats)

    def close(self) -> None:
        self.work.close()
        self.loop.close()
        self.signing.close()
        self.database.close()

    def sell(self, seats: int = 10, overage: Overage = Overage.NONE, lease: timedelta = LEASE, **policy: Any) -> Sold:
        license_id = self.clock.new_id()
        key = derive(SECRET, license_id, 1, "CODI")
        grants = Entitlements(
            seats=seats,
            overage=overage,
            lease=lease,
            heartbeat=lease / 2,
            features=(Feature("api", True),),
            seat_policy=SeatPolicy(**policy),
        )
        license = License.issue(
            id=license_id,
            organization_id=self.clock.new_id(),
            subscription_id=None,
            key=Key(1, key.digest, key.hint),
            terms=Terms("coditect", "pro", 1, seats, grants),
            expires_at=None,
            now=self.clock.now(),
        )
        self.store.add(license, rows=[_key_row(key.digest, license_id)])
        return Sold(license_id, key.text)

    def change(self, sold: Sold, decide: Any) -> None:
        """`decide(license, now)` in the log, and nowhere else."""
        self.store.change(License, sold.id, lambda license: decide(license, self.clock.now()))

    def rotate_key(self, sold: Sold) -> str:
        key = derive(SECRET, sold.id, 2, "CODI")
        what = Key(2, key.digest, key.hint)
        license = self.store.fetch(License, sold.id)
        license.rotate_key(what, reason="lost", now=self.clock.now())
        self.store.put(license, rows=[_key_row(key.digest, sold.id)])
        return key.text

    @asynccontextmanager
    async def open_pool(self) -> AsyncIterator[RedisSeats]:
        line = line_to(self.redis_url)
        try:
            yield RedisSeats(line, lambda: self.clock.offset)
        finally:
            await line.close()

    @asynccontextmanager
    async def open_seats(self, acquires: Rate = PLENTY, heartbeats: Rate = PLENTY) -> AsyncIterator[Seats]:
        """As one process has them: connections of its own."""
        log = GroupCommit(self.database_url, self.codec)
        async with self.open_pool() as pool:
            yield Seats(
                pool=pool,
                log=log,
                store=self.store,
                seat_log=self.seat_log,
                epochs=self.epochs,
                callers=self.callers,
                claims=self.claims,
                admission=SeatAdmission(self.claims, self.users, QueueTickets(self.database), self.clock),
                license_index=self.license_index,
                signing=self.signing,
                clock=self.clock,
                acquires=acquires,
                heartbeats=heartbeats,
            )
        await log.close()

    def with_seats(self, story: Any, **rates: Rate) -> Any:
        """Runs `story(seats)` in a process of its own."""

        async def run() -> Any:
            async with self.open_seats(**rates) as seats:
                return await story(seats)

        return asyncio.run(run())

    def history(self) -> list[tuple[int, int, str, str]]:
        """(seat, version, what happened, why) of every seat event, in log order."""
        rows = self.database.fetch_all(
            "select originator_version as version, topic, state from stored_events where topic like 'seat.%%'"
            " order by notification_id"
        )
        return [
            (
                row["state"]["seat"],
                row["version"],
                row["topic"].removeprefix("seat.session_"),
                row["state"].get("reason", ""),
            )
            for row in rows
        ]

    def check_log(self, limit: int) -> int:
        """No seat held twice, no version out of turn, never more than `limit` at once. Answers how many sit now."""
        rows = self.database.fetch_all(
            "select originator_id as stream, originator_version as version, topic, state from stored_events"
            " where topic like 'seat.%%' order by notification_id"
        )
        versions: Counter[UUID] = Counter()
        sitting: dict[UUID, str] = {}
        for row in rows:
            stream, session_id = row["stream"], row["state"]["session_id"]
            versions[stream] += 1
            assert row["version"] == versions[stream]
            if row["topic"] == "seat.session_opened":
                assert row["version"] % 2 == 1 and stream not in sitting, f"seat {row['state']['seat']} was held twice"
                assert session_id not in sitting.values(), "one session on two seats"
                sitting[stream] = session_id
            else:
                assert row["version"] % 2 == 0 and sitting.pop(stream) == session_id
            assert len(sitting) <= limit
        return len(sitting)


async def acquire(seats: Seats, sold: Sold, machine: int) -> Acquired:
    return await seats.acquire(sold.key, f"fingerprint-of-machine-{machine}", SOMEBODY)


async def outcome(asked: Coroutine[Any, Any, T]) -> T | SeatsExhausted:
    """What came of it: an answer, or the refusal that all seats are taken."""
    try:
        return await asked
    except SeatsExhausted as refusal:
        return refusal


def _key_row(digest: str, license_id: UUID) -> tuple[str, tuple[Any, ...]]:
    return "insert into license_keys (digest, license_id) values (%s, %s)", (digest, license_id)
