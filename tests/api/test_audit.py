"""The audit over HTTP: contract §11."""

from __future__ import annotations

import csv
import io
import json
from uuid import UUID, uuid4

import pytest

from api.app import create_app
from domain.api_key import Scope
from domain.ids import plan_id
from domain.license import License
from domain.organization import Organization
from tests.api.people_engine import Client, refused
from tests.history_world import START, at, changed, follow, leave, licensed, sit

FIELDS = {
    "position",
    "stream",
    "stream_id",
    "version",
    "type",
    "occurred_at",
    "actor",
    "cause",
    "sentence",
    "data",
}


def key(services, *scopes: Scope, organization_id: UUID | None = None) -> str:
    return services.api_keys.issue(name="auditor", scopes=scopes, organization_id=organization_id).secret


@pytest.fixture
def story(services) -> License:
    """Somebody sits on a licence and leaves; then it is suspended."""
    license = licensed(services)
    sit(services, license, 1, "anna's machine", minute=1)
    leave(services, license, 1, minute=2)
    changed(services, license, "suspend", minute=3)
    follow(services)
    return license


@pytest.fixture
def auditor(services) -> Client:
    """The vendor's."""
    client = Client(create_app(services), key(services, Scope.ADMIN))
    follow(services)
    return client


def test_events_come_in_log_order_with_a_sentence_each(auditor, story):
    answer = auditor.get("/audit/events?limit=100")
    assert answer.status_code == 200
    events = answer.json()["data"]
    assert [event["type"] for event in events] == [
        "api_key.issued",
        "license.issued",
        "seat.session_opened",
        "seat.session_closed",
        "license.suspended",
    ]
    assert all(set(event) == FIELDS for event in events)
    assert events[2]["occurred_at"] == "2027-01-01T00:01:00Z"
    assert events[2]["sentence"] == f"Seat 1 of licence …{story.id.hex[-8:]} was taken"
    assert answer.json()["next"] is None
    assert answer.headers["X-Log-Position"] == "5"


def test_pages_join_without_a_gap(auditor, story):
    first = auditor.get("/audit/events?limit=3").json()
    second = auditor.get(f"/audit/events?limit=3&after={first['next']}").json()
    assert [event["position"] for event in first["data"] + second["data"]] == [1, 2, 3, 4, 5]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("stream=seat", ["seat.session_opened", "seat.session_closed"]),
        ("type=license.suspended", ["license.suspended"]),
        ("stream=license&since=2027-01-01T00:03:00Z", ["license.suspended"]),
        ("stream=license&until=2027-01-01T00:03:00Z", ["license.issued"]),
        ("stream=starship", []),
    ],
)
def test_filters_narrow(auditor, story, query, types):
    assert [event["type"] for event in auditor.get(f"/audit/events?{query}").json()["data"]] == types


def test_one_stream_and_one_organization_can_be_asked_for(auditor, story, services):
    licensed(services)
    follow(services)
    by_stream = auditor.get(f"/audit/events?stream_id={story.id}").json()["data"]
    assert [event["version"] for event in by_stream] == [1, 2]
    by_owner = auditor.get(f"/audit/events?organization_id={story.organization_id}").json()["data"]
    assert len(by_owner) == 4


@pytest.mark.parametrize(
    "query",
    [
        "stream=%00",
        "stream_id=7",
        "type=license",
        "since=yesterday",
        "since=2027-01-01T00:00:00",
        "after=x",
        "limit=1000",
    ],
)
def test_a_query_that_makes_no_sense_is_refused(auditor, query):
    refused(auditor.get(f"/audit/events?{query}"), 422, "invalid_request")


# --- whose events ---


def test_a_customers_key_sees_its_own_organization_only(auditor, story, services):
    stranger = licensed(services)
    own = key(services, Scope.AUDIT, organization_id=story.organization_id)
    follow(services)
    customer = auditor.as_(own)
    seen = customer.get("/audit/events?limit=100").json()["data"]
    assert {event["type"] for event in seen} == {
        "license.issued",
        "seat.session_opened",
        "seat.session_closed",
        "license.suspended",
        "api_key.issued",
    }
    assert str(stranger.id) not in str(seen)
    assert customer.get(f"/audit/events?stream_id={stranger.id}").json()["data"] == []
    refused(customer.get(f"/audit/events?organization_id={stranger.organization_id}"), 404, "not_found")
    refused(customer.get(f"/audit/export?organization_id={stranger.organization_id}"), 404, "not_found")
    assert str(stranger.id) not in customer.get("/audit/export").text


def test_a_customers_key_sees_its_own_aggregates_only(auditor, story, services):
    stranger = licensed(services)
    services.store.add(Organization.register(id=story.organization_id, now=START))
    customer = auditor.as_(key(services, Scope.AUDIT, organization_id=story.organization_id))
    assert customer.get(f"/audit/license/{story.id}").status_code == 200
    assert customer.get(f"/audit/organization/{story.organization_id}").status_code == 200
    refused(customer.get(f"/audit/license/{stranger.id}"), 404, "not_found")
    refused(customer.get(f"/audit/plan/{plan_id('pro')}"), 404, "not_found")


def test_who_got_a_licence_later_sees_all_of_its_past(auditor, story, services):
    heir = uuid4()
    services.store.change(License, story.id, lambda each: each.transfer(heir, now=at(5)))
    client = auditor.as_(key(services, Scope.AUDIT, organization_id=heir))
    assert client.get(f"/audit/license/{story.id}?version=1").status_code == 200
    former = auditor.as_(key(services, Scope.AUDIT, organization_id=story.organization_id))
    assert former.get(f"/audit/license/{story.id}?version=1").status_code == 200
    refused(former.get(f"/audit/license/{story.id}"), 404, "not_found")


@pytest.mark.parametrize("path", ["/audit/events", "/audit/export", "/audit/verify", f"/audit/license/{UUID(int=7)}"])
def test_nobody_looks_without_the_scope(auditor, services, path):
    refused(auditor.as_(None).get(path), 401, "not_authenticated")
    other = key(services, Scope.LICENSES_READ, organization_id=uuid4())
    refused(auditor.as_(other).get(path), 403, "not_allowed")


# --- as it was ---


def test_a_licence_is_shown_as_it_was(auditor, story):
    before = auditor.get(f"/audit/license/{story.id}?at=2027-01-01T00:02:59Z").json()
    assert set(before) == {"state", "version", "position", "events"}
    assert (before["version"], before["position"], before["state"]["status"]) == (1, 2, "active")
    now = auditor.get(f"/audit/license/{story.id}").json()
    assert (now["version"], now["position"], now["state"]["status"]) == (2, 5, "suspended")
    assert [event["type"] for event in now["events"]] == ["license.issued", "license.suspended"]
    assert all(set(event) == FIELDS for event in now["events"])
    assert auditor.get(f"/audit/license/{story.id}?version=1").json()["state"] == before["state"]
    assert auditor.get(f"/audit/license/{story.id}?position=4").json()["state"] == before["state"]


@pytest.mark.parametrize("moment", ["at=2026-12-31T23:59:59Z", "version=3", "position=1"])
def test_what_did_not_exist_then_is_not_found(auditor, story, moment):
    refused(auditor.get(f"/audit/license/{story.id}?{moment}"), 404, "not_found")


@pytest.mark.parametrize(
    "moment",
    ["at=tuesday", "at=2027-01-01T00:00:00", "version=0", "version=99999999999999999999", "version=1&position=1"],
)
def test_a_moment_that_makes_no_sense_is_refused(auditor, story, moment):
    refused(auditor.get(f"/audit/license/{story.id}?{moment}"), 422, "invalid_request")


@pytest.mark.parametrize("path", ["license/7", f"License%20/{UUID(int=7)}"])
def test_an_aggregate_that_cannot_be_is_refused(auditor, path):
    refused(auditor.get(f"/audit/{path}"), 422, "invalid_request")


# --- export ---


def test_an_export_of_json_lines_holds_what_the_list_holds(auditor, story):
    answer = auditor.get("/audit/export?stream=license")
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert "usher-events.jsonl" in answer.headers["Content-Disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines == auditor.get("/audit/events?stream=license").json()["data"]


def test_an_export_of_csv_has_a_header_and_a_line_an_event(auditor, story):
    answer = auditor.get("/audit/export?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert set(rows[0]) == FIELDS
    assert [row["position"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert rows[4]["sentence"] == "The vendor suspended the licence: the story wants it"
    assert json.loads(rows[4]["data"]) == {"reason": "the story wants it"}
    assert rows[2]["occurred_at"] == "2027-01-01T00:01:00Z"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_cell_that_a_spreadsheet_would_run_is_defused(auditor, story, services, start):
    services.database.execute("update audit_index set cause = %s where position = 5", (f"{start}cmd()",))
    rows = list(csv.DictReader(io.StringIO(auditor.get("/audit/export?format=csv").text)))
    assert rows[4]["cause"] == f"'{start}cmd()"
    assert rows[3]["cause"] == ""


def test_an_export_that_nobody_can_give_is_refused(auditor):
    refused(auditor.get("/audit/export?format=xlsx"), 422, "invalid_request")


# --- verification ---


def test_the_last_verification_is_shown(auditor, story, services):
    error = refused(auditor.get("/audit/verify"), 404, "not_found")
    assert "usher events verify" in error["message"]
    sit(services, story, 1, "ben's machine", minute=5)
    follow(services)
    services.verification.run()
    shown = auditor.get("/audit/verify").json()
    assert (shown["events"], shown["over_limit"], shown["ok"]) == (6, 1, False)
    assert shown["finished_at"].endswith("Z")
    assert shown["findings"][0]["kind"] == "over_limit"
    assert shown["findings"][0]["position"] == 6


def test_a_customer_is_told_the_counts_but_not_whom_they_are_about(auditor, story, services):
    sit(services, story, 1, "ben's machine", minute=5)
    follow(services)
    services.verification.run()
    customer = auditor.as_(key(services, Scope.AUDIT, organization_id=uuid4()))
    shown = customer.get("/audit/verify").json()
    assert (shown["over_limit"], shown["findings"]) == (1, [])
