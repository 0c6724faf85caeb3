"""`POST /usage` from the outside: what is taken in, and each way to be refused (docs/usage.md has the table)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.api_key import Scope
from tests.api.people_engine import refused
from tests.api.usage.conftest import MeteredApi, record
from tests.usage_world import months


@pytest.fixture
def acme(api: MeteredApi) -> Any:
    api.sell(
        {"code": "gigabytes", "name": "Gigabytes", "aggregation": "sum", "decimals": 3},
        {"code": "mails", "name": "Mails", "aggregation": "count", "dimensions": ["kind"]},
        {"code": "people", "name": "People", "aggregation": "unique", "counts": "person"},
        pro=months(1000),
    )
    return api.customer("pro")


def used(acme: Any, meter: str = "calls") -> int:
    """Of its first limit, as the customer sees it."""
    (quota, *_) = acme.client.get("/quotas", params={"meter": meter}).json()["data"]
    return quota["used"]


def fields(error: dict[str, Any]) -> list[str]:
    return [each["field"] for each in error["details"]["fields"]]


def test_a_customer_reports_its_use_and_sees_it_at_once(acme):
    answer = acme.client.post("/usage", json={"records": [record(quantity=3), record(quantity=4)]})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "duplicates": 0, "position": answer.json()["position"]}
    assert used(acme) == 7


def test_a_request_that_is_sent_again_counts_nothing_twice(api, acme):
    body = {"records": [record(quantity=3, at=api.world.now().isoformat()), record()]}
    first = acme.client.post("/usage", json=body).json()
    assert acme.client.post("/usage", json=body).json() == {**first, "accepted": 0, "duplicates": 2}
    body["records"].append(record())
    assert acme.client.post("/usage", json=body).json()["accepted"] == 1
    assert used(acme) == 5


def test_a_known_id_with_another_quantity_is_refused_with_both(acme):
    known, given = record(id="inv-1", quantity=3, subject="ann"), record(id="inv-1", quantity=4, subject="ann")
    acme.client.post("/usage", json={"records": [known]})
    error = refused(acme.client.post("/usage", json={"records": [given, record()]}), 409, "usage_mismatch")
    assert error["details"]["id"] == "inv-1"
    assert error["details"]["given"] == {"meter": "calls", "quantity": 4, "subject": "ann"}
    stored = error["details"]["known"]
    assert (stored["meter"], stored["quantity"], stored["subject"]) == ("calls", 3, "ann") and "at" in stored
    assert used(acme) == 3


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown meter", {"meter": "cals"}, "meter"),
    ("no meter", {"meter": None}, "meter"),
    ("no id", {"id": ""}, "id"),
    ("an id with a space", {"id": "a b"}, "id"),
    ("an id that is too long", {"id": "x" * 129}, "id"),
    ("an id in another script", {"id": "заказ-1"}, "id"),
    ("a negative quantity", {"quantity": -1}, "quantity"),
    ("a quantity that is no number", {"quantity": "many"}, "quantity"),
    ("not a number", {"quantity": "NaN"}, "quantity"),
    ("infinity", {"quantity": "Infinity"}, "quantity"),
    ("a huge quantity", {"quantity": 10**12 + 1}, "quantity"),
    ("a quantity of thirty digits", {"quantity": "1" * 30}, "quantity"),
    ("a huge exponent", {"quantity": "1e400"}, "quantity"),
    ("half a call", {"quantity": "0.5"}, "quantity"),
    ("a digit too many", {"meter": "gigabytes", "quantity": "0.0001"}, "quantity"),
    ("no quantity", {"quantity": None}, "quantity"),
    ("a quantity where records are counted", {"meter": "mails", "quantity": 2}, "quantity"),
    ("nobody who is counted", {"meter": "people", "quantity": None}, "dimensions"),
    (
        "a dimension that the meter has not",
        {"meter": "mails", "quantity": None, "dimensions": {"x": "1"}},
        "dimensions",
    ),
    ("a dimension with an address", {"dimensions": {"solution": "ann@example.com"}}, "dimensions.solution"),
    ("a dimension that is a number", {"dimensions": {"solution": 5}}, "dimensions.solution"),
    ("eleven dimensions", {"dimensions": {f"d{n}": "1" for n in range(11)}}, "dimensions"),
    ("a reserved dimension", {"dimensions": {"subject": "ann"}}, "dimensions"),
    ("a time in the future", {"at": "2199-01-01T00:00:00Z"}, "at"),
    ("a time long ago", {"at": "2001-01-01T00:00:00Z"}, "at"),
    ("a time without a zone", {"at": "2026-11-20T12:00:00"}, "at"),
    ("no time at all", {"at": "yesterday"}, "at"),
    ("an unknown field", {"colour": "red"}, "colour"),
    ("a reservation that is no id", {"reservation": "mine"}, "reservation"),
    ("a line break in the subject", {"subject": "ann\nbob"}, "subject"),
    ("a cancellation that says more", {"voids": "r1"}, "voids"),
]


@pytest.mark.parametrize(("change", "field"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_one_bad_record_keeps_the_whole_request_out(acme, change, field):
    answer = acme.client.post("/usage", json={"records": [record(), {**record(), **change}, record()]})
    assert fields(refused(answer, 422, "invalid_request")) == [f"records.1.{field}"]
    assert used(acme) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"records": []}, "records"),
        ({}, "records"),
        ({"records": {"id": "x"}}, "records"),
        ({"records": [record() for _ in range(1001)]}, "records"),
        ({"records": [record()], "organization_id": None}, "organization_id"),
    ],
)
def test_a_request_has_from_one_to_a_thousand_records(acme, body, field):
    error = refused(acme.client.post("/usage", json=body), 422, "invalid_request")
    assert [each for each in fields(error) if each == field]
    assert used(acme) == 0


def test_a_thousand_are_taken(acme):
    assert acme.client.post("/usage", json={"records": [record() for _ in range(1000)]}).json()["accepted"] == 1000
    assert used(acme) == 1000


def test_what_is_no_json_is_refused(acme):
    for content in (b"", b"{", b'{"records": [{"id": "x", "meter": "calls", "quantity": NaN}]}', b"\xff"):
        refused(acme.client.post("/usage", content=content), 422, "invalid_request")


def test_a_quantity_is_exact_as_a_number_and_as_text(api, acme):
    api.sell(
        {"code": "gigabytes", "name": "Gigabytes", "aggregation": "sum", "decimals": 3},
        pro={"limits": {"gigabytes": {"amount": 9, "per": "month"}}},
    )
    acme = api.customer("pro")
    for quantity in (0.1, 0.2, "0.100", "1.5e-1", 1):
        taken = acme.client.post("/usage", json={"records": [record(meter="gigabytes", quantity=quantity)]})
        assert taken.status_code == 202, taken.text
    assert used(acme, "gigabytes") == 1.55


def test_every_bad_record_is_named_up_to_twenty(acme):
    body = {"records": [record(meter="cals") for _ in range(30)]}
    error = refused(acme.client.post("/usage", json=body), 422, "invalid_request")
    assert fields(error) == [f"records.{n}.meter" for n in range(20)] and error["details"]["count"] == 30


def test_a_time_just_within_the_plans_window_is_taken_and_just_outside_not(api, acme):
    for age, status in ((timedelta(days=34, hours=23), 202), (timedelta(days=35, minutes=1), 422)):
        at = (api.world.now() - age).isoformat()
        assert acme.client.post("/usage", json={"records": [record(at=at)]}).status_code == status


def test_a_record_is_cancelled_and_can_be_told_again_with_another_id(acme):
    wrong = record(id="w1", quantity=500)
    acme.client.post("/usage", json={"records": [wrong]})
    cancels = {"records": [{"id": "w1-void", "voids": "w1"}, record(id="w1-right", quantity=5)]}
    assert acme.client.post("/usage", json=cancels).json()["accepted"] == 2
    assert acme.client.post("/usage", json=cancels).json()["duplicates"] == 2
    assert used(acme) == 5
    again = acme.client.post("/usage", json={"records": [{"id": "w1-void-2", "voids": "w1"}]})
    assert fields(refused(again, 422, "invalid_request")) == ["records.0.voids"]


def test_another_organizations_records_organization_and_key_are_not_there(api, acme):
    other = api.customer("pro")
    _, others_key = api.key(other.organization_id, Scope.USAGE_WRITE)
    other.client.post("/usage", json={"records": [record(id="theirs")]})
    for change in ({"organization_id": str(other.organization_id)}, {"key_id": str(others_key)}):
        refused(acme.client.post("/usage", json={"records": [{**record(), **change}]}), 404, "not_found")
    void = acme.client.post("/usage", json={"records": [{"id": "v", "voids": "theirs"}]})
    assert fields(refused(void, 422, "invalid_request")) == ["records.0.voids"]
    mine = acme.client.post("/usage", json={"records": [record(id="theirs", quantity=9)]})
    assert mine.json()["accepted"] == 1
    assert (used(acme), used(other)) == (9, 1)


def test_the_vendor_says_whose_use_it_is(api, acme):
    organization_id = str(acme.organization_id)
    taken = api.vendor.post("/usage", json={"records": [record(organization_id=organization_id, quantity=2)]})
    assert taken.status_code == 202 and used(acme) == 2
    absent = api.vendor.post("/usage", json={"records": [record(organization_id=str(uuid4()))]})
    refused(absent, 404, "not_found")
    refused(api.vendor.post("/usage", json={"records": [record()]}), 422, "invalid_request")


def test_the_scope_of_a_key_decides(api, acme):
    reader, _ = api.key(acme.organization_id, Scope.USAGE_READ)
    writer, _ = api.key(acme.organization_id, Scope.USAGE_WRITE)
    missing = refused(reader.post("/usage", json={"records": [record()]}), 403, "not_allowed")
    assert missing["details"]["missing"] == ["usage:write"]
    refused(reader.post("/usage/check", json={"meter": "calls"}), 403, "not_allowed")
    for path in ("/usage?meter=calls", "/usage/records?meter=calls", "/quotas", "/meters"):
        refused(writer.get(path), 403, "not_allowed")
        assert reader.get(path).status_code == 200
    assert writer.post("/usage", json={"records": [record()]}).status_code == 202
    for path in ("/usage", "/usage/check"):
        refused(api.client.post(path, json={}), 401, "not_authenticated")


def test_a_key_that_is_revoked_records_nothing_more(api, acme):
    program, key_id = api.key(acme.organization_id, Scope.USAGE_WRITE)
    assert program.post("/usage", json={"records": [record()]}).status_code == 202
    api.world.services.api_keys.revoke(key_id)
    refused(program.post("/usage", json={"records": [record()]}), 401, "not_authenticated")


def test_a_key_that_another_process_revoked_is_refused_once_postgres_has_told(api, acme):
    program, key_id = api.key(acme.organization_id, Scope.USAGE_WRITE)
    assert program.post("/usage", json={"records": [record()]}).status_code == 202
    with api.world.another() as other:
        other.services.api_keys.revoke(key_id)
    for _ in range(1000):
        answer = program.post("/usage", json={"records": [record()]})
        if answer.status_code != 202:
            break
        time.sleep(0.01)
    refused(answer, 401, "not_authenticated")


def test_the_key_of_the_call_is_kept_with_the_record(api, acme):
    program, key_id = api.key(acme.organization_id, Scope.USAGE_WRITE)
    program.post("/usage", json={"records": [record(id="k1")]})
    acme.client.post("/usage", json={"records": [record(id="k2", key_id=str(key_id)), record(id="k3")]})
    found = acme.client.get("/usage/records", params={"meter": "calls"}).json()["data"]
    assert {each["id"]: each["key_id"] for each in found} == {"k1": str(key_id), "k2": str(key_id), "k3": None}
