"""A person in several organizations: switching, what is repeated, erasure, export, and whose a purchase is."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from domain.organization import Organization
from tests.api.conftest import Member, member
from tests.api.household import (
    CAT,
    PASSWORD,
    id_of,
    invited,
    joined,
    logged_in,
    mails,
    members_of,
    prove,
    token_of,
)
from tests.api.people_engine import erased, refused


@pytest.fixture
def post(services) -> Any:
    """Call it with an address: the mails to it, oldest first."""
    return partial(mails, services)


def test_a_person_has_a_second_organization_and_switches(services, client, ann):
    prove(services, ann)
    session = logged_in(client, "ann@example.test")
    second = ann.client.post("/organizations", json={"name": "Side project"})
    assert second.status_code == 201 and second.json()["role"] == "owner"
    id = second.json()["organization_id"]
    refused(ann.client.get(f"/organizations/{id}"), 404, "not_found")  # the token speaks for the first one
    switched = client.post("/auth/switch", json={"refresh_token": session["refresh_token"], "organization_id": id})
    assert switched.json()["organization_id"] == id
    there = client.as_(switched.json()["access_token"])
    assert there.get(f"/organizations/{id}").json()["name"] == "Side project"
    assert there.get("/me").json()["company_name"] == "Side project"
    refused(there.get(f"/organizations/{ann.organization_id}"), 404, "not_found")
    refreshed = client.post("/auth/refresh", json={"refresh_token": switched.json()["refresh_token"]}).json()
    assert refreshed["organization_id"] == id
    assert logged_in(client, "ann@example.test", organization_id=id)["organization_id"] == id


def test_ones_own_organizations_come_in_pages(services, client, ann):
    prove(services, ann)
    for number in range(3):
        assert ann.client.post("/organizations", json={"name": f"No. {number}"}).status_code == 201
    first = ann.client.get("/organizations?limit=2").json()
    second = ann.client.get(f"/organizations?limit=2&after={first['next']}").json()
    names = [each["name"] for page in (first, second) for each in page["data"]]
    assert names == ["ann Ltd", "No. 0", "No. 1", "No. 2"] and second["next"] is None


def test_a_person_founds_nothing_before_the_address_is_proven(ann):
    refused(ann.client.post("/organizations", json={"name": "Second"}), 403, "email_not_verified")


def test_nobody_switches_or_logs_in_to_what_is_not_theirs(services, client, ann, bob):
    prove(services, ann)
    session, theirs = logged_in(client, "ann@example.test"), str(bob.organization_id)
    refused(
        client.post("/auth/switch", json={"refresh_token": session["refresh_token"], "organization_id": theirs}),
        404,
        "not_found",
    )
    body = {"email": "ann@example.test", "password": PASSWORD, "organization_id": theirs}
    refused(client.post("/auth/login", json=body), 404, "not_found")
    assert client.post("/auth/refresh", json={"refresh_token": session["refresh_token"]}).status_code == 200


def test_a_token_to_switch_with_is_used_up_by_it(services, client, ann):
    prove(services, ann)
    session = logged_in(client, "ann@example.test")
    body = {"refresh_token": session["refresh_token"], "organization_id": str(ann.organization_id)}
    assert client.post("/auth/switch", json=body).status_code == 200
    refused(client.post("/auth/switch", json=body), 401, "not_authenticated")


def test_an_answer_is_repeated_in_the_organization_only_in_which_it_was_given(services, client, ann):
    prove(services, ann)
    body, once = {"name": "ci", "scopes": ["audit"]}, {"Idempotency-Key": "k-1"}
    first = ann.client.post("/api-keys", json=body, headers=once).json()
    second = ann.client.post("/organizations", json={"name": "Second"}).json()["organization_id"]
    tokens = logged_in(client, "ann@example.test", organization_id=second)
    other = client.as_(tokens["access_token"]).post("/api-keys", json=body, headers=once).json()
    assert other["organization_id"] == second != first["organization_id"]


def test_who_may_not_act_any_more_is_not_given_what_was_answered_before(services, client, ann):
    cat = joined(services, client, ann, "developer")
    body, once = {"name": "ci", "scopes": ["licenses:read"]}, {"Idempotency-Key": "k-1"}
    assert cat.client.post("/api-keys", json=body, headers=once).status_code == 201
    ann.client.patch(f"{members_of(ann)}/{id_of(cat)}", json={"role": "viewer"})
    refused(cat.client.post("/api-keys", json=body, headers=once), 403, "not_allowed")


def test_a_name_of_the_company_is_changed_by_those_who_may(services, client, ann):
    viewer = joined(services, client, ann, "viewer")
    refused(viewer.client.patch("/me", json={"full_name": "X", "company_name": "Mine"}), 403, "not_allowed")
    assert viewer.client.get("/me").json()["full_name"] == "Cat", "nothing is half done"
    assert ann.client.patch("/me", json={"company_name": "Ann & Co"}).json()["company_name"] == "Ann & Co"
    assert viewer.client.patch("/me", json={"full_name": "Catherine"}).json()["company_name"] == "Ann & Co"
    assert ann.client.get(f"/organizations/{ann.organization_id}").json()["contact_name"] == "ann"


# erasure and export


def test_who_is_erased_leaves_every_organization_and_its_keys_stay(services, client, ann, post):
    cat = joined(services, client, ann, "admin")
    user_id = id_of(cat)
    post(CAT)
    key = cat.client.post("/api-keys", json={"name": "ci", "scopes": ["licenses:read"]}).json()
    ann.client.patch(f"/organizations/{ann.organization_id}", json={"contact_user_id": user_id})
    erased(services, cat.client)
    refused(cat.client.get("/me"), 401, "not_authenticated")
    assert [each["email"] for each in ann.client.get(members_of(ann)).json()["data"]] == ["ann@example.test"]
    assert client.as_(key["secret"]).get("/licenses").status_code == 200
    assert UUID(user_id) not in services.store.fetch(Organization, ann.organization_id).members
    for table in ("people", "organization_contacts", "invitations", "mails", "caught_mails"):
        assert "cat@" not in str(services.database.fetch_all(f"select * from {table}")), table


def test_an_owner_of_others_hands_over_before_being_erased(services, client, ann):
    cat = joined(services, client, ann, "admin")
    error = refused(ann.client.delete("/me"), 409, "last_owner")
    assert error["details"] == {"organizations": [str(ann.organization_id)]}
    assert ann.client.get("/me").status_code == 200, "nothing is half done"
    body = {"user_id": id_of(cat)}
    assert ann.client.post(f"/organizations/{ann.organization_id}/transfer-ownership", json=body).status_code == 200
    erased(services, ann.client)


def test_who_alone_could_end_a_running_subscription_ends_it_first(services, shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    caught_up()
    error = refused(ann.client.delete("/me"), 409, "subscriptions_running")
    assert len(error["details"]["subscriptions"]) == 1
    shop.account.cancel(reference)
    shop.deliver()
    caught_up()
    erased(services, ann.client)


def test_an_export_says_where_the_person_is_a_member_and_shows_keys_of_the_own_ones_only(services, client, ann):
    cat = joined(services, client, ann, "developer")
    cat.client.post("/api-keys", json={"name": "of ann", "scopes": ["licenses:read"]})
    cats = cat.client.post("/organizations", json={"name": "Cats"}).json()["organization_id"]
    export = cat.client.get("/me/export").json()
    assert {each["organization_id"]: each["role"] for each in export["memberships"]} == {
        str(ann.organization_id): "developer",
        cats: "owner",
    }
    assert export["api_keys"] == [] and export["invitations"] == []
    dan = member(services, client, "dan")
    invited(dan, CAT, "viewer")
    [invitation] = cat.client.get("/me/export").json()["invitations"]
    assert (invitation["organization_id"], invitation["role"]) == (str(dan.organization_id), "viewer")
    assert export["sessions"][0]["organization_id"] == str(ann.organization_id)


# purchases


def test_what_was_bought_with_the_address_of_a_guest_becomes_the_guests_own(services, client, shop, ann, post):
    """And not the inviting organization's: who owns none becomes the owner of the one that the purchase made."""
    shop.account.checkout(price="price_coditect_pro_monthly", email=CAT, name="Cat")
    shop.deliver()
    cat = joined(services, client, ann, "viewer")
    post(CAT)
    mine = cat.client.get("/organizations").json()["data"]
    assert [each["role"] for each in mine] == ["viewer", "owner"]
    own = mine[1]["organization_id"]
    there = client.as_(logged_in(client, CAT, organization_id=own)["access_token"])
    [licence] = services.database.fetch_all("select distinct (state->>'organization_id') as id from stored_events"
                                            " where topic = 'license.issued'")  # fmt: skip
    assert licence["id"] == own
    assert there.get("/me").json()["role"] == "owner"
    assert services.organizations.of_verified_address(CAT) == UUID(own), "later purchases go there too"


def test_what_a_guest_buys_later_is_the_guests_own_too(services, client, shop, ann, post):
    cat = joined(services, client, ann, "admin")
    shop.account.checkout(price="price_coditect_pro_monthly", email=CAT, name="Cat")
    shop.deliver()
    post(CAT)
    assert [each["role"] for each in cat.client.get("/organizations").json()["data"]] == ["admin", "owner"]


def test_what_was_bought_before_goes_to_the_organization_that_the_person_owns(services, client, shop, bob, ann, post):
    prove(services, bob)
    token = token_of(services, invited(ann, "bob@example.test", "admin"))
    bob.client.post("/invitations/accept", json={"token": token})
    shop.account.checkout(price="price_coditect_pro_monthly", email="bob@example.test", name="Bob")
    shop.deliver()
    owners = services.database.fetch_all(
        "select distinct (state->>'organization_id') as id from stored_events where topic = 'license.issued'"
    )
    assert owners == [{"id": str(bob.organization_id)}]


def test_a_customer_whom_the_vendor_has_let_in_does_not_lose_it_to_an_address(services, client, shop, admin, post):
    """The one who pays is not the one who manages: the vendor invites the manager to what the payment made."""
    shop.account.checkout(price="price_coditect_pro_monthly", email="payer@example.test", name="Payer")
    shop.deliver()
    [made] = admin.get("/admin/organizations?q=payer@").json()["data"]
    managed = Member(UUID(made["id"]), admin)
    cat = joined(services, client, managed, "owner")
    payer = member(services, client, "payer")
    prove(services, payer)
    post("payer@example.test")
    shop.account.checkout(price="price_coditect_pro_monthly", email="payer@example.test", name="Payer")
    shop.deliver()
    assert services.store.fetch(Organization, managed.organization_id).merged_into is None
    assert cat.client.get("/me").json()["role"] == "owner"
