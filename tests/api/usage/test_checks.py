"""`POST /usage/check`, quotas, grants and gates from the outside."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from domain.api_key import Scope
from tests.api.people_engine import refused
from tests.api.usage.conftest import MeteredApi, record
from tests.usage_world import months

TOKENS = {"code": "tokens", "name": "Tokens", "aggregation": "sum"}


@pytest.fixture
def acme(api: MeteredApi) -> Any:
    api.sell(TOKENS, pro=months(10, warn_at=0.8))
    return api.customer("pro")


def allowed(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["allowed"] is True
    return found


def test_what_is_left_is_answered(api, acme):
    acme.client.post("/usage", json={"records": [record(quantity=4)]})
    answer = allowed(acme.client.post("/usage/check", json={"meter": "calls", "quantity": 6}))
    assert (answer["remaining"], answer["over"]) == (6, False) and "reservation" not in answer
    (limit,) = answer["limits"]
    period = limit.pop("period")
    assert limit == {
        "meter": "calls",
        "limit": 10,
        "used": 4,
        "reserved": 0,
        "remaining": 6,
        "granted": 0,
        "per": "month",
        "each": "organization",
        "warn_at": 0.8,
        "hard": True,
        "overage": None,
        "product": "cloud",
        "plan": "pro",
    }
    assert period["start"] < api.world.now().isoformat().replace("+00:00", "Z") < period["end"]


def test_too_much_is_refused_with_the_way_to_more(acme):
    acme.client.post("/usage", json={"records": [record(quantity=4)]})
    error = refused(acme.client.post("/usage/check", json={"meter": "calls", "quantity": 7}), 402, "quota_exceeded")
    details = error["details"]
    assert (details["limit"], details["used"], details["remaining"], details["requested"]) == (10, 4, 6, 7)
    assert details["upgrade_url"].startswith("http") and details["period"]["end"].endswith("Z")
    assert "10 calls each month" in error["message"] and "6 are left" in error["message"]


def test_a_refusal_says_whose_limit_it_is_and_whether_waiting_helps(api):
    api.sell(pro={"limits": {"calls": [{"amount": 4, "per": "total"}, {"amount": 2, "per": "day", "each": "subject"}]}})
    acme = api.customer("pro")
    acme.client.post("/usage", json={"records": [record(subject="ann")]})
    for asked, said in (
        ({"quantity": 4}, "The plan allows 4 calls in all; 3 are left. Use less or upgrade."),
        ({"quantity": 2, "subject": "ann"}, "The plan allows each subject 2 calls each day; 1 is left. Wait for"),
    ):
        error = refused(acme.client.post("/usage/check", json={"meter": "calls", **asked}), 402, "quota_exceeded")
        assert error["message"].startswith(said)


def test_what_is_reserved_is_nobody_elses_until_it_is_used_or_given_back(acme):
    body = {"meter": "calls", "quantity": 6, "reserve": True}
    held = allowed(acme.client.post("/usage/check", json=body))
    assert held["remaining"] == 4 and held["limits"][0]["reserved"] == 6 and held["reserved_until"].endswith("Z")
    refused(acme.client.post("/usage/check", json=body), 402, "quota_exceeded")
    acme.client.post("/usage", json={"records": [record(quantity=5, reservation=held["reservation"])]})
    again = allowed(acme.client.post("/usage/check", json={**body, "quantity": 5, "reserve_for": "PT10M"}))
    assert (again["remaining"], again["limits"][0]["used"]) == (0, 5)
    released = f"/usage/reservations/{again['reservation']}"
    assert acme.client.delete(released).status_code == 204
    refused(acme.client.delete(released), 404, "not_found")
    assert allowed(acme.client.post("/usage/check", json=body | {"quantity": 5}))["remaining"] == 0


def test_nobody_gives_back_what_another_reserved(api, acme):
    held = allowed(acme.client.post("/usage/check", json={"meter": "calls", "quantity": 6, "reserve": True}))
    other = api.customer("pro")
    refused(other.client.delete(f"/usage/reservations/{held['reservation']}"), 404, "not_found")
    other.client.post("/usage", json={"records": [record(reservation=held["reservation"])]})
    assert acme.client.get("/quotas").json()["data"][0]["reserved"] == 6


def test_several_checks_are_answered_together(api):
    api.sell(TOKENS, pro={"limits": {"calls": {"amount": 5, "per": "day"}, "tokens": {"amount": 100, "per": "day"}}})
    acme = api.customer("pro")
    checks = [{"meter": "calls"}, {"meter": "tokens", "quantity": 80}]
    held = allowed(acme.client.post("/usage/check", json={"checks": checks, "reserve": True}))
    assert held["remaining"] is None
    assert {limit["meter"]: limit["remaining"] for limit in held["limits"]} == {"calls": 4, "tokens": 20}
    error = refused(acme.client.post("/usage/check", json={"checks": checks, "reserve": True}), 402, "quota_exceeded")
    assert error["details"]["meter"] == "tokens"
    left = {quota["meter"]: quota["remaining"] for quota in acme.client.get("/quotas").json()["data"]}
    assert left == {"calls": 4, "tokens": 20}


def test_each_subject_and_each_key_has_limits_of_its_own(api):
    limits = [{"amount": 2, "per": "day", "each": "subject"}, {"amount": 3, "per": "day", "each": "key"}]
    api.sell(pro={"limits": {"calls": limits}})
    acme = api.customer("pro")
    program, key_id = api.key(acme.organization_id, Scope.USAGE_WRITE)
    ask = {"meter": "calls"}
    for subject in ("ann", "ann", "bob"):
        allowed(program.post("/usage/check", json={**ask, "subject": subject}))
        program.post("/usage", json={"records": [record(subject=subject)]})
    for client, subject, each in ((acme.client, "ann", "subject"), (program, "bob", "key")):
        error = refused(client.post("/usage/check", json={**ask, "subject": subject}), 402, "quota_exceeded")
        assert error["details"]["each"] == each
    allowed(acme.client.post("/usage/check", json={"meter": "calls", "subject": "bob"}))
    params = {"subject": "ann", "key_id": str(key_id)}
    shown = acme.client.get("/quotas", params=params).json()["data"]
    assert {quota["each"]: quota["used"] for quota in shown} == {"subject": 2, "key": 3}


def test_a_rate_is_answered_with_429_and_when_to_come_again(api):
    api.sell(pro={**months(1000), "rate_limits": {"calls": "3/hour"}})
    acme = api.customer("pro")
    for left in (2, 1, 0):
        answer = acme.client.post("/usage/check", json={"meter": "calls"})
        assert answer.status_code == 200 and answer.headers["RateLimit-Remaining"] == str(left)
    slowed = acme.client.post("/usage/check", json={"meter": "calls"})
    error = refused(slowed, 429, "rate_limited")
    assert 0 < error["retry_after"] <= 1200 and slowed.headers["Retry-After"] == str(error["retry_after"])
    allowed(acme.client.post("/usage/check", json={"meter": "calls", "quantity": 0}))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"meter": "calls", "checks": [{"meter": "calls"}]}, "body"),
        ({"checks": []}, "checks"),
        ({"checks": [{"meter": "calls"}] * 21}, "checks"),
        ({"meter": "cals"}, "meter"),
        ({"meter": "calls", "quantity": -1}, "quantity"),
        ({"meter": "calls", "quantity": "NaN"}, "quantity"),
        ({"meter": "calls", "quantity": 10**12 + 1}, "quantity"),
        ({"meter": "calls", "quantity": "0.5"}, "quantity"),
        ({"meter": "calls", "reserve": True, "reserve_for": "PT2H"}, "reserve_for"),
        ({"meter": "calls", "reserve": True, "reserve_for": "a while"}, "reserve_for"),
        ({"meter": "calls", "reserve": "perhaps"}, "reserve"),
        ({"meter": "calls", "size": 1}, "size"),
    ],
)
def test_what_cannot_be_asked_is_refused(acme, body, field):
    error = refused(acme.client.post("/usage/check", json=body), 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == [field]


def test_nobody_asks_about_another_organization(api, acme):
    other = api.customer("pro")
    _, others_key = api.key(other.organization_id, Scope.USAGE_WRITE)
    theirs = {"organization_id": str(other.organization_id)}
    for change in (theirs, {"organization_id": str(uuid4())}, {"key_id": str(others_key)}):
        refused(acme.client.post("/usage/check", json={"meter": "calls", **change}), 404, "not_found")
    for path in ("/quotas", "/usage", "/usage/records"):
        refused(acme.client.get(path, params={"meter": "calls", **theirs}), 404, "not_found")
    refused(acme.client.get("/entitlements", params=theirs), 404, "not_found")
    refused(acme.client.post("/entitlements/check", json={"feature": "sso", **theirs}), 404, "not_found")
    allowed(api.vendor.post("/usage/check", json={"meter": "calls", **theirs}))
    refused(api.vendor.post("/usage/check", json={"meter": "calls"}), 422, "invalid_request")


def test_the_vendor_grants_and_resets_with_a_reason_that_stays(api, acme):
    acme.client.post("/usage", json={"records": [record(quantity=10)]})
    meant = {"organization_id": str(acme.organization_id), "meter": "calls", "reason": "their launch"}
    refused(acme.client.post("/admin/quotas/grant", json={**meant, "amount": 5}), 403, "not_allowed")
    (change,) = api.vendor.post("/admin/quotas/grant", json={**meant, "amount": 5}).json()["data"]
    assert (change["granted"], change["forgiven"], change["per"]) == (5, 0, "month")
    assert allowed(acme.client.post("/usage/check", json={"meter": "calls", "quantity": 5}))["remaining"] == 5
    (change,) = api.vendor.post("/admin/quotas/reset", json=meant).json()["data"]
    assert (change["granted"], change["forgiven"]) == (5, 10)
    (quota,) = acme.client.get("/quotas").json()["data"]
    assert (quota["used"], quota["limit"], quota["granted"]) == (0, 15, 5)
    for path, wrong, field in (
        ("grant", {"amount": 0}, "amount"),
        ("grant", {}, "amount"),
        ("grant", {"amount": 5, "reason": " "}, "reason"),
        ("reset", {"meter": "tokens"}, "meter"),
    ):
        error = refused(api.vendor.post(f"/admin/quotas/{path}", json={**meant, **wrong}), 422, "invalid_request")
        assert [each["field"] for each in error["details"]["fields"]] == [field]


def test_a_visitor_registers_and_takes_along_what_it_used(api):
    api.sell()
    acme, visitor = api.customer(), f"visitor-{uuid4().hex}"
    api.vendor.post("/usage", json={"records": [record(subject=visitor, quantity=2)]})
    claim = {"subject": visitor, "organization_id": str(acme.organization_id)}
    refused(acme.client.post("/usage/subjects/claim", json=claim), 403, "not_allowed")
    claimed = api.vendor.post("/usage/subjects/claim", json=claim)
    assert claimed.status_code == 200 and claimed.json()["organization_id"] == claim["organization_id"]
    assert api.vendor.post("/usage/subjects/claim", json=claim).json() == claimed.json()
    theirs = {**claim, "organization_id": str(api.customer().organization_id)}
    refused(api.vendor.post("/usage/subjects/claim", json=theirs), 409, "conflict")
    records = acme.client.get("/usage/records", params={"meter": "calls"}).json()["data"]
    assert [each["quantity"] for each in records] == [2]


def test_gates_and_numbers_of_all_licences_in_one_answer(api):
    features = {"sso": True, "projects": 5}
    api.sell(pro={**months(10), "features": features, "rate_limits": {"api": "10/minute"}}, basic=months(7))
    acme = api.customer("pro")
    api.world.license(acme.organization_id, "basic")
    shown = acme.client.get("/entitlements").json()
    assert shown["organization_id"] == str(acme.organization_id) and shown["time_zone"] == "UTC"
    assert shown["features"] == features and shown["late_usage"] == "P35D"
    assert shown["rate_limits"] == {"api": "10/minute"}
    assert sorted(limit["amount"] for limit in shown["limits"]) == [17]
    assert {source["plan"] for source in shown["sources"]} == {"pro", "basic"}
    for feature, count, answer in (
        ("sso", 1, True),
        ("projects", 5, True),
        ("projects", 6, False),
        ("nothing", 1, False),
    ):
        gate = acme.client.post("/entitlements/check", json={"feature": feature, "count": count})
        assert gate.status_code == 200 and gate.json()["allowed"] is answer
        assert (gate.json()["upgrade_url"] is None) is answer
    for wrong in ({"feature": "sso", "count": 0}, {"feature": ""}, {}):
        refused(acme.client.post("/entitlements/check", json=wrong), 422, "invalid_request")


def test_days_follow_the_time_zone_that_the_customer_sets(api):
    api.sell(pro={"limits": {"calls": {"amount": 5, "per": "day", "anchor": "calendar"}}})
    acme, other = api.customer("pro"), api.customer()
    path = f"/organizations/{acme.organization_id}"
    before = acme.client.get("/quotas").json()["data"][0]["period"]["start"]
    changed = acme.client.call("PATCH", path, json={"time_zone": "Asia/Kolkata"})
    assert changed.json()["time_zone"] == "Asia/Kolkata"
    after = acme.client.get("/quotas").json()["data"][0]["period"]["start"]
    assert before.endswith("T00:00:00Z") and after.endswith("T18:30:00Z")
    for wrong in ("Mars/Olympus", "../etc/passwd", ""):
        refused(acme.client.call("PATCH", path, json={"time_zone": wrong}), 422, "invalid_request")
    refused(other.client.call("PATCH", path, json={"time_zone": "UTC"}), 404, "not_found")
