"""The second wall: with the application's checks taken away, PostgreSQL still shows a tenant its own rows only."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.walled import ROLE, Walled
from api.auth import Caller
from domain.api_key import OWNER_SCOPES
from domain.license import License
from domain.limit import LimitPeriod
from domain.meter import Aggregation
from domain.overage import Overage, OverageTerms
from domain.policy_book import Demand, Party, PolicyVersion
from projections.all import READ_MODELS
from projections.rebuild import rebuild
from tests.api.conftest import Member
from tests.api.household import invited, joined
from tests.api.people_engine import Client
from tests.api.test_tenants import anns, asked, fill, strangers  # noqa: F401  (a fixture)

LISTS = ("/licenses", "/subscriptions", "/invoices", "/api-keys", "/usage/overages", "/audit/events", "/audit/export")


@pytest.fixture
def unchecked(monkeypatch) -> None:
    """An application that has forgotten to ask whose anything is."""
    monkeypatch.setattr(Caller, "must_see", lambda *_: None)
    monkeypatch.setattr(Caller, "narrow", lambda _, organization_id: organization_id)


@pytest.fixture
def everything(services, client, ann, anns, caught_up) -> dict[str, str]:  # noqa: F811
    """Ann's ids, with members, an open invitation and names on a list; the read models know all of it."""
    joined(services, client, ann, "admin", "eve@example.test")
    invited(ann, "dan@example.test")
    rules = {"include": {"users": ["zoe@example.test"]}, "reason": "hers"}
    assert ann.client.call("PUT", f"/licenses/{anns['license_id']}/seat-rules", json=rules).status_code == 200
    assert ann.client.post("/billing/portal", json={}).status_code == 200
    processing = PolicyVersion("1", "Data processing", "https://vendor.test/dpa", Demand.REQUIRED)
    services.policies.publish("dpa", Party.ORGANIZATION, processing)
    assert ann.client.post("/me/consents", json={"policy": "dpa", "version": "1"}).status_code == 200
    services.store.put(overage_of(ann.organization_id, services.clock.now()))
    caught_up()
    return anns


def overage_of(organization_id: UUID, now: datetime) -> Overage:
    """More was used than is included."""
    return Overage.begin_period(
        id=uuid4(),
        organization_id=organization_id,
        meter="calls",
        aggregation=Aggregation.SUM,
        per=LimitPeriod.DAY,
        period=(now, now + timedelta(days=1)),
        closes_at=now + timedelta(days=2),
        terms=OverageTerms("cloud", "pro", 10, Decimal("0.25"), "usd", None),
        now=now,
    )


def answers(caller: Client, client: Client, ids: dict[str, str], organization_id: UUID) -> dict[str, Any]:
    """What a stranger is answered to everything, by its address."""
    heard = {f"{method} {path}": asked(caller, method, fill(path, ids)) for method, path in strangers(client)}
    for path in LISTS:
        heard[path] = caller.get(path)
        heard[f"{path} of hers"] = caller.get(path, params={"organization_id": str(organization_id)})
    heard["the past"] = caller.get(f"/audit/license/{ids['license_id']}")
    heard["the history of a stream"] = caller.get(f"/audit/events?stream_id={ids['license_id']}")
    heard["a key for her"] = caller.post(
        "/api-keys", json={"name": "x", "scopes": ["licenses:read"], "organization_id": str(organization_id)}
    )
    heard["a guest for her"] = caller.post(
        f"/organizations/{organization_id}/members", json={"email": "spy@example.test", "role": "viewer"}
    )
    heard["a name for her"] = caller.patch(f"/organizations/{organization_id}", json={"name": "Mine"})
    return heard


def leaks(heard: dict[str, Any], ids: dict[str, str], organization_id: UUID) -> list[str]:
    """Answers that say more than the caller said itself."""
    hers = [*ids.values(), str(organization_id), "@example.test", "ann Ltd"]
    found = []
    for address, response in heard.items():
        assert response.status_code < 500, (address, response.text)
        text = response.text
        if response.status_code >= 400:
            text = json.dumps(response.json()["error"].get("details", ""))
        if any(each in text for each in hers):
            found.append(f"{address}: {response.status_code} {text[:120]}")
    return found


def test_without_its_own_checks_the_application_still_shows_nothing_of_another_tenant(
    services, client, ann, bob, everything, unchecked
):
    heard = answers(bob.client, client, everything, ann.organization_id)
    mine = {"GET /organizations/{organization_id}"}
    assert leaks(heard, everything, ann.organization_id) == []
    refused = {address for address, response in heard.items() if response.status_code == 404}
    assert {
        *mine,
        "GET /licenses/{license_id}",
        "GET /licenses/{license_id}/sessions",
        "GET /subscriptions/{subscription_id}",
        "GET /invoices/{invoice_id}",
        "POST /api-keys/{key_id}/rotate",
        "DELETE /licenses/{license_id}/machines/{fingerprint_digest}",
        "DELETE /organizations/{organization_id}/members/{user_id}",
        "the past",
        "a key for her",
        "a guest for her",
        "a name for her",
    } <= refused
    assert ann.client.get(f"/licenses/{everything['license_id']}").status_code == 200
    assert ann.client.get(f"/organizations/{ann.organization_id}").json()["name"] == "ann Ltd"


def test_a_program_of_another_tenant_stands_before_the_same_wall(services, client, ann, bob, everything, unchecked):
    key = services.api_keys.issue(name="x", scopes=OWNER_SCOPES, organization_id=bob.organization_id)
    heard = answers(client.as_(key.secret), client, everything, ann.organization_id)
    assert leaks(heard, everything, ann.organization_id) == []


def test_the_test_would_notice_if_there_were_no_wall(services, client, ann, bob, everything, unchecked, monkeypatch):
    monkeypatch.setattr(Walled, "confine", lambda *_: None)
    heard = answers(bob.client, client, everything, ann.organization_id)
    assert len(leaks(heard, everything, ann.organization_id)) >= 10


def test_inside_the_wall_everything_of_ones_own_is_there(services, client, ann, everything):
    heard = {path: ann.client.get(path) for path in LISTS}
    assert all(response.status_code == 200 and response.text for response in heard.values())
    assert len(heard["/licenses"].json()["data"]) == 2
    past = ann.client.get(f"/audit/license/{everything['license_id']}").json()
    assert past["state"]["organization_id"] == str(ann.organization_id)


def test_what_was_just_issued_is_there_before_any_read_model_knows_it(services, shop, ann):
    issued = services.licenses.issue(ann.organization_id, "pro", seats=None, expires_at=None).license
    body = {"include": {"users": ["zoe"]}, "reason": "hers"}
    rules = ann.client.call("PUT", f"/licenses/{issued.id}/seat-rules", json=body)
    assert rules.status_code == 200, rules.text
    assert rules.json()["include"]["users"][0]["name"] == "zoe"


def test_a_licence_that_went_over_shows_its_sessions_to_the_new_owner(services, ann, bob, everything, caught_up):
    [row] = services.database.fetch_all("select license_id from seat_sessions")
    license_id, now = row["license_id"], services.clock.now()
    services.store.change(License, license_id, lambda each: each.transfer(bob.organization_id, now=now))
    caught_up()
    sessions = bob.client.get(f"/licenses/{license_id}/sessions").json()["data"]
    assert len(sessions) == 1 and bob.client.get("/licenses").json()["data"][0]["seats"]["used"] == 1
    events = ann.client.get(f"/audit/events?stream_id={license_id}").json()["data"]
    assert events[0]["type"] == "license.issued", "her own past stays hers"
    assert "license.transferred" not in [each["type"] for each in events]


# in the database itself


def as_tenant(services, organization_id: UUID | None, sql: str) -> list[Any]:
    with psycopg.connect(services.database.url) as connection:
        connection.execute(f"set local role {ROLE}")
        if organization_id:
            connection.execute("select set_config('usher.organization', %s, true)", (str(organization_id),))
        return connection.execute(sql).fetchall()


def tables(services, which: str) -> set[str]:
    return {row["name"] for row in services.database.fetch_all(which)}


WITH_THE_COLUMN = """
    select c.table_name as name from information_schema.columns c join information_schema.tables t using (table_name)
    where c.table_schema = 'public' and t.table_schema = 'public' and c.column_name = 'organization_id'"""
WALLED = "select relname as name from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace"
GRANTED = f"""
    select distinct table_name as name from information_schema.column_privileges
    where grantee = '{ROLE}' and privilege_type = 'SELECT'"""


def test_every_table_that_says_whose_its_rows_are_has_the_wall(services):
    assert tables(services, WITH_THE_COLUMN) - tables(services, WALLED) == set()


def test_a_tenant_is_granted_nothing_that_is_not_walled_but_how_far_the_read_models_are(services):
    assert tables(services, GRANTED) - tables(services, WALLED) == {
        *("follower_positions", "process_beats", "usage_rollup")
    }


def test_a_tenant_sees_its_own_rows_and_nobody_all_of_them(services, ann, bob, everything, caught_up):
    caught_up()
    for table in (tables(services, GRANTED) & tables(services, WITH_THE_COLUMN)) - {"people", "users"}:
        everybodys = services.database.fetch_all(f"select organization_id from {table}")
        for own in (ann.organization_id, bob.organization_id, uuid4()):
            seen = [row[0] for row in as_tenant(services, own, f"select organization_id from {table}")]
            assert sorted(seen) == sorted(row["organization_id"] for row in everybodys if row["organization_id"] == own)
        assert as_tenant(services, None, f"select organization_id from {table}") == []
        assert everybodys or table == "webhook_feeds", table  # its follower does not run here


def test_a_tenant_sees_the_people_who_are_its_members(services, ann, bob, everything):
    seen = as_tenant(services, ann.organization_id, "select email from people order by email")
    assert seen == [("ann@example.test",), ("eve@example.test",)]
    assert as_tenant(services, bob.organization_id, "select email from people") == [("bob@example.test",)]
    assert as_tenant(services, None, "select email from people") == []


def test_a_tenant_reads_the_log_through_the_doors_only(services, ann, bob, everything):
    license_id = everything["license_id"]
    for sql in ("select 1 from stored_events", "select password_hash from people", "select digest from api_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenant(services, ann.organization_id, sql)
    for door in ("own_stream", "past_stream"):
        sql = f"select topic from {door}('{license_id}')"
        assert as_tenant(services, ann.organization_id, sql)
        assert as_tenant(services, bob.organization_id, sql) == as_tenant(services, None, sql) == []
    [(position,)] = as_tenant(
        services, ann.organization_id, f"select max(notification_id) from past_stream('{license_id}')"
    )
    said = f"select at from audited_states(array[{position}::bigint])"
    assert as_tenant(services, ann.organization_id, said) == [(position,)]
    assert as_tenant(services, bob.organization_id, said) == as_tenant(services, None, said) == []


def test_a_tenant_writes_nothing_in_its_own_name(services, ann):
    for sql in ("update licenses set seats = 99 returning 1", "delete from memberships returning 1"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_tenant(services, ann.organization_id, sql)


def test_the_wall_stands_after_every_rebuild(services, ann, everything):
    for kind in READ_MODELS:
        rebuild(services.database.url, services.codec.to_domain_event, kind(), lambda *_: None)
    assert tables(services, WITH_THE_COLUMN) - tables(services, WALLED) == set()
    assert len(as_tenant(services, ann.organization_id, "select 1 from licenses")) == 2
    assert as_tenant(services, uuid4(), "select 1 from licenses") == []
    assert len(ann.client.get("/licenses").json()["data"]) == 2


def test_the_confinement_ends_with_the_request_and_its_transaction(services, ann: Member, admin):
    assert ann.client.get("/licenses").status_code == 200
    with services.unwalled.connection() as connection:
        found = connection.execute("select current_user as who, current_setting('usher.organization', true) as of")
        row = found.fetchone()
    assert row and row["who"] != ROLE and not row["of"]
    assert services.database.confined_to is None
    assert admin.get("/admin/overview").status_code == 200
