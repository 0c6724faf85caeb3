"""Members from the outside: invited by mail, with roles, leaving, handing over; several organizations of one person."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from api.app import create_app
from application.reactions import errands_of
from domain.ids import message_id
from domain.organization import Organization
from tests.api.conftest import Member
from tests.api.people_engine import Client, people_engine, refused

PASSWORD = "a long and windy road"
CAT = "cat@example.test"


@pytest.fixture
def post(services) -> Any:
    """Call it: every errand that facts have caused so far is run; answers the mails to an address, oldest first."""

    def mails(to: str) -> list[Any]:
        for stored in services.store.recorder.select_notifications(None, 10_000):
            event: Any = services.codec.to_domain_event(stored)
            for task in errands_of(event):
                id = message_id(event.originator_id, event.originator_version, task)
                row = services.outbox.put(id, task, event.originator_id, event.originator_version)
                services.database.execute(*row)
                services.errands.run(id)
        return list(reversed(services.mailer.caught(to=to)))

    return mails


def members_of(organization: Member) -> str:
    return f"/organizations/{organization.organization_id}/members"


def invited(by: Member, email: str = CAT, role: str = "developer") -> dict[str, Any]:
    answer = by.client.post(members_of(by), json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()


def token_of(services, invitation: dict[str, Any]) -> str:
    link = services.invitations.link(UUID(invitation["id"]))
    assert link is not None
    return parse_qs(urlsplit(link.url).query)["token"][0]


def logged_in(client: Client, email: str, **wanted: str) -> dict[str, Any]:
    answer = client.post("/auth/login", json={"email": email, "password": PASSWORD, **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()


def joined(services, client: Client, owner: Member, role: str = "developer", email: str = CAT) -> Member:
    """A new person who came by an invitation, logged in there."""
    token = token_of(services, invited(owner, email, role))
    body = {"token": token, "password": PASSWORD, "full_name": "Cat"}
    assert client.post("/invitations/register", json=body).status_code == 201
    return Member(owner.organization_id, client.as_(logged_in(client, email)["access_token"]))


def id_of(person: Member) -> str:
    return person.client.get("/me").json()["user_id"]


def prove(services, person: Member) -> str:
    """Confirms the person's address."""
    user_id = UUID(id_of(person))
    token = parse_qs(urlsplit(services.users.verification_link(user_id).url).query)["token"][0]
    services.users.verify_email(token)
    return str(user_id)


# invitations


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
    assert services.sent_invitations.purge(services.clock.now() + timedelta(days=8)) == 2
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


# roles and removal


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


def recalls(services, person: Member, user_id: str) -> bool:
    return services.memberships.recall_role(person.organization_id, UUID(user_id), otherwise=None) is not None


def wait_for(is_so: Any) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come about in ten seconds")


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


# several organizations


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
    assert cat.client.delete("/me").status_code == 204
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
    assert ann.client.delete("/me").status_code == 204


def test_who_alone_could_end_a_running_subscription_ends_it_first(services, shop, ann, caught_up):
    reference = shop.buy(ann.organization_id)
    caught_up()
    error = refused(ann.client.delete("/me"), 409, "subscriptions_running")
    assert len(error["details"]["subscriptions"]) == 1
    shop.account.cancel(reference)
    shop.deliver()
    caught_up()
    assert ann.client.delete("/me").status_code == 204


def test_an_export_says_where_the_person_is_a_member_and_shows_keys_of_the_own_ones_only(services, client, ann):
    cat = joined(services, client, ann, "developer")
    cat.client.post("/api-keys", json={"name": "of ann", "scopes": ["licenses:read"]})
    cat.client.post("/organizations", json={"name": "Cats"})
    export = cat.client.get("/me/export").json()
    assert [(each["name"], each["role"]) for each in export["memberships"]] == [
        ("ann Ltd", "developer"),
        ("Cats", "owner"),
    ]
    assert export["api_keys"] == []
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
