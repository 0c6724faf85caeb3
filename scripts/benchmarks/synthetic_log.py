"""A valid log of any length: a few organizations with a subscription, a licence and an invoice each, and many seat
sessions on the licences. Written by COPY; every event is made by the domain and by the codec that stores real ones."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from adapters.event_codec import EventCodec
from domain.aggregate import Aggregate
from domain.entitlements import Entitlements, Feature
from domain.ids import invoice_id_for, license_id_for, subscription_id_for, time_ordered_id
from domain.invoice import Invoice, Issue
from domain.license import License
from domain.license_key import derive
from domain.license_terms import Key, Terms
from domain.organization import Organization
from domain.provider_facts import Figures, InvoiceStatus, Seen, SubscriptionStatus
from domain.seat import CloseReason, Seat
from domain.subscription import Subscription
from domain.subscription_terms import Purchase
from domain.subscription_terms import Terms as SubscriptionTerms

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=900)
_SEATS = 50
_EVENTS_A_CUSTOMER = 2_000
_COPY = "copy stored_events (originator_id, originator_version, topic, state, actor, cause) from stdin"
_CAUSE = "request:synthetic"


def write(database_url: str, events: int, *, seed: int = 1) -> None:
    """Fills the empty log of a migrated database with exactly so many events."""
    codec = EventCodec()
    with psycopg.connect(database_url) as connection:
        with connection.cursor().copy(_COPY) as copy:
            for event, actor in islice(history(events, seed=seed), events):
                stored = codec.to_stored_event(event)
                id, version = stored.originator_id, stored.originator_version
                copy.write_row((id, version, stored.topic, stored.state.decode(), actor, _CAUSE))
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze stored_events")


def history(events: int, *, seed: int) -> Iterator[tuple[Any, str]]:
    """Events and their actors in log order, without end: first the customers, then who comes and goes."""
    chance = Random(seed)
    times = (_BEGINNING + _STEP * number for number in range(2**40))
    customers = [_Customer.new(number, chance, times) for number in range(1 + events // _EVENTS_A_CUSTOMER)]
    began = chain.from_iterable(customer.events for customer in customers)
    yield from ((event, "provider:stripe") for event in began)
    while True:
        customer = chance.choice(customers)
        event = customer.pool.next(chance, next(times))
        yield event, f"license:{customer.pool.license_id}"


@dataclass
class _Customer:
    """Who bought fifty seats, and what that put into the log."""

    events: list[Any]
    pool: _Pool

    @classmethod
    def new(cls, number: int, chance: Random, times: Iterator[datetime]) -> _Customer:
        organization_id = time_ordered_id(now := next(times), chance.randbytes(10))
        organization = Organization.register(id=organization_id, now=now)
        subscription = _subscription(f"sub_{number}", organization_id, next(times))
        license = _license(subscription, next(times))
        invoice = _invoice(f"in_{number}", subscription, next(times))
        made: list[Aggregate] = [organization, subscription, license, invoice]
        events = list(chain.from_iterable(each.collect_events() for each in made))
        return cls(events, _Pool(license.id, organization_id))


@dataclass
class _Pool:
    """A licence's seats as its clients see them: the lowest free one is taken, any session may end."""

    license_id: UUID
    organization_id: UUID
    versions: dict[int, int] = field(default_factory=dict)
    sitting: list[tuple[int, UUID]] = field(default_factory=list)
    free: list[int] = field(default_factory=lambda: list(range(_SEATS, 0, -1)))

    def next(self, chance: Random, now: datetime) -> Any:
        """What happens next: somebody comes, or (the likelier the fuller) somebody leaves."""
        if self.free and chance.random() * _SEATS >= len(self.sitting):
            return self._opened(self.free.pop(), chance, now)
        at = chance.randrange(len(self.sitting))
        self.sitting[at], self.sitting[-1] = self.sitting[-1], self.sitting[at]
        return self._closed(*self.sitting.pop(), chance, now)

    def _opened(self, seat: int, chance: Random, now: datetime) -> Seat.SessionOpened:
        session_id = time_ordered_id(now, chance.randbytes(10))
        self.sitting.append((seat, session_id))
        digest = urlsafe_b64encode(hashlib.sha256(session_id.bytes).digest()).rstrip(b"=").decode()
        return Seat.SessionOpened.at(
            self._version(seat), **self._place(seat, session_id, now), fingerprint_digest=digest, lease_seconds=360
        )

    def _closed(self, seat: int, session_id: UUID, chance: Random, now: datetime) -> Seat.SessionClosed:
        self.free.append(seat)
        reason = chance.choice((CloseReason.RELEASED, CloseReason.RELEASED, CloseReason.EXPIRED))
        return Seat.SessionClosed.at(self._version(seat), **self._place(seat, session_id, now), reason=reason)

    def _place(self, seat: int, session_id: UUID, now: datetime) -> dict[str, Any]:
        ids = {"license_id": self.license_id, "organization_id": self.organization_id, "session_id": session_id}
        return {**ids, "seat": seat, "now": now}

    def _version(self, seat: int) -> int:
        self.versions[seat] = self.versions.get(seat, 0) + 1
        return self.versions[seat]


def _subscription(provider_id: str, organization_id: UUID, now: datetime) -> Subscription:
    period = {"period_start": now, "period_end": now + timedelta(days=365)}
    terms = SubscriptionTerms(
        SubscriptionStatus.ACTIVE, _SEATS, **period, trial_end=None, cancel_at=None, ended_at=None
    )
    return Subscription.start(
        id=subscription_id_for("stripe", provider_id),
        organization_id=organization_id,
        provider="stripe",
        provider_id=provider_id,
        purchase=Purchase("pro", 1, "pro-monthly"),
        terms=terms,
        seen=Seen(now, 1, f"evt_{provider_id}"),
        now=now,
    )


def _license(subscription: Subscription, now: datetime) -> License:
    id = license_id_for(subscription.id)
    key = derive(bytes(32), id, 1, "CODI")
    grants = Entitlements(seats=_SEATS, features=(Feature("api", True), Feature("sso", False)))
    return License.issue(
        id=id,
        organization_id=subscription.organization_id,
        subscription_id=subscription.id,
        key=Key(1, key.digest, key.hint),
        terms=Terms("coditect", "pro", 1, _SEATS, grants),
        expires_at=subscription.terms.period_end,
        now=now,
    )


def _invoice(provider_id: str, subscription: Subscription, now: datetime) -> Invoice:
    terms = subscription.terms
    return Invoice.report_first(
        id=invoice_id_for("stripe", provider_id),
        organization_id=subscription.organization_id,
        subscription_id=subscription.id,
        provider="stripe",
        provider_id=provider_id,
        status=InvoiceStatus.PAID,
        figures=Figures("usd", 9900, 0, 9900, 9900, 9900),
        issue=Issue(None, terms.period_start, terms.period_end, now, now),
        seen=Seen(now, 1, f"evt_{provider_id}"),
        now=now,
    )
