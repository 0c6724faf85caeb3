from __future__ import annotations

from dataclasses import replace

from domain.entitlements import Overage
from domain.license import License
from domain.provider_event import ProviderEvent
from domain.provider_facts import Figures, InvoiceStatus, SubscriptionStatus
from domain.seat import CloseReason, Seat
from domain.standing import PaymentStanding, Standing
from domain.subscription_terms import Terms
from projections.overview import overview
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed, terms
from tests.projections.test_invoices import reported
from tests.projections.test_subscriptions import TERMS, started


def seen(followed: Followed, now=NOW, organization_id=None) -> dict:
    followed.follow()
    return overview(followed.connection, now=now, organization_id=organization_id)


def renewing(days: int, **changes) -> Terms:
    return replace(TERMS, period_end=NOW + days * DAY, **changes)


def test_an_empty_engine_shows_noughts(followed):
    empty = seen(followed)
    assert empty["licenses"] == {"active": 0, "grace": 0, "suspended": 0, "expired": 0, "revoked": 0}
    assert empty["seats"] == {"limit": 0, "used": 0, "left": 0, "licenses_without_limit": 0}
    assert empty["renewals"] == {"in_7_days": 0, "in_30_days": 0}
    assert empty["provider_events"] == {"received": 0, "deferred": 0, "failed": 0}
    assert empty["open_invoices"] == []
    assert len(empty["days"]) == 30
    assert empty["days"][0] == {
        "day": NOW.date(),
        "licenses_issued": 0,
        "seats_opened": 0,
        "seats_closed": 0,
        "payments_failed": 0,
    }


def test_licences_are_counted_as_they_stand_at_the_moment(followed):
    followed.license()
    followed.license(expires_at=NOW + DAY)
    grace = followed.license()
    standing = PaymentStanding(Standing.GRACE, "payment_failed", NOW + 7 * DAY, 1)
    followed.store.change(License, grace.id, lambda each: each.follow_payment(standing, now=NOW))
    held = followed.license()
    followed.store.change(License, held.id, lambda each: each.suspend(reason="fraud", now=NOW))
    assert seen(followed)["licenses"] == {"active": 2, "grace": 1, "suspended": 1, "expired": 0, "revoked": 0}
    later = {"active": 1, "grace": 0, "suspended": 2, "expired": 1, "revoked": 0}
    assert seen(followed, NOW + 8 * DAY)["licenses"] == later


def test_seats_left_are_those_of_licences_that_work(followed):
    license = followed.license(terms=terms(8, Overage.QUARTER))
    followed.sit(license, 1)
    followed.sit(license, 2)
    held = followed.license(terms=terms(5))
    followed.store.change(License, held.id, lambda each: each.suspend(reason="fraud", now=NOW))
    followed.sit(followed.license(terms=terms(3, Overage.UNLIMITED)))
    assert seen(followed)["seats"] == {"limit": 10, "used": 3, "left": 8, "licenses_without_limit": 1}


def test_days_count_what_happened_on_them_in_utc(followed):
    license = followed.license(now=NOW - DAY)
    seat = followed.sit(license, now=NOW.replace(hour=23, minute=59))
    session = followed.store.fetch(Seat, seat.id).session_id
    midnight = NOW.replace(hour=0) + DAY
    release = {"session_id": session, "reason": CloseReason.RELEASED, "now": midnight}
    followed.store.change(Seat, seat.id, lambda each: each.close(**release))
    days = {row.pop("day"): row for row in seen(followed, NOW + DAY)["days"]}
    nothing = {"licenses_issued": 0, "seats_opened": 0, "seats_closed": 0, "payments_failed": 0}
    assert days[(NOW - DAY).date()] == {**nothing, "licenses_issued": 1}
    assert days[NOW.date()] == {**nothing, "seats_opened": 1}
    assert days[midnight.date()] == {**nothing, "seats_closed": 1}


def test_a_failed_payment_that_is_reported_again_with_an_earlier_time_counts_once(followed):
    invoice = reported(followed, status=InvoiceStatus.OPEN)
    for failed_at in (NOW, NOW - DAY):
        invoice.payment_failed(attempt=1, failed_at=failed_at, next_attempt_at=None, now=NOW)
    followed.store.put(invoice)
    failed = {row["day"]: row["payments_failed"] for row in seen(followed)["days"] if row["payments_failed"]}
    assert failed == {(NOW - DAY).date(): 1}


def test_renewals_due_leave_out_what_ends_before_them(followed):
    started(followed, terms=renewing(days=3))
    started(followed, terms=renewing(days=20))
    started(followed, terms=renewing(days=40))
    started(followed, terms=renewing(days=3, cancel_at=NOW + 3 * DAY))
    started(followed, terms=renewing(days=3, status=SubscriptionStatus.CANCELED))
    assert seen(followed)["renewals"] == {"in_7_days": 1, "in_30_days": 2}


def test_open_invoices_and_unprocessed_webhooks_are_shown(followed):
    reported(followed, status=InvoiceStatus.OPEN)
    reported(followed, status=InvoiceStatus.OPEN, figures=Figures("eur", 100, 0, 100, 100, 40))
    reported(followed, status=InvoiceStatus.PAID)
    received = ProviderEvent.receive(provider="stripe", event="evt_1", type="x", occurred_at=NOW, now=NOW)
    followed.store.add(received)
    shown = seen(followed)
    assert shown["open_invoices"] == [
        {"currency": "eur", "count": 1, "amount": 60},
        {"currency": "usd", "count": 1, "amount": 3451},
    ]
    assert shown["provider_events"] == {"received": 1, "deferred": 0, "failed": 0}


def test_an_organization_sees_its_own_figures_only(followed):
    followed.sit(followed.license(ACME))
    started(followed, organization_id=ACME, terms=renewing(days=3))
    invoice = reported(followed, status=InvoiceStatus.OPEN, organization_id=ACME)
    invoice.payment_failed(attempt=1, failed_at=NOW, next_attempt_at=None, now=NOW)
    followed.store.put(invoice)
    theirs, ours = seen(followed, organization_id=GLOBEX), seen(followed, organization_id=ACME)
    assert theirs["licenses"]["active"] == theirs["seats"]["used"] == theirs["renewals"]["in_7_days"] == 0
    assert (theirs["open_invoices"], theirs["provider_events"]) == ([], None)
    assert not any(value for row in theirs["days"] for name, value in row.items() if name != "day")
    assert ours["licenses"]["active"] == ours["seats"]["used"] == ours["renewals"]["in_7_days"] == 1
    assert ours["days"][0]["payments_failed"] == ours["days"][0]["licenses_issued"] == 1
