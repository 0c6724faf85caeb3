"""Invitations from the outside: by mail, single use, seven days; accepted over the API and on the page."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.household import (
    CAT,
    PASSWORD,
    invited,
    joined,
    logged_in,
    mails,
    members_of,
    prove,
    token_of,
)
from tests.api.people_engine import refused


@pytest.fixture
def post(services) -> Any:
    """Call it with an address: the mails to it, oldest first."""
    return partial(mails, services)


def test_who_is_invited_by_mail_registers_through_it_and_is_a_member(services, client, ann, post):
    invitation = invited(ann)
    assert (invitation["role"], invitation["email"]) == ("developer", CAT)
    [mail] = post(CAT)
    assert "ann@example.test" in mail.text and "developer" in mail.text
    link = urlsplit(mail.text[mail.text.index("http") :].split()[0])
    [token] = parse_qs(link.query)["token"]
    offer = client.get(f"/invitations?token={token}").json()
    assert (offer["organization_name"], offer["email"], offer["has_account"]) == ("ann Ltd", CAT, False)
    body = {"token": token, "password": PASSWORD, "full_name": "Cat Stevens"}
    made = client.post("/invitations/register", json=body)
    assert made.status_code == 201 and made.json()["organization_id"] == str(ann.organization_id)
    tokens = logged_in(client, CAT)
    assert tokens["organization_id"] == str(ann.organization_id)
    me = client.as_(tokens["access_token"]).get("/me").json()
    assert (me["role"], me["company_name"], me["email_verified"]) == ("developer", "ann Ltd", True)
    assert len(post(CAT)) == 1, "the address is proven: no other mail asks for it"
    everybody = ann.client.get(members_of(ann)).json()["data"]
    assert [(each["email"], each["role"]) for each in everybody] == [
        ("ann@example.test", "owner"),
        (CAT, "developer"),
    ]


def test_a_mail_to_an_unproven_address_says_nothing_that_somebody_typed(services, ann, post):
    ann.client.patch(f"/organizations/{ann.organization_id}", json={"name": "Win a prize at evil.example"})
    ann.client.patch("/me", json={"full_name": "Click evil.example"})
    invited(ann)
    [mail] = post(CAT)
    assert "evil" not in mail.text + mail.html + mail.subject


def test_who_has_an_account_accepts_with_it(services, client, ann, bob):
    prove(services, bob)
    token = token_of(services, invited(ann, "BOB@example.test", "viewer"))
    assert client.get(f"/invitations?token={token}").json()["has_account"] is True
    body = {"token": token, "password": PASSWORD, "full_name": "Bob"}
    refused(client.post("/invitations/register", json=body), 409, "email_taken")
    accepted = bob.client.post("/invitations/accept", json={"token": token})
    assert accepted.json() == {"organization_id": str(ann.organization_id), "role": "viewer"}
    mine = bob.client.get("/organizations").json()["data"]
    assert [(each["name"], each["role"]) for each in mine] == [("bob Ltd", "owner"), ("ann Ltd", "viewer")]


def test_an_invitation_is_for_its_address_only_and_needs_it_to_be_proven(services, client, ann, bob):
    theirs, own = token_of(services, invited(ann)), token_of(services, invited(ann, "bob@example.test"))
    refused(bob.client.post("/invitations/accept", json={"token": theirs}), 403, "not_allowed")
    refused(bob.client.post("/invitations/accept", json={"token": own}), 403, "email_not_verified")
    prove(services, bob)
    assert bob.client.post("/invitations/accept", json={"token": own}).status_code == 200
    assert ann.client.get(members_of(ann)).json()["data"][1]["email"] == "bob@example.test"


def test_an_invitation_works_once(services, client, ann):
    token = token_of(services, invited(ann))
    body = {"token": token, "password": PASSWORD, "full_name": "Cat"}
    assert client.post("/invitations/register", json=body).status_code == 201
    refused(client.post("/invitations/register", json=body), 400, "signature_invalid")
    refused(client.get(f"/invitations?token={token}"), 400, "signature_invalid")


@pytest.mark.parametrize("ending", ["withdrawn", "replaced", "out of date", "altered"])
def test_a_link_that_has_ended_opens_nothing(services, client, ann, post, ending):
    invitation = invited(ann)
    token = token_of(services, invitation)
    if ending == "withdrawn":
        address = f"/organizations/{ann.organization_id}/invitations/{invitation['id']}"
        assert ann.client.delete(address).status_code == 204
        refused(ann.client.delete(address), 404, "not_found")
        assert post(CAT) == []
    elif ending == "replaced":
        invited(ann, role="viewer")
        assert len(ann.client.get(f"/organizations/{ann.organization_id}/invitations").json()["data"]) == 1
    elif ending == "out of date":
        services.clock.advance(timedelta(days=7, seconds=1))
    else:
        token = token[:-3] + "abc"
    body = {"token": token, "password": PASSWORD, "full_name": "Cat"}
    refused(client.post("/invitations/register", json=body), 400, "signature_invalid")
    refused(client.get(f"/invitations?token={token}"), 400, "signature_invalid")


def test_open_invitations_are_listed_and_forgotten_when_they_are_out_of_date(services, ann):
    first, second = invited(ann), invited(ann, "dan@example.test", "viewer")
    shown = ann.client.get(f"/organizations/{ann.organization_id}/invitations?limit=1").json()
    assert shown["data"] == [first]
    after = ann.client.get(f"/organizations/{ann.organization_id}/invitations?after={shown['next']}").json()
    assert after == {"data": [second], "next": None}
    services.clock.advance(timedelta(days=8))
    assert services.retention.run()["invitations"] == 2
    assert services.database.fetch_all("select * from invitations") == []


def test_a_member_is_not_invited_again(services, client, ann):
    joined(services, client, ann)
    refused(ann.client.post(members_of(ann), json={"email": CAT.upper(), "role": "viewer"}), 409, "already_member")


@pytest.mark.parametrize(
    "body", [{"email": "nobody", "role": "viewer"}, {"email": CAT, "role": "king"}, {"email": CAT}]
)
def test_an_invitation_that_makes_no_sense_is_refused(ann, body):
    refused(ann.client.post(members_of(ann), json=body), 422, "invalid_request")


def test_one_mailbox_gets_few_invitations_a_day(ann):
    for _ in range(5):
        invited(ann)
    refused(ann.client.post(members_of(ann), json={"email": CAT, "role": "viewer"}), 429, "rate_limited")


def test_no_address_gets_into_the_log(services, client, ann):
    joined(services, client, ann)
    stored = services.database.fetch_all("select state::text as state from stored_events")
    assert all("example.test" not in row["state"] for row in stored)


def test_the_page_of_an_invitation_makes_a_member_of_somebody_new(services, client, ann):
    token = token_of(services, invited(ann))
    page = client.get(f"//invitation?token={token}")
    assert page.status_code == 200 and "Join ann Ltd" in page.text and "Your name" in page.text
    fields = {"token": token, "full_name": "Cat", "password": "qwerty123"}
    weak = client.post("//invitation", data=fields)
    assert weak.status_code == 422 and "most common" in weak.text
    nameless = client.post("//invitation", data=fields | {"full_name": " "})
    assert nameless.status_code == 422
    assert "member of ann Ltd" in client.post("//invitation", data=fields | {"password": PASSWORD}).text
    assert logged_in(client, CAT)["organization_id"] == str(ann.organization_id)
    assert client.get(f"//invitation?token={token}").status_code == 400


def test_the_page_of_an_invitation_lets_in_who_has_an_account_with_its_password_only(services, client, ann, bob):
    user_id = prove(services, bob)
    token = token_of(services, invited(ann, "bob@example.test"))
    assert "Log in as bob@example.test" in client.get(f"//invitation?token={token}").text
    wrong = client.post("//invitation", data={"token": token, "password": "not it"})
    assert wrong.status_code == 401 and "not right" in wrong.text
    assert client.post("//invitation", data={"token": token, "password": PASSWORD}).status_code == 200
    found = services.database.fetch_one("select actor from stored_events where topic = 'organization.member_joined'")
    assert found == {"actor": f"user:{user_id}"}
