"""What an account may use as its plans change: upgrades, downgrades, periods, time zones, no plan at all, visitors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.counting import Period
from domain.license import License
from domain.license_terms import Terms
from domain.organization import Organization
from domain.provider_facts import Seen, SubscriptionStatus
from domain.subscription import Subscription
from domain.subscription_terms import Purchase
from domain.subscription_terms import Terms as Paid
from tests.usage_world import UsageWorld, months

DAY = timedelta(days=1)


def move(world: UsageWorld, license_id: UUID, plan: str) -> None:
    """The licence's subscription was moved to another plan, and the follower told it."""
    found = world.services.catalog.plan(plan)
    terms = Terms(found.product, plan, found.current_version, 1, found.current.entitlements)
    world.services.store.change(License, license_id, lambda each: each.follow_purchase(terms, now=world.now()))
    tell(world, "license.purchase_changed", license_id)


def tell(world: UsageWorld, topic: str, stream_id: UUID) -> None:
    version = world.services.rights_log.version_of(stream_id)
    world.services.quota_work.changed([(topic, stream_id, version)])


def standing(world: UsageWorld, account_id: UUID, limit: str = "calls/month/organization") -> tuple[int | None, int]:
    """How much is left, and how much is used."""
    verdict = world.run(world.services.quotas.standing(account_id))
    return next((line.left(a), a.used) for line, a in verdict.lines if line.standing.limit.name == limit)


def period(world: UsageWorld, account_id: UUID) -> Period:
    (limit,) = world.services.rights_book.read(account_id).rights.limits
    found = limit.standing(world.now(), None, None)
    assert found
    return found.period


def test_an_upgrade_raises_at_once_and_keeps_what_is_used(either):
    either.sell(small=months(10), large=months(100))
    acme = either.organization()
    license_id = either.license(acme, "small")
    either.use(acme, 10)
    assert not either.check(acme).answer.is_allowed
    move(either, license_id, "large")
    assert standing(either, acme) == (90, 10)


def test_an_upgrade_resets_at_once_where_the_plan_says_so(either):
    either.sell(small=months(10, on_upgrade="reset"), large=months(100, on_upgrade="reset"))
    acme = either.organization()
    license_id = either.license(acme, "small")
    either.use(acme, 10)
    move(either, license_id, "large")
    assert standing(either, acme) == (100, 0)
    either.use(acme, 5, at=either.now() - timedelta(seconds=30))  # late: of before the upgrade
    either.use(acme, 7)
    assert standing(either, acme) == (93, 7)
    move(either, license_id, "small")
    assert standing(either, acme) == (3, 7)


def test_a_downgrade_lowers_at_once_and_refuses_until_the_next_period(either):
    either.sell(small=months(10), large=months(100))
    acme = either.organization()
    license_id = either.license(acme, "large")
    either.use(acme, 30)
    move(either, license_id, "small")
    assert standing(either, acme) == (0, 30) and not either.check(acme).answer.is_allowed
    either.clock.ahead += 32 * DAY
    assert standing(either, acme) == (10, 0)


def test_a_licence_that_stops_working_takes_its_limits_with_it(either):
    either.sell(product={"free_plan": "free"}, free=months(3), pro=months(100))
    acme = either.organization()
    assert standing(either, acme) == (3, 0)
    license_id = either.license(acme, "pro")
    either.use(acme, 5)
    assert standing(either, acme) == (95, 5)
    either.services.licenses.suspend(license_id, reason="unpaid")
    assert standing(either, acme) == (0, 5)


def test_what_a_licence_grants_ends_with_its_time_though_nobody_says_so(world):
    world.sell(product={"free_plan": "free"}, free=months(3), pro=months(100))
    acme = world.organization()
    world.services.licenses.issue(acme, "pro", seats=None, expires_at=world.now() + DAY)
    assert standing(world, acme)[0] == 100
    world.clock.ahead += DAY + timedelta(seconds=1)
    assert standing(world, acme)[0] == 3


def test_several_licences_add_up(world):
    world.sell(pro=months(100), more=months(50))
    acme = world.organization("pro")
    world.license(acme, "more")
    world.license(acme, "more")
    assert standing(world, acme) == (200, 0)


def test_a_licence_that_goes_over_takes_its_limits_along(world):
    world.sell(pro=months(100))
    acme, globex = world.organization(), world.organization()
    license_id = world.license(acme, "pro")
    assert standing(world, acme)[0] == 100
    world.services.store.change(License, license_id, lambda each: each.transfer(globex, now=world.now()))
    tell(world, "license.transferred", license_id)
    assert world.services.rights_book.read(acme).rights.limits == ()
    assert world.check(acme, 1000).answer.is_allowed and standing(world, globex)[0] == 100


def subscribe(world: UsageWorld, *periods: tuple[datetime, datetime]) -> UUID:
    """An organization whose subscription had these paid periods, with a licence."""
    acme, id = world.organization(), world.clock.new_id()
    terms = [Paid(SubscriptionStatus.ACTIVE, 1, start, end, None, None, None) for start, end in periods]
    purchase = Purchase("pro", world.services.catalog.plan("pro").current_version, "pro-monthly")
    subscription = Subscription.start(
        id=id,
        organization_id=acme,
        provider="stripe",
        provider_id=f"sub_{id}",
        purchase=purchase,
        terms=terms[0],
        seen=Seen(periods[0][0], 1, "evt_0"),
        now=world.now(),
    )
    for number, each in enumerate(terms[1:], 1):
        subscription.report(each, purchase, seen=Seen(each.period_start, 1, f"evt_{number}"), now=world.now())
    found = world.services.catalog.plan("pro").current.entitlements
    license = License.issue(
        id=world.clock.new_id(),
        organization_id=acme,
        subscription_id=id,
        key=world.services.license_keys.make(id, version=1, product="cloud")[0],
        terms=Terms("cloud", "pro", 1, 1, found),
        expires_at=None,
        now=world.now(),
    )
    world.services.store.put(subscription, license)
    return acme


def test_months_follow_the_paid_periods_of_the_subscription(world):
    world.sell(pro=months(100))
    now = world.now().replace(microsecond=0)
    start = now - timedelta(days=3, hours=5)
    acme = subscribe(world, (start - timedelta(days=14), start), (start, start + 31 * DAY))
    assert period(world, acme).start == start
    world.use(acme, 5, at=start - timedelta(seconds=1))  # in the trial
    world.use(acme, 7, at=start)
    assert standing(world, acme) == (93, 7)


def test_a_year_follows_the_subscription_though_it_is_paid_by_month(world):
    world.sell(pro={"limits": {"calls": {"amount": 10, "per": "year"}}})
    first = datetime(world.now().year - 1, 12, 5, 9, tzinfo=UTC)
    month = datetime(first.year + 1, 1, 5, 9, tzinfo=UTC)
    acme = subscribe(world, (first, month), (month, month.replace(month=2)))
    assert period(world, acme) == Period(first, first.replace(year=first.year + 1))


def test_days_follow_the_time_zone_of_the_organization_and_change_with_it(either):
    either.sell(pro={"limits": {"calls": {"amount": 10, "per": "day"}}})
    acme = either.organization("pro")
    noon = either.now().replace(hour=12, minute=0, second=0, microsecond=0) + DAY
    either.clock.ahead += noon - either.now()
    late = noon.replace(hour=1)
    either.use(acme, 4, at=late)  # one in the morning in UTC is the evening before in New York
    either.use(acme, 3, at=noon)
    assert standing(either, acme, "calls/day/organization") == (3, 7)
    either.services.organizations.change(acme, time_zone="America/New_York")
    tell(either, "organization.time_zone_set", acme)
    assert standing(either, acme, "calls/day/organization") == (7, 3)


def test_a_visitor_has_daily_limits_of_its_own(either):
    either.sell(product={"anonymous_plan": "visitor"}, visitor={"limits": {"calls": {"amount": 5, "per": "day"}}})
    digest = either.services.subject_digests.digest
    either.use(None, 4, subject="cookie-1")
    assert standing(either, digest("cookie-1"), "calls/day/organization") == (1, 4)
    assert standing(either, digest("cookie-2"), "calls/day/organization") == (5, 0)


def test_what_a_visitor_used_counts_for_the_organization_it_becomes(either):
    limit = {"limits": {"calls": {"amount": 20, "per": "day"}}}
    either.sell(product={"free_plan": "free", "anonymous_plan": "visitor"}, visitor=limit, free=limit)
    acme, subject = either.organization(), f"cookie-{either.clock.new_id()}"
    either.use(None, 4, subject=subject, id="before")
    either.use(acme, 1)
    visitor = either.services.subject_digests.digest(subject)
    assert standing(either, visitor, "calls/day/organization") == (16, 4)
    either.services.usage_subjects.claim(subject, acme)
    either.services.usage_subjects.claim(subject, acme)
    assert standing(either, acme, "calls/day/organization") == (15, 5)
    either.use(None, 2, subject=subject)
    assert either.use(None, 4, subject=subject, id="before").duplicates == 1
    assert standing(either, acme, "calls/day/organization") == (13, 7)
    assert standing(either, visitor, "calls/day/organization") == (13, 7)
    either.follow()
    assert standing(either, acme, "calls/day/organization") == (13, 7)
    with either.another() as other:
        other.use(None, 1, subject=subject)
        assert standing(other, acme, "calls/day/organization") == (12, 8)
    assert standing(either, acme, "calls/day/organization") == (12, 8)


def test_a_visitors_record_can_be_cancelled_after_it_was_claimed(either):
    either.sell(pro=months(100))
    acme, subject = either.organization("pro"), f"cookie-{either.clock.new_id()}"
    either.use(None, 9, subject=subject, id="wrong")
    either.services.usage_subjects.claim(subject, acme)
    assert standing(either, acme) == (91, 9)
    either.record(either.told(None, None, None, subject=subject, id="cancel", voids="wrong"))
    assert standing(either, acme) == (100, 0)
    either.follow()
    assert standing(either, acme) == (100, 0)


def test_a_subject_is_claimed_by_one_organization_only(world):
    world.sell(pro=months(100))
    acme, globex = world.organization("pro"), world.organization("pro")
    world.services.usage_subjects.claim("cookie-mine", acme)
    for organization_id, said in ((globex, "another organization's"), (world.clock.new_id(), "no organization")):
        with pytest.raises(Exception, match=said):
            world.services.usage_subjects.claim("cookie-mine", organization_id)


def test_an_organization_that_becomes_anothers_hands_its_usage_over(world):
    """As when somebody proves the address with which a purchase was made (decision 11)."""
    world.sell(pro=months(100))
    adopted, acme = world.organization(), world.organization("pro")
    world.use(adopted, 9)

    def merge(organization: Organization) -> None:
        organization.merge(into=acme, now=world.now())

    rows = [world.services.organizations.hand_usage_over(adopted, acme)]
    world.services.store.change(Organization, adopted, merge, rows=rows)
    tell(world, "organization.merged", adopted)
    world.use(adopted, 1)
    assert standing(world, acme) == (90, 10)


def test_rights_are_looked_at_again_after_some_minutes_whoever_forgot_to_tell(world):
    world.sell(product={"free_plan": "free"}, free=months(3))
    acme = world.organization()
    assert standing(world, acme)[0] == 3
    world.sell(product={"free_plan": "free"}, free=months(4))
    world.clock.ahead += timedelta(minutes=5, seconds=1)
    assert standing(world, acme)[0] == 4


def facts(world: UsageWorld, account_id: UUID) -> dict[str, Any]:
    rights = world.services.rights_book.read(account_id).rights
    return {name: feature.value for name, feature in rights.features.items()}


def test_features_are_those_of_every_licence_that_works(world):
    world.sell(
        product={"free_plan": "free"},
        free={"features": {"api": False, "projects": 1}},
        pro={"features": {"api": True, "projects": 10}},
    )
    acme = world.organization()
    assert facts(world, acme) == {"api": False, "projects": 1}
    world.license(acme, "pro")
    assert facts(world, acme) == {"api": True, "projects": 10}
