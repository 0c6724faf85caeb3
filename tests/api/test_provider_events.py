"""Webhooks and what became of them, as the vendor sees them."""

from __future__ import annotations

from uuid import uuid4

import orjson
import pytest

from domain.provider_event import Status
from tests.api.people_engine import refused


def listed(admin, **query):
    response = admin.get("/admin/provider-events", params=query)
    assert response.status_code == 200, response.text
    return response.json()["data"]


def test_a_processed_webhook_says_what_followed_and_the_same_alone(shop, admin, ann, caught_up):
    shop.buy(ann.organization_id)
    caught_up()
    (found,) = [each for each in listed(admin) if each["type"] == "customer.subscription.created"]
    assert found == admin.get(f"/admin/provider-events/{found['id']}").json()
    assert found == admin.get(f"/admin/provider-events/{found['event']}").json()
    assert (found["provider"], found["status"], found["problem"]) == ("stripe", "processed", None)
    assert found["consequences"] and found["event"].startswith("evt_")


@pytest.fixture
def broken(services, shop, ann):
    """A webhook whose processing broke."""
    shop.account.checkout(price="price_coditect_pro_monthly", email="x@example.test", name="X")
    id = shop.receive(shop.account.events[0])
    services.billing.fail(id, KeyError("x"))
    return id


def test_lists_are_narrowed_by_status_and_type(shop, admin, ann, broken, caught_up):
    caught_up()
    (found,) = listed(admin, status="failed")
    assert (found["id"], found["problem"]) == (str(broken), "KeyError")
    assert listed(admin, type=found["type"])[0]["id"] == str(broken)
    assert listed(admin, status="deferred") == []


def test_a_broken_webhook_is_tried_again(services, admin, broken):
    retried = admin.post(f"/admin/provider-events/{broken}/retry")
    assert (retried.status_code, retried.json()["status"], retried.json()["problem"]) == (200, "received", None)
    services.billing.process(broken)
    shown = admin.get(f"/admin/provider-events/{broken}").json()
    assert shown["status"] in ("processed", "ignored")


def test_what_waits_says_for_what(services, shop, admin):
    shop.account.checkout(price="price_coditect_pro_monthly", email="x@example.test", name="X")
    (paid,) = [event for event in shop.account.events if event["type"] == "invoice.paid"]
    id = shop.receive(paid)
    services.billing.process(id)
    shown = admin.get(f"/admin/provider-events/{id}").json()
    assert (shown["status"], shown["waiting_for"]) == ("deferred", f"subscription/{_subscription(paid)}")


def _subscription(paid: dict) -> str:
    return paid["data"]["object"]["parent"]["subscription_details"]["subscription"]


def test_a_processed_webhook_stays_processed(services, shop, admin, ann, caught_up):
    shop.buy(ann.organization_id)
    caught_up()
    before = services.store.recorder.max_notification_id()
    done = next(each for each in listed(admin) if each["status"] == Status.PROCESSED)
    assert admin.post(f"/admin/provider-events/{done['id']}/retry").json() == done
    assert services.store.recorder.max_notification_id() == before


def test_raw_bodies_are_never_shown(shop, admin, ann, caught_up):
    shop.buy(ann.organization_id, email="secret-address@example.test")
    caught_up()
    assert "secret-address" not in orjson.dumps(listed(admin)).decode()


def test_what_is_not_a_webhook_is_not_found(admin, ann):
    for path in (f"/{uuid4()}", f"/{ann.organization_id}"):
        refused(admin.get(f"/admin/provider-events{path}"), 404, "not_found")
        refused(admin.post(f"/admin/provider-events{path}/retry"), 404, "not_found")


def test_only_the_vendor_sees_webhooks(client, ann):
    refused(client.get("/admin/provider-events"), 401, "not_authenticated")
    refused(ann.client.get("/admin/provider-events"), 403, "not_allowed")
