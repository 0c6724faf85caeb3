from __future__ import annotations

import random
from dataclasses import replace
from uuid import uuid4

import pytest

from domain.entitlements import Entitlements
from domain.plan import Plan, PlanTerms
from domain.provider_facts import Seen, SubscriptionStatus
from domain.subscription import Subscription
from domain.subscription_terms import Purchase, Terms
from projections.subscriptions import get_subscription, list_subscriptions
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed

TERMS = Terms(SubscriptionStatus.ACTIVE, 2, NOW, NOW + 30 * DAY, None, None, None)


def started(followed: Followed, **changes) -> Subscription:
    facts = {
        "organization_id": ACME,
        "provider": "stripe",
        "provider_id": "sub_1",
        "purchase": Purchase("pro", 1, "pro-monthly"),
        "terms": TERMS,
        "seen": Seen(NOW, 0, "evt_0"),
        "now": NOW,
    }
    subscription = Subscription.start(id=uuid4(), **{**facts, **changes})
    followed.store.add(subscription)
    return subscription


def a_random_report(subscription: Subscription, number: int, chance: random.Random) -> None:
    end = NOW + chance.randint(1, 60) * DAY
    terms = Terms(
        status=chance.choice(list(SubscriptionStatus)),
        quantity=chance.randint(1, 9),
        period_start=end - 30 * DAY,
        period_end=end,
        trial_end=chance.choice([None, end]),
        cancel_at=chance.choice([None, end]),
        ended_at=chance.choice([None, end]),
    )
    purchase = Purchase(chance.choice(["pro", "team"]), chance.randint(1, 3), "monthly")
    subscription.report(terms, purchase, seen=Seen(NOW + number * DAY, 0, "evt"), now=NOW)
    if chance.random() < 0.1:
        subscription.transfer(GLOBEX, now=NOW)


def test_every_subscription_is_listed_as_the_aggregate_says(followed):
    chance, subscriptions = random.Random(6), {}
    for _ in range(60):
        subscription = started(followed)
        for number in range(chance.randint(0, 6)):
            a_random_report(subscription, number + 1, chance)
        followed.store.put(subscription)
        subscriptions[subscription.id] = subscription
    followed.follow()
    rows = list_subscriptions(followed.connection, limit=100)
    assert len(rows) == 60
    for row in rows:
        subscription = subscriptions[row["subscription_id"]]
        terms, purchase = subscription.terms, subscription.purchase
        assert Purchase(row["plan"], row["plan_version"], row["price"]) == purchase
        assert Terms(**{name: row[name] for name in terms.__dataclass_fields__}) == terms
        assert row["organization_id"] == subscription.organization_id


def test_seats_are_the_plan_versions_times_the_quantity(followed):
    for code, seats in (("pro", 5), ("per-seat", "quantity")):
        terms = PlanTerms("Any", 0, Entitlements(seats=seats), ())
        followed.store.add(Plan.publish(code=code, product="coditect", terms=terms, now=NOW))
        started(followed, purchase=Purchase(code, 1, "monthly"))
    followed.follow()
    assert [(row["plan"], row["seats"]) for row in list_subscriptions(followed.connection, limit=9)] == [
        ("per-seat", 2),
        ("pro", 10),
    ]


@pytest.mark.parametrize("asked", [{"status": "active"}, {"provider_id": "sub_1"}, {"organization_id": ACME}])
def test_a_filter_leaves_only_what_meets_it(followed, asked):
    wanted = started(followed)
    paused = replace(TERMS, status=SubscriptionStatus.PAUSED)
    started(followed, provider_id="sub_2", organization_id=GLOBEX, terms=paused)
    followed.follow()
    assert [row["subscription_id"] for row in list_subscriptions(followed.connection, limit=9, **asked)] == [wanted.id]


def test_another_organizations_subscription_is_not_there(followed):
    subscription = started(followed)
    followed.follow()
    assert get_subscription(followed.connection, subscription.id, organization_id=GLOBEX) is None
    assert get_subscription(followed.connection, subscription.id, organization_id=ACME) is not None
