"""What the tests of read models share: a store, followers to be run by hand, and things to begin with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from application.store import Store
from domain.entitlements import Entitlements, Feature, Limit, LimitPeriod, Overage
from domain.license import License
from domain.license_terms import Key, Terms
from domain.seat import Seat
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare
from projections.read_model import Consumer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ACME, GLOBEX = UUID(int=0xAC), UUID(int=0x61)


class Followed:
    """Events go into `store`; `follow` brings every read model up to them; queries take `connection`."""

    def __init__(self, database_url: str) -> None:
        self.url = database_url
        self.codec = EventCodec()
        self.decode = self.codec.to_domain_event
        self.database = Database(database_url, size=4)
        self.store = Store(EventRecorder(self.database), self.codec)
        self.read_models = read_models()
        self.connection = connect(database_url)
        prepare(self.connection, self.read_models)

    def follow(self, *consumers: Consumer) -> None:
        Followers(self.url, self.decode, consumers or self.read_models).catch_up(self.connection)
        assert self.fetch("select name, error from follower_positions where error is not null") == []

    def fetch(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, params or None).fetchall()

    def license(self, organization_id: UUID = ACME, **changes: Any) -> License:
        """A stored licence of ten seats without end; `changes` are of `License.issue`."""
        facts = {"subscription_id": None, "key": key("CODI-…AAAA"), "terms": terms(), "expires_at": None, "now": NOW}
        license = License.issue(id=uuid4(), organization_id=organization_id, **{**facts, **changes})
        self.store.add(license)
        return license

    def sit(self, license: License, seat: int = 1, now: datetime = NOW) -> Seat:
        """A stored session on a seat that nobody has used."""
        opened = Seat.SessionOpened.at(
            1,
            license_id=license.id,
            seat=seat,
            now=now,
            organization_id=license.organization_id,
            session_id=uuid4(),
            fingerprint_digest="f" * 64,
            lease_seconds=360,
        )
        seat_of = Seat.first(opened)
        self.store.add(seat_of)
        return seat_of

    def close(self) -> None:
        self.connection.close()
        self.database.close()


def terms(seats: int = 10, overage: Overage = Overage.NONE, **changes: Any) -> Terms:
    """Of CODITECT Pro."""
    grants = Entitlements(
        seats=seats,
        overage=overage,
        machines=3,
        features=(Feature("api", True), Feature("projects", True, 10)),
        limits=(Limit("api_calls", 1000, LimitPeriod.MONTH),),
    )
    facts = {"product": "coditect", "plan": "pro", "plan_version": 1, "seats": seats, "entitlements": grants}
    return Terms(**{**facts, **changes})


def key(hint: str) -> Key:
    return Key(1, f"digest of {hint}", hint)


def run(connection: psycopg.Connection[Any], sql: str, *params: Any) -> None:
    """Does to the database what no part of Usher does."""
    connection.execute(sql, params or None)
