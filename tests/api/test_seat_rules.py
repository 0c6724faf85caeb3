"""Who may sit on a licence's seats: set by the customer who knows its people, kept as digests, shown with names."""

from __future__ import annotations

import json

import pytest

from api.app import create_app
from tests.api.house import House, digest
from tests.api.people_engine import Client, erased, refused
from tests.api.test_seats import machine

NOBODY = {"users": [], "machines": []}
POLICY = {"groups": {"design": {"reserved": 2}, "interns": {"limit": 1}}}


@pytest.fixture
def house(services, ann) -> House:
    return House(services, ann)


@pytest.fixture
def sold(house):
    return house.sell(**POLICY)


def path(sold) -> str:
    return f"/licenses/{sold.id}/seat-rules"


def names(members: list) -> list:
    return [each["name"] for each in members]


def test_a_licence_begins_without_rules_and_shows_the_groups_of_its_plan(house, sold):
    empty = {**NOBODY, "groups": []}
    assert house.rules(sold) == {"groups": {"design": NOBODY, "interns": NOBODY}, "include": empty, "exclude": empty}


def test_rules_are_shown_as_they_were_set_with_names(house, sold):
    answer = house.rule(
        sold,
        groups={"design": {"users": ["zoe@example.test", "Ada@Example.Test"], "machines": [machine(1)]}},
        include={"groups": ["design"], "users": ["bob"]},
        exclude={"machines": [{"fingerprint": machine(2), "name": "The stolen laptop"}]},
    )
    assert answer.status_code == 200, answer.text
    rules = answer.json()
    assert rules == house.rules(sold)
    assert names(rules["groups"]["design"]["users"]) == ["Ada@Example.Test", "zoe@example.test"]
    assert rules["groups"]["design"]["machines"] == [{"digest": digest(1), "name": None}]
    assert (names(rules["include"]["users"]), rules["include"]["groups"]) == (["bob"], ["design"])
    assert rules["exclude"]["machines"] == [{"digest": digest(2), "name": "The stolen laptop"}]
    assert rules["groups"]["interns"] == NOBODY


def test_what_is_not_said_again_is_gone(house, sold):
    house.rule(sold, groups={"design": {"users": ["ada"]}}, exclude={"users": ["bob"]})
    rules = house.rule(sold, include={"users": ["ada"]}).json()
    assert rules["groups"]["design"] == NOBODY and rules["exclude"]["users"] == []
    assert house.services.seat_rules.names(sold.id).keys() == {f"user:{rules['include']['users'][0]['digest']}"}


def test_what_is_shown_can_be_set_again_and_changes_nothing(services, house, sold):
    first = house.rule(sold, groups={"design": {"users": ["ada"], "machines": [machine(1)]}}).json()
    before = services.store.recorder.max_notification_id()
    assert house.rule(sold, **first).json() == first
    assert services.store.recorder.max_notification_id() == before


@pytest.mark.parametrize(
    "same",
    ["ADA LOVELACE", "  ada lovelace ", "ａｄａ ｌｏｖｅｌａｃｅ", "Ada\u00a0Lovelace"],
    ids=["case", "blanks", "width", "nbsp"],
)
def test_one_person_is_listed_once_however_the_name_is_written(house, sold, same):
    rules = house.rule(sold, exclude={"users": ["Ada Lovelace", same]}).json()
    assert len(rules["exclude"]["users"]) == 1


def test_the_log_has_digests_only_and_names_can_be_erased(services, house, sold):
    house.rule(
        sold,
        groups={"design": {"users": ["ada@example.test"]}},
        exclude={"machines": [{"fingerprint": machine(2), "name": "Bob's laptop"}]},
    )
    log = json.dumps([row["state"] for row in services.database.fetch_all("select state from stored_events")])
    assert "ada@" not in log and machine(2) not in log and "Bob's" not in log
    assert digest(2) in log
    everywhere = services.database.fetch_all("select * from seat_rule_names")
    assert machine(2) not in str(everywhere)
    erased(services, house.owner.client)
    assert services.database.fetch_all("select * from seat_rule_names") == []


def test_after_an_erasure_the_rules_stand_without_names_and_can_be_set_again(services, house, sold, admin):
    before = house.rule(sold, groups={"design": {"users": ["ada"]}}, include={"groups": ["design"]}).json()
    erased(services, house.owner.client)
    after = admin.get(path(sold)).json()
    assert names(after["groups"]["design"]["users"]) == [None]
    assert after["groups"]["design"]["users"][0]["digest"] == before["groups"]["design"]["users"][0]["digest"]
    again = admin.call("PUT", path(sold), json={**after, "reason": "the same"})
    assert (again.status_code, again.json()) == (200, after)


def test_the_audit_says_who_set_them_and_why(services, house, sold, admin, caught_up):
    house.rule(sold, exclude={"users": ["bob"]}, reason="Bob left")
    caught_up()
    asked = {"type": "license.seat_rules_set", "organization_id": str(house.owner.organization_id)}
    (event,) = admin.get("/audit/events", params=asked).json()["data"]
    assert event["sentence"] == "New rules say who may sit on the licence's seats: Bob left"
    assert event["actor"].startswith("user:") and event["data"]["reason"] == "Bob left"


def test_a_stranger_finds_nothing_and_a_reader_may_not_write(services, client, house, sold, bob):
    refused(bob.client.get(path(sold)), 404, "not_found")
    refused(bob.client.call("PUT", path(sold), json={"reason": "mine"}), 404, "not_found")
    refused(client.get(path(sold)), 401, "not_authenticated")
    made = house.owner.client.post("/api-keys", json={"name": "reader", "scopes": ["licenses:read"]}).json()
    reader = Client(create_app(services), made["secret"])
    assert reader.get(path(sold)).status_code == 200
    refused(reader.call("PUT", path(sold), json={"reason": "x"}), 403, "not_allowed")


def test_the_vendor_may_set_them_too(house, sold, admin):
    answer = admin.call("PUT", path(sold), json={"exclude": {"users": ["bob"]}, "reason": "asked for by mail"})
    assert answer.status_code == 200 and house.rules(sold) == answer.json()


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"groups": {"desing": {"users": ["ada"]}}}, "groups.desing"),
        ({"include": {"groups": ["design", "sales"]}}, "include.groups.1"),
        ({"exclude": {"groups": ["Design"]}}, "exclude.groups.0"),
        ({"include": {"users": [""]}}, "include.users.0.name"),
        ({"include": {"users": ["x" * 256]}}, "include.users.0.name"),
        ({"include": {"users": ["ada\u0007"]}}, "include.users.0.name"),
        ({"include": {"users": [{}]}}, "include.users.0"),
        ({"include": {"users": [{"digest": "short"}]}}, "include.users.0.digest"),
        ({"include": {"users": [{"digest": "A" * 43, "name": "ada"}]}}, "include.users.0.digest"),
        ({"exclude": {"machines": ["short"]}}, "exclude.machines.0.fingerprint"),
        ({"exclude": {"machines": ["x" * 129]}}, "exclude.machines.0.fingerprint"),
        ({"exclude": {"machines": ["a bell\u0007 rings"]}}, "exclude.machines.0.fingerprint"),
        ({"exclude": {"machines": [{"name": "no fingerprint"}]}}, "exclude.machines.0"),
        ({"groups": {"design": {"groups": ["interns"]}}}, "groups.design.groups"),
        ({"colour": "red"}, "colour"),
        ({"reason": " "}, "reason"),
        ({"reason": None}, "reason"),
    ],
)
def test_nonsense_is_refused_by_its_field_and_nothing_is_stored(services, house, sold, rules, field):
    before = services.store.recorder.max_notification_id()
    error = refused(house.rule(sold, **rules), 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == [field]
    assert services.store.recorder.max_notification_id() == before


def test_every_group_that_is_wrong_is_named_at_once(house, sold):
    error = refused(house.rule(sold, groups={"a": {}, "b": {}}, include={"groups": ["c"]}), 422, "invalid_request")
    assert {each["field"] for each in error["details"]["fields"]} == {"groups.a", "groups.b", "include.groups.0"}


def test_ten_thousand_may_be_listed_and_not_one_more(services, house, sold):
    half = [f"person-{number}" for number in range(5_000)]
    rest = [f"other-{number}" for number in range(5_000)]
    kept = house.rule(sold, groups={"design": {"users": half}}, include={"users": rest})
    assert kept.status_code == 200 and len(kept.json()["groups"]["design"]["users"]) == 5_000
    error = refused(
        house.rule(sold, groups={"design": {"users": half}}, include={"users": [*rest, "one more"]}),
        422,
        "invalid_request",
    )
    assert "10,000" in error["details"]["fields"][0]["message"]
    assert len(services.licenses.fetch(sold.id).seat_rules.include) == 5_000


def test_a_revoked_licence_has_no_rules_to_set(services, house, sold):
    services.licenses.revoke(sold.id, reason="fraud")
    refused(house.rule(sold, exclude={"users": ["bob"]}), 403, "license_revoked")
