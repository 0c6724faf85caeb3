"""API keys over HTTP: bounds, rotation with overlap, limits of plans, and who learns of a change how soon."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from adapters.bootstrap import build
from adapters.database import Database
from domain.api_key import Scope
from domain.usage_errors import QuotaExceeded
from domain.user import User
from tests.api.house import LEASE
from tests.api.people_engine import Client

HERE = "198.51.100.7"


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    found: dict[str, Any] = answer.json()["error"]
    return found


def made(by: Client, **told: Any) -> dict[str, Any]:
    answer = by.post("/api-keys", json={"name": "ci", "scopes": ["licenses:read", "api-keys"], **told})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def eventually(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about in ten seconds")


def test_what_a_key_is_for_is_shown_and_can_be_changed(ann, bob):
    key = made(ann.client, note="the build farm", allowed_addresses=["203.0.113.0/24", "2001:DB8::/32"])
    shown = ann.client.get(f"/api-keys/{key['id']}").json()
    assert shown["note"] == "the build farm" and shown["allowed_addresses"] == ["203.0.113.0/24", "2001:db8::/32"]
    changed = ann.client.patch(f"/api-keys/{key['id']}", json={"name": "farm", "allowed_addresses": []}).json()
    assert (changed["name"], changed["note"], changed["allowed_addresses"]) == ("farm", "the build farm", [])
    refused(bob.client.get(f"/api-keys/{key['id']}"), 404, "not_found")
    refused(bob.client.patch(f"/api-keys/{key['id']}", json={"name": "mine"}), 404, "not_found")


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"allowed_addresses": ["203.0.113.7/24"]}, "allowed_addresses.0"),
        ({"allowed_addresses": ["office"]}, "allowed_addresses.0"),
        ({"allowed_addresses": ["10.0.0.1"] * 51}, "allowed_addresses"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"product": "coditect"}, "product"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"note": "x" * 1001}, "note"),
    ],
)
def test_bad_input_names_its_field_and_makes_no_key(ann, told, field):
    answer = ann.client.post("/api-keys", json={"name": "ci", "scopes": ["api-keys"], **told})
    assert [each["field"] for each in refused(answer, 422, "invalid_request")["details"]["fields"]] == [field]
    assert ann.client.get("/api-keys").json()["data"] == []


def test_a_key_works_from_its_addresses_alone(ann, client):
    here, elsewhere = made(ann.client, allowed_addresses=[HERE]), made(ann.client, allowed_addresses=["203.0.113.0/24"])
    assert client.as_(here["secret"]).get("/api-keys").status_code == 200
    for _ in range(2):  # cold and warm
        refused(client.as_(elsewhere["secret"]).get("/api-keys"), 403, "address_not_allowed")


def test_a_bound_key_makes_none_that_is_freer(ann, client, services):
    end = (services.clock.now() + timedelta(days=2)).isoformat()
    bound = client.as_(made(ann.client, allowed_addresses=["198.51.100.0/24"], expires_at=end)["secret"])
    free = made(ann.client)
    for told in ({}, {"expires_at": end}, {"allowed_addresses": [HERE]}):
        refused(bound.post("/api-keys", json={"name": "x", "scopes": ["api-keys"], **told}), 403, "not_allowed")
    refused(bound.post(f"/api-keys/{free['id']}/rotate"), 403, "not_allowed")
    refused(
        bound.patch(f"/api-keys/{free['id']}", json={"expires_at": None, "allowed_addresses": [HERE]}),
        403,
        "not_allowed",
    )
    assert made(bound, allowed_addresses=[HERE], expires_at=end)["allowed_addresses"] == [f"{HERE}/32"]


def test_a_key_ends_at_its_time_without_anybody_doing_anything(ann, client, services):
    key = made(ann.client, expires_at=(services.clock.now() + timedelta(hours=1)).isoformat())
    program = client.as_(key["secret"])
    assert program.get("/api-keys").status_code == 200
    services.clock.advance(timedelta(hours=1))
    refused(program.get("/api-keys"), 401, "not_authenticated")
    refused(ann_after(services, client, ann).post(f"/api-keys/{key['id']}/rotate"), 409, "conflict")


def ann_after(services, client, ann) -> Client:
    """The access token of before has expired as well."""
    [membership] = services.database.fetch_all(
        "select user_id from memberships where organization_id = %s", (ann.organization_id,)
    )
    return client.as_(services.logins.start(services.store.fetch(User, membership["user_id"])).access_token)


def test_both_secrets_work_in_the_overlap_and_one_revocation_ends_both(ann, client, services):
    old = made(ann.client)
    answer = ann.client.post(f"/api-keys/{old['id']}/rotate", json={"overlap": "PT1H"})
    new = answer.json()
    assert new["former_secret_until"] is not None and new["prefix"] != old["prefix"]
    for secret in (old["secret"], new["secret"]):
        assert client.as_(secret).get("/api-keys").status_code == 200
    newest = ann.client.post(f"/api-keys/{old['id']}/rotate", json={"overlap": "PT1H"}).json()
    refused(client.as_(old["secret"]).get("/api-keys"), 401, "not_authenticated")
    assert client.as_(new["secret"]).get("/api-keys").status_code == 200
    services.clock.advance(timedelta(hours=1))
    refused(client.as_(new["secret"]).get("/api-keys"), 401, "not_authenticated")
    owner = ann_after(services, client, ann)
    for overlap in ("P31D", "-PT1H", "P1M", "soon"):
        refused(owner.post(f"/api-keys/{old['id']}/rotate", json={"overlap": overlap}), 422, "invalid_request")
    last = owner.post(f"/api-keys/{old['id']}/rotate", json={"overlap": "P30D"}).json()
    assert owner.delete(f"/api-keys/{old['id']}").status_code == 204
    for secret in (newest["secret"], last["secret"]):
        refused(client.as_(secret).get("/api-keys"), 401, "not_authenticated")


def test_a_plan_says_how_many_keys_there_may_be_and_who_come_at_once_are_counted(ann, services):
    terms = {"seats": 1, **LEASE, "features": {"api_keys": 3}}
    plan = {"code": "studio", "product": "studio", "name": "Studio", "entitlements": terms, "prices": []}
    product = {"code": "studio", "name": "Studio", "license_key_prefix": "STUD"}
    services.catalog.apply(services.catalog.read(json.dumps({"version": 1, "products": [product], "plans": [plan]})))
    services.licenses.issue(ann.organization_id, "studio", seats=None, expires_at=None)
    first = made(ann.client)
    made(ann.client, expires_at=(services.clock.now() + timedelta(minutes=5)).isoformat())

    def issue(_: int) -> bool:
        try:
            services.api_keys.issue(name="x", scopes=[Scope.AUDIT], organization_id=ann.organization_id)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(issue, range(6))) == 1
    told = refused(ann.client.post("/api-keys", json={"name": "x", "scopes": ["audit"]}), 402, "quota_exceeded")
    assert told["details"]["limit"] == 3 and told["details"]["upgrade_url"]
    ann.client.delete(f"/api-keys/{first['id']}")
    services.clock.advance(timedelta(minutes=5))  # and one of them is over
    assert issue(0) and issue(0) and not issue(0)


def test_a_warm_key_asks_no_database(ann, client, services, monkeypatch):
    program = client.as_(made(ann.client)["secret"])
    secret = program._bearer

    def is_warm() -> bool:
        return services.api_keys.remembered(secret) is not None

    def warmed() -> bool:
        assert services.api_keys.identify(secret) is not None
        return is_warm()

    eventually(warmed)
    asked: list[str] = []
    execute = Database.connection
    monkeypatch.setattr(Database, "connection", lambda self: (asked.append("asked"), execute(self))[1])
    assert services.api_keys.remembered(secret).name == "ci"
    assert asked == []


def test_a_change_by_one_process_counts_in_another(ann, services, settings):
    """Another process is one with services of its own: nothing but PostgreSQL is between them."""
    other = build(settings)
    try:
        key = made(ann.client)
        id, changes = key["id"], []
        changes.append(lambda: ann.client.patch(f"/api-keys/{id}", json={"allowed_addresses": ["203.0.113.9"]}))
        changes.append(lambda: ann.client.post(f"/api-keys/{id}/rotate"))
        secrets = [key["secret"], key["secret"]]
        for change, secret in zip(changes, secrets, strict=True):
            eventually(
                lambda secret=secret: bool(other.api_keys.identify(secret) and other.api_keys.remembered(secret))
            )
            before = other.api_keys.remembered(secret)
            assert change().status_code == 200
            eventually(lambda secret=secret, before=before: other.api_keys.remembered(secret) != before)
        assert other.api_keys.identify(key["secret"]) is None
    finally:
        other.close()


def test_a_revoked_key_is_not_believed_when_the_line_to_postgres_is_cut(ann, services, settings):
    """Whoever cannot be told asks: what is cut is the line, not PostgreSQL."""
    other = build(settings)
    try:
        key = made(ann.client)
        eventually(lambda: bool(other.api_keys.identify(key["secret"]) and other.api_keys.remembered(key["secret"])))
        other.remembered.close()
        assert other.remembered._listening is not None
        other.remembered._listening.join(10)
        services.api_keys.revoke(services.api_keys.live(ann.organization_id)[0].key_id)
        eventually(lambda: other.api_keys.remembered(key["secret"]) is None)
        assert other.api_keys.identify(key["secret"]) is None
    finally:
        other.close()


def test_a_likeness_is_refused_without_asking_anybody(client, services, monkeypatch):
    monkeypatch.setattr(services.key_index, "look_up", lambda digest: pytest.fail("asked"))
    refused(client.as_("usk_" + "0" * 48 + "1").get("/api-keys"), 401, "not_authenticated")
