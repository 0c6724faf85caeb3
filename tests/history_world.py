"""A licence, machines that sit on it, and read models that have followed: for the tests of the audit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from adapters.bootstrap import Services
from domain.entitlements import Entitlements
from domain.ids import seat_id
from domain.lease import fingerprint_digest
from domain.license import License
from domain.license_terms import Key, Terms
from domain.seat import CloseReason, Seat
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare

START = datetime(2027, 1, 1, tzinfo=UTC)


def at(minute: float) -> datetime:
    """So many minutes into the story."""
    return START + timedelta(minutes=minute)


def licensed(services: Services, *, seats: int = 2, organization_id: UUID | None = None) -> License:
    """A licence of so many seats, issued at minute 0."""
    license = License.issue(
        id=uuid4(),
        organization_id=organization_id or uuid4(),
        subscription_id=None,
        key=Key(1, uuid4().hex * 2, "CODI-…-7K2QX"),
        terms=Terms("coditect", "pro", 1, seats, Entitlements(seats=seats)),
        expires_at=None,
        now=START,
    )
    services.store.add(license)
    return license


def changed(services: Services, license: License, verb: str, *args: Any, minute: float) -> None:
    """An act of the vendor, e.g. `changed(services, license, "resize", 1, minute=3)`."""
    services.store.change(
        License, license.id, lambda each: getattr(each, verb)(*args, reason="the story wants it", now=at(minute))
    )


def sit(services: Services, license: License, seat: int, machine: str, *, minute: float) -> UUID:
    """The machine sits down on this seat whatever any pool would say; answers the session."""
    session = uuid4()
    holder = {"session_id": session, "fingerprint_digest": fingerprint_digest(machine), "lease_seconds": 360}
    known = services.store.find(Seat, seat_id(license.id, seat))
    if known is not None:
        known.open(**holder, now=at(minute))
        services.store.put(known)
        return session
    opening = Seat.SessionOpened.at(
        1, license_id=license.id, seat=seat, now=at(minute), organization_id=license.organization_id, **holder
    )
    services.store.put(Seat.first(opening))
    return session


def leave(services: Services, license: License, seat: int, *, minute: float) -> None:
    """Whoever sits there goes."""

    def close(known: Seat) -> None:
        assert known.session_id is not None
        known.close(session_id=known.session_id, reason=CloseReason.RELEASED, now=at(minute))

    services.store.change(Seat, seat_id(license.id, seat), close)


def follow(services: Services) -> None:
    """The read models take in all that is in the log."""
    models = read_models()
    url = services.database.url
    with connect(url) as connection:
        prepare(connection, models)
        Followers(url, services.codec.to_domain_event, models).catch_up(connection)
        stopped = connection.execute("select name, error from follower_positions where error is not null").fetchall()
        assert not stopped, stopped
