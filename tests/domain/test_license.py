from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.entitlements import Entitlements, Overage
from domain.errors import Conflict, InvalidRequest, LicenseRevoked
from domain.license import License, Status
from domain.license_terms import RENEWAL_LEEWAY, Key, Terms
from domain.standing import GOOD, PaymentStanding, Standing

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PRO = Terms("coditect", "pro", 1, 10, Entitlements(seats=10))
KEY = Key(1, "d" * 64, "CODI-…-7K2QX")


def day(count: float) -> datetime:
    return NOW + timedelta(days=count)


GRACE = PaymentStanding(Standing.GRACE, "payment_failed", day(7), 1)
SUSPENDED = PaymentStanding(Standing.SUSPENDED, "payment_failed", attempt=3)
ENDED = PaymentStanding(Standing.REVOKED, "canceled")


def issued(*, by_subscription: bool = True, expires_at: datetime | None = day(30)) -> License:
    return License.issue(
        id=uuid4(),
        organization_id=uuid4(),
        subscription_id=uuid4() if by_subscription else None,
        key=KEY,
        terms=PRO,
        expires_at=expires_at,
        now=NOW,
    )


def facts(license: License) -> list[str]:
    return [type(event).__name__ for event in license.pending_events][1:]


def test_a_new_licence_works():
    assert issued().status(NOW) is Status.ACTIVE


def test_it_follows_its_payments_down_and_up():
    license = issued()
    license.follow_payment(GRACE, now=NOW)
    assert (license.status(day(1)), license.grace_ends_at) == (Status.GRACE, day(7))
    license.follow_payment(SUSPENDED, now=NOW)
    assert (license.status(day(1)), license.suspended_reason) == (Status.SUSPENDED, "payment_failed")
    license.follow_payment(GOOD, now=NOW)
    assert (license.status(day(1)), license.suspended_reason) == (Status.ACTIVE, None)


def test_the_same_standing_again_is_no_news():
    license = issued()
    for _ in range(3):
        license.follow_payment(GRACE, now=NOW)
    assert facts(license) == ["GraceOpened"]


def test_grace_that_has_run_out_is_suspended_even_before_it_is_recorded():
    license = issued()
    license.follow_payment(GRACE, now=NOW)
    assert license.status(day(7)) is Status.SUSPENDED


def test_a_subscriptions_licence_outlives_the_paid_period_by_the_leeway_only():
    license = issued()
    assert license.status(day(30) + RENEWAL_LEEWAY - timedelta(seconds=1)) is Status.ACTIVE
    assert license.status(day(30) + RENEWAL_LEEWAY) is Status.EXPIRED


def test_an_issued_licence_ends_to_the_second():
    license = issued(by_subscription=False)
    assert license.status(day(30)) is Status.EXPIRED


def test_a_renewal_brings_an_expired_licence_back():
    license = issued()
    license.expire(now=day(31))
    license.expire(now=day(32))
    license.follow_period(day(60), now=day(32))
    assert facts(license) == ["Expired", "Renewed"]
    assert license.status(day(32)) is Status.ACTIVE


def test_the_vendors_hold_outlives_a_payment():
    license = issued()
    license.suspend(reason="abuse", now=NOW)
    license.follow_payment(GRACE, now=NOW)
    license.follow_payment(GOOD, now=NOW)
    assert (license.status(NOW), license.suspended_reason) == (Status.SUSPENDED, "abuse")


def test_a_reinstated_licence_stays_so_until_its_payments_change():
    license = issued()
    license.follow_payment(SUSPENDED, now=NOW)
    license.reinstate(reason="agreed on the phone", now=NOW)
    license.follow_payment(SUSPENDED, now=NOW)
    assert license.status(NOW) is Status.ACTIVE
    license.follow_payment(replace(SUSPENDED, attempt=4), now=NOW)
    assert license.status(NOW) is Status.SUSPENDED


def test_a_revoked_licence_stays_revoked():
    license = issued()
    license.follow_payment(ENDED, now=NOW)
    license.follow_payment(GOOD, now=NOW)
    license.follow_period(day(90), now=NOW)
    assert license.status(NOW) is Status.REVOKED
    with pytest.raises(LicenseRevoked):
        license.reinstate(reason="please", now=NOW)


def test_seats_that_the_vendor_gave_stay_until_the_purchase_changes():
    license = issued()
    license.resize(25, reason="goodwill", now=NOW)
    license.follow_purchase(PRO, now=NOW)
    assert license.terms.seats == 25
    license.follow_purchase(replace(PRO, seats=20), now=NOW)
    assert license.terms.seats == 20


def test_an_end_that_the_vendor_gave_stays_until_the_next_renewal():
    license = issued()
    license.extend(day(99), reason="goodwill", now=NOW)
    license.follow_period(day(30), now=NOW)
    assert license.expires_at == day(99)
    license.follow_period(day(60), now=NOW)
    assert license.expires_at == day(60)


def test_overage_is_allowed_on_top_of_the_seats():
    assert replace(PRO, entitlements=Entitlements(seats=10, overage=Overage.HALF)).seats_allowed == 15
    assert replace(PRO, entitlements=Entitlements(seats=10, overage=Overage.UNLIMITED)).seats_allowed is None


def test_nonsense_is_refused():
    license = issued()
    with pytest.raises(InvalidRequest):
        license.resize(0, reason="x", now=NOW)
    with pytest.raises(InvalidRequest):
        license.suspend(reason=" ", now=NOW)  # a hold without a reason would not be seen
    with pytest.raises(Conflict):
        license.extend(NOW, reason="x", now=day(1))


class AnyLife(RuleBasedStateMachine):
    """Whoever does what to a licence, in any order: revoked is for ever, and a hold is a hold until it is lifted."""

    def __init__(self) -> None:
        super().__init__()
        self.license = issued()
        self.now = NOW

    @rule(hours=some.integers(0, 200))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.license.expire(now=self.now)

    @rule(standing=some.sampled_from([GOOD, GRACE, SUSPENDED, replace(GRACE, attempt=2, until=day(9))]))
    def payment(self, standing: PaymentStanding) -> None:
        self.license.follow_payment(standing, now=self.now)

    @rule(days=some.integers(1, 90))
    def renewal(self, days: int) -> None:
        self.license.follow_period(self.now + timedelta(days=days), now=self.now)

    @rule(seats=some.integers(0, 50))
    def purchase(self, seats: int) -> None:
        self.license.follow_purchase(replace(PRO, seats=seats), now=self.now)

    @precondition(lambda self: self.license.revoked_reason is None)
    @rule()
    def hold(self) -> None:
        self.license.suspend(reason="abuse", now=self.now)
        assert self.license.status(self.now) is Status.SUSPENDED

    @precondition(lambda self: self.license.revoked_reason is None)
    @rule()
    def lift(self) -> None:
        self.license.reinstate(reason="fine", now=self.now)
        assert self.license.suspended_reason is None

    @rule()
    def revoke(self) -> None:
        self.license.revoke(reason="fraud", now=self.now)

    @invariant()
    def revoked_is_for_ever(self) -> None:
        if "Revoked" in facts(self.license):
            assert self.license.status(self.now) is Status.REVOKED
            assert facts(self.license)[-1] == "Revoked"

    @invariant()
    def the_vendors_hold_holds(self) -> None:
        if self.license.vendor_hold:
            assert not self.license.status(self.now).works

    @invariant()
    def nothing_works_beyond_its_end_without_grace(self) -> None:
        license = self.license
        if license.ends_at and license.ends_at <= self.now and license.status(self.now).works:
            assert license.status(self.now) is Status.GRACE


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
