"""Endpoints of outgoing webhooks from the outside: what they take, what they refuse, whose they are."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from adapters import webhook_post
from adapters.network_reach import Reach
from adapters.settings import Mode
from application import webhook_endpoints
from tests.api.people_engine import refused
from tests.outbound_world import Outbound
from tests.webhook_receiver import receiving

URL = "http://127.0.0.1:9/hooks?token=secret"
BODY = {"url": URL, "types": ["license.*", "invoice.paid"]}


@pytest.fixture
def world(services) -> Outbound:
    return Outbound(services)


@pytest.fixture
def production(services, settings):
    """The engine judges addresses as in production; names are resolved by the test."""
    names = {
        "hooks.example.com": ["8.8.8.8"],
        "inside.example.com": ["10.0.0.1"],
        "both.example.com": ["8.8.8.8", "::1"],
    }
    vars(services)["settings"] = replace(settings, mode=Mode.PRODUCTION)
    services.network_reach = Reach(everywhere=False, resolve=lambda host, port: names.get(host, []))
    yield names
    vars(services)["settings"] = settings


def create(client, **changes) -> dict:
    answer = client.post("/webhook-endpoints", json={**BODY, **changes})
    assert answer.status_code == 201, answer.text
    made: dict = answer.json()
    return made


def test_an_endpoint_is_made_with_its_secret_this_once(ann):
    made = create(ann.client, description="our billing")
    assert made["secret"].startswith("whsec_")
    shown = ann.client.get(f"/webhook-endpoints/{made['id']}").json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert shown["organization_id"] == str(ann.organization_id) and shown["url"] == URL
    assert (shown["types"], shown["enabled"], shown["description"]) == (
        ["invoice.paid", "license.*"],
        True,
        "our billing",
    )
    assert set(shown) == {
        *("id", "organization_id", "url", "description", "types", "enabled", "disabled_reason", "resumes_at"),
        *("failing_since", "rests_until", "former_secret_until", "created_at"),
    }
    (listed,) = ann.client.get("/webhook-endpoints").json()["data"]
    assert listed == shown


def test_asked_twice_with_one_idempotency_key_there_is_one_with_one_secret(ann):
    headers = {"Idempotency-Key": "once"}
    first, again = (ann.client.post("/webhook-endpoints", json=BODY, headers=headers).json() for _ in range(2))
    assert first == again
    assert len(ann.client.get("/webhook-endpoints").json()["data"]) == 1


def test_an_endpoint_is_changed_whole_or_not_at_all(ann, world):
    id = create(ann.client)["id"]
    path = f"/webhook-endpoints/{id}"
    changed = ann.client.patch(
        path, json={"url": "http://127.0.0.1:9/other", "types": ["seat.*"], "description": "x", "enabled": False}
    ).json()
    assert (changed["url"], changed["types"], changed["description"]) == ("http://127.0.0.1:9/other", ["seat.*"], "x")
    assert (changed["enabled"], changed["disabled_reason"]) == (False, "by_hand")
    refused(ann.client.patch(path, json={"url": URL, "enabled": True, "from_position": 10**6}), 422, "invalid_request")
    assert ann.client.get(path).json() == changed
    back = ann.client.patch(path, json={"enabled": True, "description": None}).json()
    assert (back["enabled"], back["description"], back["url"]) == (True, None, "http://127.0.0.1:9/other")


def test_one_that_is_enabled_does_not_go_back(ann):
    path = f"/webhook-endpoints/{create(ann.client)['id']}"
    refused(ann.client.patch(path, json={"enabled": True, "from_position": 1}), 409, "conflict")
    refused(ann.client.patch(path, json={"from_position": 1}), 422, "invalid_request")


def test_an_endpoint_can_begin_disabled_and_says_where_to_go_on(services, ann, world):
    made = create(ann.client, enabled=False)
    world.follow()
    shown = ann.client.get(f"/webhook-endpoints/{made['id']}").json()
    assert shown["disabled_reason"] == "by_hand" and shown["resumes_at"] > 0


def test_one_that_is_removed_is_gone(ann):
    path = f"/webhook-endpoints/{create(ann.client)['id']}"
    assert ann.client.delete(path).status_code == 204
    for answer in (ann.client.get(path), ann.client.delete(path), ann.client.patch(path, json={})):
        refused(answer, 404, "not_found")
    assert ann.client.get("/webhook-endpoints").json()["data"] == []


def test_a_secret_is_rotated_with_an_overlap(ann):
    made = create(ann.client)
    path = f"/webhook-endpoints/{made['id']}/rotate-secret"
    rotated = ann.client.post(path, json={"overlap": "PT1H"}).json()
    assert rotated["secret"] != made["secret"] and rotated["former_secret_until"].endswith("Z")
    assert ann.client.post(path).status_code == 200, "a day when nothing is said"
    for overlap in ("P8D", "an hour", "-PT1H", "P1M"):
        refused(ann.client.post(path, json={"overlap": overlap}), 422, "invalid_request")


def test_an_organization_has_so_many_and_no_more(services, ann, bob, monkeypatch):
    monkeypatch.setattr(webhook_endpoints, "MOST_OF_ORGANIZATION", 2)
    first, _ = create(ann.client), create(ann.client)
    refused(ann.client.post("/webhook-endpoints", json=BODY), 409, "conflict")
    create(bob.client)
    ann.client.delete(f"/webhook-endpoints/{first['id']}")
    create(ann.client)


# bad input


NONSENSE = [
    ({"url": "ftp://example.com"}, "url"),
    ({"url": "http://user:pw@127.0.0.1/"}, "url"),
    ({"url": "http://127.0.0.1/#x"}, "url"),
    ({"url": "not a url"}, "url"),
    ({"url": ""}, "url"),
    ({"url": "http://" + "a" * 3_000}, "url"),
    ({"url": None}, "url"),
    ({"types": []}, "types"),
    ({"types": ["licence.issued"]}, "types"),
    ({"types": ["license.issued\n"]}, "types.0"),
    ({"types": ["**"]}, "types.0"),
    ({"types": ["*.issued"]}, "types.0"),
    ({"types": ["x" * 100]}, "types.0"),
    ({"types": ["*"] * 51}, "types"),
    ({"types": "*"}, "types"),
    ({"description": "x" * 201}, "description"),
    ({"description": "a\0b"}, "description"),
    ({"enabled": "maybe"}, "enabled"),
    ({"secret": "whsec_mine"}, "secret"),
]


def test_nonsense_is_refused_and_named(ann):
    for changes, field in NONSENSE:
        error = refused(ann.client.post("/webhook-endpoints", json={**BODY, **changes}), 422, "invalid_request")
        assert [each["field"] for each in error["details"]["fields"]] == [field], changes
    assert ann.client.get("/webhook-endpoints").json()["data"] == []


INSIDE = [
    "http://hooks.example.com/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]:8443/",
    "https://169.254.169.254/latest/meta-data/",
    "https://hooks.example.com:25/",
    "https://user:pw@hooks.example.com/",
    "https://inside.example.com/",
    "https://both.example.com/",
    "https://nowhere.example.com/",
]


def test_production_takes_no_address_that_leads_inside(ann, production):
    for url in INSIDE:
        body = {"url": url, "types": ["license.*"]}
        error = refused(ann.client.post("/webhook-endpoints", json=body), 422, "invalid_request")
        assert [each["field"] for each in error["details"]["fields"]] == ["url"], url


def test_production_tells_a_name_that_is_not_there_from_one_inside_in_no_way(ann, production):
    def said(host: str) -> object:
        body = {"url": f"https://{host}/", "types": ["license.*"]}
        return refused(ann.client.post("/webhook-endpoints", json=body), 422, "invalid_request")["message"]

    assert said("nowhere.example.com") == said("inside.example.com")


def test_production_takes_a_public_address_and_refuses_to_move_it_inside(ann, production):
    made = create(ann.client, url="https://hooks.example.com/x")
    path = f"/webhook-endpoints/{made['id']}"
    refused(ann.client.patch(path, json={"url": "https://inside.example.com/"}), 422, "invalid_request")
    assert ann.client.get(path).json()["url"] == "https://hooks.example.com/x"


def test_a_name_that_leads_inside_later_is_not_connected_to(services, ann, production, world, monkeypatch):
    """No connection is opened: there is nobody who could."""
    made = create(ann.client, url="https://hooks.example.com/x")
    world.follow()
    production["hooks.example.com"] = ["169.254.169.254"]
    monkeypatch.setattr(webhook_post.socket, "create_connection", None)
    answer = ann.client.post(f"/webhook-endpoints/{made['id']}/test")
    world.deliver()
    delivery = ann.client.get(f"/webhook-deliveries/{answer.json()['id']}").json()
    assert (delivery["state"], delivery["error"], delivery["status"]) == ("given_up", "address_not_public", None)


# who may


def test_the_vendors_own_is_told_of_everything_and_a_customers_is_the_customers(services, admin, ann, bob):
    own = create(admin, types=["*"])
    assert own["organization_id"] is None
    for_ann = create(admin, organization_id=str(ann.organization_id))
    assert for_ann["organization_id"] == str(ann.organization_id)
    assert [each["id"] for each in ann.client.get("/webhook-endpoints").json()["data"]] == [for_ann["id"]]
    assert len(admin.get("/webhook-endpoints").json()["data"]) == 2
    narrowed = admin.get("/webhook-endpoints", params={"organization_id": str(ann.organization_id)})
    assert [each["id"] for each in narrowed.json()["data"]] == [for_ann["id"]]
    refused(admin.post("/webhook-endpoints", json={**BODY, "organization_id": str(uuid4())}), 404, "not_found")
    refused(
        bob.client.post("/webhook-endpoints", json={**BODY, "organization_id": str(ann.organization_id)}),
        404,
        "not_found",
    )
    refused(ann.client.get(f"/webhook-endpoints/{own['id']}"), 404, "not_found")


def test_a_program_is_told_of_nothing_that_it_may_not_read(client, ann):
    def key(*scopes: str):
        return client.as_(ann.client.post("/api-keys", json={"name": "k", "scopes": list(scopes)}).json()["secret"])

    refused(key("licenses:read").post("/webhook-endpoints", json=BODY), 403, "not_allowed")
    few = key("webhooks", "licenses:read")
    error = refused(few.post("/webhook-endpoints", json=BODY), 403, "not_allowed")
    assert error["details"]["missing"] == ["invoices:read"]
    mine = create(few, types=["license.*", "seat.denied"])
    refused(few.patch(f"/webhook-endpoints/{mine['id']}", json={"types": ["*"]}), 403, "not_allowed")
    theirs = create(ann.client)
    path = f"/webhook-endpoints/{theirs['id']}"
    assert few.get(path).status_code == 200
    refused(few.patch(path, json={"url": "http://127.0.0.1:9/mine"}), 403, "not_allowed")
    refused(few.post(f"{path}/rotate-secret"), 403, "not_allowed")
    refused(few.post(f"{path}/replay", json={"from_position": 1}), 403, "not_allowed")


# replays


def test_a_replay_is_accepted_shown_and_stopped(services, ann, shop, world):
    id = create(ann.client)["id"]
    shop.buy(ann.organization_id)
    world.follow()
    path = f"/webhook-endpoints/{id}"
    started = ann.client.post(f"{path}/replay", json={"from_position": 1, "types": ["license.issued"]})
    assert started.status_code == 202
    replay = started.json()
    assert (replay["state"], replay["position"], replay["types"]) == ("running", 0, ["license.issued"])
    assert replay["to_position"] == services.store.recorder.max_notification_id() - 1, "the end of the log then"
    world.follow()
    (listed,) = ann.client.get(f"{path}/replays").json()["data"]
    assert listed == replay
    assert ann.client.delete(f"{path}/replays/{replay['id']}").status_code == 204
    assert ann.client.delete(f"{path}/replays/{replay['id']}").status_code == 204
    refused(ann.client.delete(f"{path}/replays/{uuid4()}"), 404, "not_found")
    world.follow()
    assert ann.client.get(f"{path}/replays").json()["data"][0]["state"] == "stopped"


NOWHERE = [
    {},
    {"from_position": 0},
    {"from_position": -1},
    {"from_position": 10**9},
    {"from_position": 10**30},
    {"from_position": "first"},
    {"from_position": 2, "to_position": 1},
    {"from_position": 1, "to_position": 10**9},
    {"from_position": 1, "types": ["nonsense"]},
    {"from_position": 1, "types": []},
]


def test_a_replay_from_nowhere_is_refused(ann):
    id = create(ann.client)["id"]
    for body in NOWHERE:
        refused(ann.client.post(f"/webhook-endpoints/{id}/replay", json=body), 422, "invalid_request")


def test_three_replays_run_at_a_time_and_none_to_one_that_is_disabled(ann):
    path = f"/webhook-endpoints/{create(ann.client)['id']}"
    for _ in range(3):
        assert ann.client.post(f"{path}/replay", json={"from_position": 1}).status_code == 202
    refused(ann.client.post(f"{path}/replay", json={"from_position": 1}), 409, "conflict")
    other = f"/webhook-endpoints/{create(ann.client, enabled=False)['id']}"
    refused(ann.client.post(f"{other}/replay", json={"from_position": 1}), 409, "conflict")


def test_tests_are_few_a_minute(services, ann):
    path = f"/webhook-endpoints/{create(ann.client)['id']}/test"
    for _ in range(10):
        assert ann.client.post(path).status_code == 202
    assert refused(ann.client.post(path), 429, "rate_limited")["retry_after"] > 0


def test_a_test_event_arrives_and_its_delivery_says_so(services, ann, world):
    with receiving() as receiver:
        id = create(ann.client, url=receiver.url)["id"]
        sent = ann.client.post(f"/webhook-endpoints/{id}/test").json()
        assert (sent["state"], sent["type"], sent["test"], sent["position"]) == ("waiting", "webhook.test", True, None)
        world.settle()
        shown = ann.client.get(f"/webhook-deliveries/{sent['id']}").json()
        assert shown["state"] == "delivered" and shown["payload"] == receiver.requests[0].json
