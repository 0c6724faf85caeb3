"""Members from the outside: roles that count at once, removal, leaving, handing over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from api.app import create_app
from domain.organization import Organization
from domain.role import Role
from tests.api.household import (
    CAT,
    id_of,
    joined,
    logged_in,
    mails,
    members_of,
    recalls,
    wait_for,
)
from tests.api.people_engine import Client, people_engine, refused


@pytest.fixture
def post(services) -> Any:
    """Call it with an address: the mails to it, oldest first."""
    return partial(mails, services)


def test_another_role_counts_at_once_for_a_token_that_is_out(services, client, ann, post):
    cat = joined(services, client, ann, "developer")
    address, key = f"{members_of(ann)}/{id_of(cat)}", {"name": "ci", "scopes": ["licenses:read"]}
    assert cat.client.post("/api-keys", json=key).status_code == 201
    assert ann.client.patch(address, json={"role": "viewer"}).json()["role"] == "viewer"
    error = refused(cat.client.post("/api-keys", json=key), 403, "not_allowed")
    assert error["details"] == {"role": "viewer", "needed": "developer"}
    assert ann.client.patch(address, json={"role": "admin"}).status_code == 200
    assert cat.client.post("/api-keys", json=key).status_code == 201
    assert [mail.subject for mail in post(CAT)][-1] == "Your role in ann Ltd has changed"


def test_who_is_removed_is_out_at_once_and_logs_in_again_for_nothing(services, client, ann, post):
    cat = joined(services, client, ann)
    session = logged_in(client, CAT)
    address = f"{members_of(ann)}/{id_of(cat)}"
    assert ann.client.delete(address).status_code == 204
    refused(ann.client.delete(address), 404, "not_found")
    refused(cat.client.get("/licenses"), 401, "not_authenticated")
    refused(client.post("/auth/refresh", json={"refresh_token": session["refresh_token"]}), 401, "not_authenticated")
    assert post(CAT)[-1].subject == "You are no longer a member of ann Ltd"
    again = logged_in(client, CAT)
    assert again["organization_id"] is None
    nowhere = client.as_(again["access_token"])
    assert nowhere.get("/me").json()["role"] is None
    assert nowhere.get("/organizations").json()["data"] == []
    refused(nowhere.get("/licenses"), 403, "not_allowed")
    refused(nowhere.get(f"/organizations/{ann.organization_id}"), 404, "not_found")


def test_a_removal_in_one_process_is_known_in_all_others(services, client, ann):
    """Another process has the membership in its memory, and is told by PostgreSQL."""
    cat = joined(services, client, ann)
    with people_engine(services.settings) as others:
        elsewhere = Client(create_app(others), cat.client._bearer)
        wait_for(lambda: elsewhere.get("/licenses").status_code == 200 and recalls(others, cat, id_of(cat)))
        assert ann.client.delete(f"{members_of(ann)}/{id_of(cat)}").status_code == 204
        wait_for(lambda: elsewhere.get("/licenses").status_code == 401)


def test_a_warm_request_asks_no_database_who_is_a_member(services, ann, monkeypatch):
    user_id = id_of(ann)
    wait_for(lambda: ann.client.get("/me").status_code == 200 and recalls(services, ann, user_id))
    monkeypatch.setattr(services.memberships, "role_of", lambda *_: pytest.fail("the database was asked"))
    assert ann.client.get("/me").json()["role"] == "owner"


def test_an_admin_manages_members_but_no_owner(services, client, ann):
    admin = joined(services, client, ann, "admin")
    dan = joined(services, client, ann, "viewer", "dan@example.test")
    anns, dans = f"{members_of(ann)}/{id_of(ann)}", f"{members_of(ann)}/{id_of(dan)}"
    assert admin.client.patch(dans, json={"role": "admin"}).status_code == 200
    assert admin.client.delete(dans).status_code == 204
    for attempt in (
        admin.client.patch(anns, json={"role": "viewer"}),
        admin.client.delete(anns),
        admin.client.post(members_of(ann), json={"email": "eve@example.test", "role": "owner"}),
        admin.client.post(f"/organizations/{ann.organization_id}/transfer-ownership", json={"user_id": id_of(admin)}),
    ):
        refused(attempt, 403, "not_allowed")


def test_a_key_manages_members_as_an_admin_does(services, client, ann):
    cat = joined(services, client, ann, "viewer")
    key = ann.client.post("/api-keys", json={"name": "hr", "scopes": ["members:read", "members:write"]}).json()
    program = client.as_(key["secret"])
    assert len(program.get(members_of(ann)).json()["data"]) == 2
    assert program.patch(f"{members_of(ann)}/{id_of(cat)}", json={"role": "admin"}).status_code == 200
    refused(program.patch(f"{members_of(ann)}/{id_of(cat)}", json={"role": "owner"}), 403, "not_allowed")
    invitation = program.post(members_of(ann), json={"email": "dan@example.test", "role": "viewer"}).json()
    assert invitation["invited_by"] is None


def test_the_vendor_helps_an_organization_whose_owner_is_gone(services, client, ann, admin):
    cat = joined(services, client, ann, "viewer")
    assert admin.patch(f"{members_of(ann)}/{id_of(cat)}", json={"role": "owner"}).json()["role"] == "owner"
    assert admin.delete(f"{members_of(ann)}/{id_of(ann)}").status_code == 204
    assert cat.client.get("/me").json()["role"] == "owner"


def test_the_last_owner_stays(services, client, ann):
    joined(services, client, ann, "admin")
    anns = f"{members_of(ann)}/{id_of(ann)}"
    for attempt in (
        ann.client.post(f"/organizations/{ann.organization_id}/leave"),
        ann.client.delete(anns),
        ann.client.patch(anns, json={"role": "viewer"}),
    ):
        refused(attempt, 409, "last_owner")


def test_of_two_owners_who_remove_each_other_at_once_one_stays(services, client, ann):
    cat = joined(services, client, ann, "owner")
    attempts = [(ann, id_of(cat)), (cat, id_of(ann))]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda each: each[0].client.delete(f"{members_of(ann)}/{each[1]}"), attempts))
    assert 204 in {answer.status_code for answer in answers}
    members = services.store.fetch(Organization, ann.organization_id).members
    assert list(members.values()) == [Role.OWNER]
    rows = services.database.fetch_all("select user_id from memberships")
    assert [row["user_id"] for row in rows] == list(members)


# handing over and leaving


def test_an_owner_hands_over_and_may_leave_then(services, client, ann, post):
    cat = joined(services, client, ann, "developer")
    address = f"/organizations/{ann.organization_id}"
    answer = ann.client.post(f"{address}/transfer-ownership", json={"user_id": id_of(cat)})
    assert answer.json()["role"] == "owner"
    assert ann.client.get("/me").json()["role"] == "admin"
    assert post(CAT)[-1].subject == "You are the owner of ann Ltd now"
    assert post("ann@example.test")[-1].subject == "You handed ann Ltd over"
    assert cat.client.get(address).json()["email"] == CAT, "bills and keys go to the new owner"
    assert ann.client.post(f"{address}/leave").status_code == 204
    refused(ann.client.get("/licenses"), 401, "not_authenticated")


def test_mails_go_to_an_owner_when_the_one_they_went_to_is_gone(services, client, ann):
    cat = joined(services, client, ann, "admin")
    address = f"/organizations/{ann.organization_id}"
    assert ann.client.patch(address, json={"contact_user_id": id_of(cat)}).json()["email"] == CAT
    refused(ann.client.patch(address, json={"contact_user_id": str(uuid4())}), 404, "not_found")
    assert cat.client.post(f"{address}/leave").status_code == 204
    assert ann.client.get(address).json()["email"] == "ann@example.test"


def test_an_address_that_the_provider_knows_stays_whoever_leaves(services, client, ann):
    cat = joined(services, client, ann, "admin")
    own = ann.organization_id
    rows = services.organizations.put_on_file(own, email="bills@ann.test", name=None, now=services.clock.now())
    services.store.put(rows=rows)
    assert cat.client.post(f"/organizations/{own}/leave").status_code == 204
    assert ann.client.get(f"/organizations/{own}").json()["email"] == "bills@ann.test"
