"""Seats that were taken before the measurement: their events are written at once, as if one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import psycopg

from domain.aggregate import Event
from domain.lease import LeaseClaims, fingerprint_digest
from domain.license import License
from domain.license_key import derive
from domain.license_terms import Key, Terms
from domain.seat import Seat
from scripts.benchmarks.conversations import BASE, Session
from scripts.benchmarks.engine import Installation

_COPY = "copy stored_events (originator_id, originator_version, topic, state, actor, cause) from stdin"
_LEASE = timedelta(minutes=6)


@dataclass(frozen=True)
class Seating:
    """The sessions of licences whose seats 1 to `seats` are taken."""

    license_ids: Sequence[UUID]
    sessions: Sequence[Session]


def seat(installation: Installation, license_ids: Sequence[UUID], seats: int) -> Seating:
    """Takes that many seats of each licence; durable, and with a lease for everybody."""
    opened = list(_openings(installation, license_ids, seats))
    _write(installation, opened)
    return Seating(license_ids, [_session(installation, event) for event in opened])


def issue(installation: Installation, number: int, *, seats: int) -> list[UUID]:
    """New licences that only their sessions ask for: nobody knows their keys."""
    clock = installation.services.clock
    entitlements = installation.services.catalog.plan("pro").current.entitlements
    issued = []
    for _ in range(number):
        id = clock.new_id()
        key = derive(b"the benchmark's", id, 1, "CODI")
        license = License.issue(
            id=id,
            organization_id=installation.organization.id,
            subscription_id=None,
            key=Key(1, key.digest, key.hint),
            terms=Terms("coditect", "pro", 1, seats, entitlements),
            expires_at=None,
            now=clock.now(),
        )
        issued.append(license)
    _write(installation, (event for license in issued for event in license.collect_events()))
    return [license.id for license in issued]


def load(installation: Installation, license_ids: Sequence[UUID]) -> None:
    """Tells the pool of the licences, as the scheduler does with those that it has lost."""
    installation.services.seat_work.revive(license_ids)


def _openings(installation: Installation, license_ids: Sequence[UUID], seats: int) -> Iterator[Seat.SessionOpened]:
    clock, owner = installation.services.clock, installation.organization.id
    for license_id in license_ids:
        for number in range(1, seats + 1):
            yield Seat.SessionOpened.at(
                1,
                license_id=license_id,
                seat=number,
                now=clock.now(),
                organization_id=owner,
                session_id=clock.new_id(),
                fingerprint_digest=fingerprint_digest(f"seated {license_id} {number}"),
                lease_seconds=int(_LEASE.total_seconds()),
            )


def _write(installation: Installation, events: Iterable[Event]) -> None:
    codec = installation.services.codec
    assert installation.settings.database_url
    with psycopg.connect(installation.settings.database_url) as connection, connection.cursor().copy(_COPY) as copy:
        for event in events:
            stored = codec.to_stored_event(event)
            id, version = stored.originator_id, stored.originator_version
            copy.write_row((id, version, stored.topic, stored.state.decode(), "system", "request:benchmark"))


def _session(installation: Installation, opened: Seat.SessionOpened) -> Session:
    now = int(opened.timestamp.timestamp())
    lease = installation.services.signing.sign_lease(
        LeaseClaims(
            sid=opened.session_id,
            lic=opened.license_id,
            seat=opened.seat,
            fp=opened.fingerprint_digest,
            ver=1,
            iat=now,
            exp=now + opened.lease_seconds,
            grace=1800,
            product="coditect",
            features={"api": True},
        )
    )
    return Session(f"{BASE}/licenses/sessions/{opened.session_id}", lease.encode())
