"""The delivery log from the outside; and that webhooks say of a thing what the API says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.conftest import Member
from tests.api.people_engine import refused
from tests.outbound_world import Outbound
from tests.webhook_receiver import Receiver, Response, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def world(services, shop) -> Outbound:
    return Outbound(services)


@pytest.fixture
def endpoint(services, world, ann, receiver) -> str:
    return str(world.endpoint(receiver.url, "*", owner=ann.organization_id).endpoint.endpoint_id)


def licence(services, owner: Member):
    return services.licenses.issue(owner.organization_id, "pro", seats=None, expires_at=None).license


def listed(client, **query) -> list[dict]:
    answer = client.get("/webhook-deliveries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict] = answer.json()["data"]
    return found


def test_deliveries_are_listed_and_one_is_shown_with_its_attempts_and_payload(services, world, ann, receiver, endpoint):
    license = licence(services, ann)
    receiver.respond = lambda _: Response(500, b"out of \x00 order \xff")
    world.settle()
    (item,) = listed(ann.client)
    assert item["object"] == {"type": "license", "id": str(license.id)}
    assert (item["state"], item["attempts"], item["status"], item["error"]) == ("waiting", 1, 500, "refused")
    assert item["next_attempt_at"] > item["created_at"] and item["endpoint_id"] == endpoint
    shown = ann.client.get(f"/webhook-deliveries/{item['id']}").json()
    assert {name: shown[name] for name in item} == item
    (attempt,) = shown["attempt_log"]
    assert (attempt["status"], attempt["response"]) == (500, "out of � order �")
    assert attempt["latency_ms"] >= 0
    assert shown["payload"] == receiver.requests[0].json


def test_lists_are_narrowed_and_come_in_pages_newest_first(services, world, ann, receiver, endpoint):
    mine = [licence(services, ann) for _ in range(3)]
    services.licenses.suspend(mine[0].id, reason="unpaid")
    world.settle()
    assert [each["type"] for each in listed(ann.client)] == ["license.suspended", *["license.issued"] * 3]
    assert len(listed(ann.client, type="license.suspended")) == 1
    assert len(listed(ann.client, object_id=str(mine[0].id))) == 2
    assert len(listed(ann.client, endpoint_id=endpoint, state="delivered")) == 4
    assert listed(ann.client, state="given_up") == []
    page = ann.client.get("/webhook-deliveries", params={"limit": 3}).json()
    rest = ann.client.get("/webhook-deliveries", params={"limit": 3, "after": page["next"]}).json()
    assert len(page["data"]) == 3 and len(rest["data"]) == 1 and rest["next"] is None


def test_absurd_questions_are_refused(ann):
    for query in (
        *({"state": "lost"}, {"endpoint_id": "1"}, {"limit": 0}),
        *({"type": "x" * 65}, {"after": "x"}, {"typ": "x"}),
    ):
        refused(ann.client.get("/webhook-deliveries", params=query), 422, "invalid_request")


def test_one_is_sent_again_by_hand(services, world, ann, receiver, endpoint):
    licence(services, ann)
    receiver.respond = lambda _: Response(500)
    world.settle()
    (item,) = listed(ann.client)
    receiver.respond = lambda _: Response(200)
    answer = ann.client.post(f"/webhook-deliveries/{item['id']}/retry")
    assert answer.status_code == 202 and answer.json()["state"] == "waiting"
    world.deliver()
    assert listed(ann.client)[0]["state"] == "delivered"


def test_nothing_is_sent_again_to_an_endpoint_that_is_disabled_or_gone(services, world, ann, receiver, endpoint):
    licence(services, ann)
    world.settle()
    (item,) = listed(ann.client)
    ann.client.patch(f"/webhook-endpoints/{endpoint}", json={"enabled": False})
    refused(ann.client.post(f"/webhook-deliveries/{item['id']}/retry"), 409, "conflict")
    ann.client.delete(f"/webhook-endpoints/{endpoint}")
    refused(ann.client.post(f"/webhook-deliveries/{item['id']}/retry"), 404, "not_found")
    assert ann.client.get(f"/webhook-deliveries/{item['id']}").status_code == 200, "the log stays"


def test_another_organizations_deliveries_are_not_there(services, world, ann, bob, admin, receiver, endpoint):
    licence(services, ann)
    world.settle()
    (item,) = listed(ann.client)
    assert listed(bob.client) == [] == listed(bob.client, endpoint_id=endpoint)
    refused(bob.client.get(f"/webhook-deliveries/{item['id']}"), 404, "not_found")
    refused(bob.client.post(f"/webhook-deliveries/{item['id']}/retry"), 404, "not_found")
    assert len(listed(admin)) == 1 == len(listed(admin, organization_id=str(ann.organization_id)))


def test_a_program_sees_no_payload_that_it_may_not_read(services, client, world, ann, receiver, endpoint):
    licence(services, ann)
    world.settle()
    made = ann.client.post("/api-keys", json={"name": "k", "scopes": ["webhooks"]}).json()
    program = client.as_(made["secret"])
    (item,) = [each for each in listed(program) if each["type"] == "license.issued"]
    refused(program.get(f"/webhook-deliveries/{item['id']}"), 403, "not_allowed")


# webhooks say what the API says


def test_what_a_webhook_says_of_a_thing_is_what_the_api_says(services, world, shop, ann, receiver, endpoint):
    shop.buy(ann.organization_id)
    world.settle()
    last: dict[str, dict] = {}
    for request in receiver.requests:
        last.update(request.json["data"])
    checked = []
    for kind, path in (("license", "licenses"), ("subscription", "subscriptions"), ("invoice", "invoices")):
        told, shown = last[kind], ann.client.get(f"/{path}/{last[kind]['id']}").json()
        assert set(told) <= set(shown), kind
        for name, value in told.items():
            if name != "seats" or kind != "license":
                assert value == shown[name], (kind, name)
        checked.append(kind)
    assert last["license"]["seats"]["limit"] == 10
    assert checked == ["license", "subscription", "invoice"]


def test_a_purchase_is_told_to_the_vendor_in_the_order_of_the_log(services, world, shop, ann, receiver):
    world.endpoint(receiver.url)
    shop.buy(ann.organization_id)
    world.settle()
    assert {"subscription.started", "license.issued", "invoice.paid"} <= set(receiver.types())
    by_object: dict[str, list[int]] = {}
    for request in receiver.requests:
        (thing,) = request.json["data"].values()
        by_object.setdefault(thing["id"], []).append(request.json["position"])
    assert all(positions == sorted(positions) for positions in by_object.values())
