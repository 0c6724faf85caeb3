"""Subscriptions from the outside."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.api.people_engine import refused
from tests.api.shop import subscription_of


def test_a_purchase_is_listed_and_says_the_same_alone(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id, quantity=2)
    caught_up()
    response = ann.client.get("/subscriptions")
    (listed,) = response.json()["data"]
    assert int(response.headers["X-Log-Position"]) > 0
    assert listed == ann.client.get(f"/subscriptions/{subscription_of(reference)}").json()
    assert set(listed) == {
        "id", "organization_id", "plan", "plan_version", "price", "seats", "status", "current_period", "trial_end",
        "cancel_at", "ended_at", "pending_change", "provider",
    }  # fmt: skip
    assert (listed["plan"], listed["plan_version"], listed["price"]) == ("pro", 1, "pro-monthly")
    assert (listed["status"], listed["seats"]) == ("active", 20)
    assert listed["provider"] == {"name": "stripe", "id": reference}
    assert listed["current_period"]["start"] < listed["current_period"]["end"]


def test_one_subscription_is_fresh_while_the_list_may_lag(shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    caught_up()
    shop.account.cancel(reference)
    shop.deliver()
    assert ann.client.get(f"/subscriptions/{subscription_of(reference)}").json()["cancel_at"] is not None
    assert ann.client.get("/subscriptions").json()["data"][0]["cancel_at"] is None


def test_lists_are_narrowed_by_status_and_provider_id(shop, ann, caught_up):
    gone, stays = shop.buy(ann.organization_id), shop.buy(ann.organization_id)
    shop.account.cancel(gone, at_period_end=False)
    shop.deliver()
    caught_up()

    def found(**query: str) -> list[str]:
        return [each["provider"]["id"] for each in ann.client.get("/subscriptions", params=query).json()["data"]]

    assert found() == [stays, gone]
    assert found(status="canceled") == [gone] and found(status="active") == [stays]
    assert found(provider_id=stays) == [stays] and found(provider_id="sub_nobody") == []


def test_the_vendor_narrows_by_organization(shop, admin, ann, bob, caught_up):
    shop.buy(ann.organization_id)
    of_bob = shop.buy(bob.organization_id)
    caught_up()
    assert len(admin.get("/subscriptions").json()["data"]) == 2
    (found,) = admin.get("/subscriptions", params={"organization_id": str(bob.organization_id)}).json()["data"]
    assert found["provider"]["id"] == of_bob


@pytest.mark.parametrize("query", [{"status": "alive"}, {"provider_id": ""}, {"plan": "pro"}, {"limit": -1}])
def test_absurd_questions_are_refused(ann, query):
    refused(ann.client.get("/subscriptions", params=query), 422, "invalid_request")


def test_what_is_not_a_subscription_is_not_found(ann):
    refused(ann.client.get(f"/subscriptions/{uuid4()}"), 404, "not_found")
    refused(ann.client.get(f"/subscriptions/{ann.organization_id}"), 404, "not_found")
