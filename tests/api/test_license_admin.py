"""Licences in the vendor's hands."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.caller import Caller
from domain.errors import SessionClosed
from tests.api.people_engine import refused

NOBODY = uuid4()


@pytest.fixture
def given(shop, admin, ann) -> dict:
    """A licence that the vendor gave to Ann, as the answer said it."""
    response = admin.post("/admin/licenses", json={"organization_id": str(ann.organization_id), "plan": "pro"})
    assert response.status_code == 201, response.text
    return response.json()


def act(admin, given, action, **body):
    return admin.post(f"/admin/licenses/{given['id']}/{action}", json={"reason": "as agreed", **body})


def test_a_new_licence_shows_its_key_this_once(services, client, admin, given):
    assert services.licenses.by_key(given["license_key"]).id.hex == given["id"].replace("-", "")
    assert given["seats"] == {"limit": 10, "used": 0} and given["subscription_id"] is None
    again = admin.get(f"/licenses/{given['id']}").json()
    assert again == {name: value for name, value in given.items() if name != "license_key"}


def test_seats_and_end_may_be_given(services, admin, ann, shop):
    end = services.clock.now() + timedelta(days=90)
    body = {
        "organization_id": str(ann.organization_id),
        "plan": "starter",
        "seats": 7,
        "expires_at": end.isoformat(),
    }
    made = admin.post("/admin/licenses", json=body).json()
    assert made["seats"]["limit"] == 7
    assert made["expires_at"] == end.isoformat().replace("+00:00", "Z")


def test_the_same_request_again_issues_one_licence(services, admin, ann, shop):
    body, key = {"organization_id": str(ann.organization_id), "plan": "pro"}, {"Idempotency-Key": "order-17"}
    first = admin.post("/admin/licenses", json=body, headers=key)
    again = admin.post("/admin/licenses", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201) and first.json() == again.json()
    sql = "select count(*) as n from stored_events where topic = 'license.issued'"
    assert services.database.fetch_one(sql)["n"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seats": 0}, "seats"),
        ({"seats": 1_000_001}, "seats"),
        ({"seats": "many"}, "seats"),
        ({"seats": 1.5}, "seats"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59Z"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+12:00"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"plan": "x" * 65}, "plan"),
        ({"plan": "a\u0000b"}, "plan"),
        ({"colour": "red"}, "colour"),
        ({"organization_id": "ann"}, "organization_id"),
    ],
)
def test_an_absurd_licence_is_refused_and_nothing_is_stored(services, admin, ann, shop, change, field):
    before = services.store.recorder.max_notification_id()
    body = {"organization_id": str(ann.organization_id), "plan": "pro", **change}
    error = refused(admin.post("/admin/licenses", json=body), 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == [field]
    assert services.store.recorder.max_notification_id() == before


def test_nobody_gets_a_licence_of_nothing(admin, ann, shop):
    refused(admin.post("/admin/licenses", json={"organization_id": str(NOBODY), "plan": "pro"}), 404, "not_found")
    body = {"organization_id": str(ann.organization_id), "plan": "platinum"}
    refused(admin.post("/admin/licenses", json=body), 404, "not_found")


def test_suspended_reinstated_revoked_with_reasons_that_stay(services, admin, given):
    suspended = act(admin, given, "suspend", reason="fraud check").json()
    assert (suspended["status"], suspended["suspended_reason"]) == ("suspended", "fraud check")
    assert act(admin, given, "reinstate").json()["status"] == "active"
    assert act(admin, given, "revoke").json()["status"] == "revoked"
    refused(act(admin, given, "suspend"), 403, "license_revoked")
    sql = "select state->>'reason' as reason from stored_events where topic = 'license.suspended'"
    assert services.database.fetch_one(sql)["reason"] == "fraud check"


def test_what_the_vendor_does_is_attributed_to_its_key_and_request(services, admin, given):
    response = act(admin, given, "suspend")
    sql = "select actor, cause from stored_events where topic = 'license.suspended'"
    found = services.database.fetch_one(sql)
    assert found["actor"].startswith("key:")
    assert found["cause"] == f"request:{response.headers['X-Request-Id']}"


def test_resized_and_extended(services, admin, given):
    assert act(admin, given, "resize", seats=3).json()["seats"]["limit"] == 3
    end = (services.clock.now() + timedelta(days=10)).isoformat()
    assert act(admin, given, "extend", expires_at=end).json()["expires_at"] == end.replace("+00:00", "Z")
    assert act(admin, given, "extend", expires_at=None).json()["expires_at"] is None
    past = (services.clock.now() - timedelta(days=1)).isoformat()
    refused(act(admin, given, "extend", expires_at=past), 409, "conflict")
    refused(act(admin, given, "extend", expires_at="9999-01-01T00:00:00Z"), 422, "invalid_request")
    refused(act(admin, given, "extend"), 422, "invalid_request")
    refused(act(admin, given, "resize", seats=0), 422, "invalid_request")


def test_a_new_key_replaces_the_old_one(client, admin, given):
    rotated = act(admin, given, "rotate-key").json()
    assert rotated["license_key"] != given["license_key"]
    old, new = ({"Authorization": f"License {each['license_key']}"} for each in (given, rotated))
    refused(client.get("/licenses/current", headers=old), 401, "license_key_invalid")
    assert client.get("/licenses/current", headers=new).json()["key_hint"] == rotated["key_hint"]


ACTIONS = {"suspend": {}, "reinstate": {}, "revoke": {}, "resize": {"seats": 2}, "rotate-key": {}, "extend": {}}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 201, "a\u0000b", 7])
def test_nothing_is_done_without_a_reason(services, admin, given, action, reason):
    body = {**ACTIONS[action], "expires_at": None} if action == "extend" else ACTIONS[action]
    before = services.store.recorder.max_notification_id()
    given_reason = {} if reason is None else {"reason": reason}
    response = admin.post(f"/admin/licenses/{given['id']}/{action}", json={**body, **given_reason})
    error = refused(response, 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == ["reason"]
    assert services.store.recorder.max_notification_id() == before


def test_only_the_vendor_may(client, ann, given):
    for caller, status, code in ((client, 401, "not_authenticated"), (ann.client, 403, "not_allowed")):
        refused(caller.post(f"/admin/licenses/{given['id']}/revoke", json={"reason": "x"}), status, code)
        refused(caller.post("/admin/licenses", json={}), status, code)
        refused(caller.get("/admin/licenses"), status, code)
        refused(caller.delete(f"/admin/sessions/{uuid4()}?reason=x"), status, code)


def test_the_vendor_finds_licences_by_hint_and_by_address(services, admin, ann, bob, given, caught_up):
    services.licenses.issue(bob.organization_id, "pro", seats=None, expires_at=None)
    caught_up()

    def found(q: str) -> list[str]:
        return [each["organization_id"] for each in admin.get("/admin/licenses", params={"q": q}).json()["data"]]

    assert found("ANN@example") == [str(ann.organization_id)]
    assert found("bob@") == [str(bob.organization_id)]
    assert found(given["key_hint"][-5:]) == [str(ann.organization_id)]
    assert len(found("CODI")) == 2
    assert found("%") == found("_@") == found("nobody") == []


def test_a_session_is_cleared_with_a_reason(services, admin, given):
    async def story():
        sat = await services.seats.acquire(given["license_key"], "machine-000001", Caller())
        path = f"/admin/sessions/{sat.session_id}"
        refused(await asyncio.to_thread(admin.delete, path), 422, "invalid_request")
        for _ in range(2):
            cleared = await asyncio.to_thread(admin.delete, path, params={"reason": "left the company"})
            assert cleared.status_code == 204, cleared.text
        with pytest.raises(SessionClosed, match="evicted"):
            await services.seats.heartbeat(sat.session_id, sat.lease)

    services.in_loop(story())
    sql = "select state->>'note' as note from stored_events where topic = 'seat.session_closed'"
    assert [row["note"] for row in services.database.fetch_all(sql)] == ["left the company"]


def test_the_reason_may_be_in_the_body_too(admin):
    path = f"/admin/sessions/{uuid4()}"
    refused(admin.call("DELETE", path, json={"reason": "left"}), 404, "not_found")
    refused(admin.call("DELETE", path, json={"reason": ""}), 422, "invalid_request")
