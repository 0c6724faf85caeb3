from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from domain.entitlements import Overage
from domain.errors import Conflict, NotAllowed
from domain.license import License, Status
from domain.standing import PaymentStanding, Standing
from projections.deadlines import due
from projections.licenses import get_license, list_licenses
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed, key, terms


def a_random_life(license: License, chance: random.Random) -> None:
    """Up to twelve decisions in any order; those that the licence refuses are left out."""
    now = NOW
    for _ in range(chance.randint(0, 12)):
        now += timedelta(hours=chance.choice([0, 1, 30, 200]))
        with suppress(Conflict, NotAllowed):
            if chance.random() < 0.03:
                license.revoke(reason="fraud", now=now)
            else:
                a_random_decision(license, chance, now)


def a_random_decision(license: License, chance: random.Random, now: datetime) -> None:
    until = chance.choice([None, now + timedelta(days=chance.randint(1, 9))])
    end = chance.choice([None, now + timedelta(days=chance.randint(1, 30))])
    grace = PaymentStanding(Standing.GRACE, "payment_failed", now + 7 * DAY, 1)
    decisions = [
        lambda: license.follow_payment(grace, now=now),
        lambda: license.follow_payment(PaymentStanding(Standing.SUSPENDED, "payment_failed", until), now=now),
        lambda: license.follow_payment(PaymentStanding(Standing.GOOD, "canceled", until), now=now),
        lambda: license.follow_payment(PaymentStanding(Standing.GOOD), now=now),
        lambda: license.follow_purchase(terms(chance.randint(1, 90), chance.choice(list(Overage))), now=now),
        lambda: license.follow_period(end, now=now),
        lambda: license.suspend(reason="chargeback", now=now),
        lambda: license.reinstate(reason="settled", now=now),
        lambda: license.resize(chance.randint(1, 90), reason="asked", now=now),
        lambda: license.extend(end, reason="asked", now=now),
        lambda: license.expire(now=now),
        lambda: license.rotate_key(key(f"CODI-…{chance.randint(1000, 9999)}"), reason="lost", now=now),
        lambda: license.transfer(GLOBEX, now=now),
        lambda: license.activate_machine(chance.choice("ab"), now=now),
        lambda: license.deactivate_machine(chance.choice("ab"), now=now),
    ]
    chance.choice(decisions)()


def lives(followed: Followed, count: int = 150) -> list[License]:
    chance, licenses = random.Random(20260301), []
    for _ in range(count):
        subscription = chance.choice([None, uuid4()])
        end = chance.choice([None, NOW + timedelta(days=chance.randint(1, 20))])
        overage = chance.choice(list(Overage))
        license = followed.license(subscription_id=subscription, expires_at=end, terms=terms(9, overage))
        a_random_life(license, chance)
        followed.store.put(license)
        licenses.append(license)
    return licenses


def moments() -> list[datetime]:
    return [NOW + timedelta(hours=hours) for hours in (0, 1, 24, 169, 400, 1000, 5000)]


def test_every_licence_is_listed_as_the_aggregate_says_at_any_time(followed):
    licenses = {license.id: license for license in lives(followed)}
    followed.follow()
    seen = set()
    for now in moments():
        for row in list_licenses(followed.connection, now=now, limit=1000):
            license = licenses[row["license_id"]]
            seen.add(row["status"])
            assert (row["status"], row["suspended_reason"]) == (license.status(now), license.suspended_reason)
            assert (row["expires_at"], row["grace_ends_at"]) == (license.expires_at, license.grace_ends_at)
            assert (row["seats"], row["seats_allowed"]) == (license.terms.seats, license.terms.seats_allowed)
            bound = (license.terms.entitlements.machines, len(license.machines.bound))
            assert (row["machines_limit"], row["machines_used"]) == bound
            assert (row["organization_id"], row["key_hint"]) == (license.organization_id, license.key.hint)
    assert seen == set(Status)
    assert len({len(license.machines.bound) for license in licenses.values()}) > 1


def test_deadlines_are_those_of_the_aggregates(followed):
    licenses = lives(followed)
    followed.follow()
    expected = set()
    for license in licenses:
        if license.revoked_reason is None:
            kind = "grace" if license.payment.standing is Standing.GRACE else "cancellation"
            expected |= {(license.id, kind, license.payment.until)} if license.payment.until else set()
            expected |= {(license.id, "end", license.ends_at)} if license.ends_at and not license.is_expired else set()
    found = due(followed.connection, now=NOW + 400 * DAY, limit=1000)
    assert {(each.license_id, each.kind, each.due_at) for each in found} == expected
    assert {each.kind for each in found} == {"grace", "cancellation", "end"}
    assert [each.due_at for each in found] == sorted(each.due_at for each in found)


def test_a_licence_shows_what_its_plan_grants_and_how_many_sit_on_it(followed):
    license = followed.license(terms=terms(4, Overage.QUARTER))
    followed.sit(license, 1)
    followed.sit(license, 2)
    followed.follow()
    row = get_license(followed.connection, license.id, now=NOW)
    assert row["features"] == {"api": True, "projects": 10}
    assert row["limits"] == {"api_calls": {"amount": 1000, "per": "month", "warn_at": None, "hard": True}}
    assert (row["seats"], row["seats_allowed"], row["seats_used"]) == (4, 5, 2)


def test_another_organizations_licence_is_not_there(followed):
    license = followed.license(ACME)
    followed.follow()
    assert get_license(followed.connection, license.id, now=NOW, organization_id=GLOBEX) is None
    assert list_licenses(followed.connection, now=NOW, limit=10, organization_id=GLOBEX) == []
    assert get_license(followed.connection, license.id, now=NOW, organization_id=ACME)["license_id"] == license.id


def test_pages_go_from_the_newest_to_the_oldest_and_miss_none_that_was_there_at_the_start(followed):
    licenses = [followed.license().id for _ in range(5)]
    followed.follow()
    first = list_licenses(followed.connection, now=NOW, limit=2)
    followed.license()
    followed.follow()
    rest = list_licenses(followed.connection, now=NOW, limit=9, after=first[-1]["position"])
    assert [row["license_id"] for row in first + rest] == licenses[::-1]


@pytest.mark.parametrize(
    "asked", [{"product": "coditect"}, {"status": Status.ACTIVE}, {"q": "B_7%"}, {"subscription_id": ACME}]
)
def test_a_filter_leaves_only_what_meets_it(followed, asked):
    wanted = followed.license(subscription_id=ACME, key=key("CODI-…B_7%"))
    other = followed.license(subscription_id=GLOBEX, terms=terms(product="other"), key=key("CODI-…BX77"))
    followed.store.change(License, other.id, lambda license: license.suspend(reason="fraud", now=NOW))
    followed.follow()
    assert [row["license_id"] for row in list_licenses(followed.connection, now=NOW, limit=9, **asked)] == [wanted.id]


def test_the_vendor_finds_a_licence_by_its_owners_address(followed):
    license = followed.license(ACME)
    followed.license(GLOBEX)
    contact = "insert into organization_contacts (organization_id, email, since) values (%s, %s, now())"
    followed.connection.execute(contact, (ACME, "ada@acme.example"))
    followed.follow()
    found = list_licenses(followed.connection, now=NOW, limit=9, q="ADA@acme")
    assert [row["license_id"] for row in found] == [license.id]


def test_a_deadline_goes_when_its_consequence_is_recorded(followed):
    license = followed.license(expires_at=NOW + DAY)
    followed.follow()
    assert [each.kind for each in due(followed.connection, now=NOW + DAY, limit=9)] == ["end"]
    followed.store.change(License, license.id, lambda each: each.expire(now=NOW + DAY))
    followed.follow()
    assert due(followed.connection, now=NOW + 9 * DAY, limit=9) == []
