"""Where a person is signed in, what it is told of it, what needs a fresh proof, and another address."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.browsing import FIREFOX, Browser
from tests.api.household import mails, prove, wait_for
from tests.api.people_engine import Client, erased, people_engine, refused

PASSWORD, NEW_PASSWORD = "a long and windy road", "another long and windy road"
ANN = "ann@example.test"
SIGN_IN_SLOWED = "Somebody tries to sign in to your account"
NEW_DEVICE = "A new device signed in to your account"
CONFIRM_NEW_EMAIL = "Confirm your new e-mail address"


@pytest.fixture(autouse=True)
def proven(services, ann) -> UUID:
    return UUID(prove(services, ann))


def log_in(client: Client, agent: str = FIREFOX, **more: str) -> dict[str, str]:
    body = {"email": ANN, "password": PASSWORD, **more}
    answer = client.post("/auth/login", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    return answer.json()


def link_in(mail) -> str:
    """The token of the only link of ours in a mail."""
    [address] = {word for word in mail.text.split() if "token=" in word}
    return parse_qs(urlsplit(address).query)["token"][0]


def subjects(services, to: str = ANN) -> list[str]:
    return [mail.subject for mail in mails(services, to)]


# the list


def test_a_person_sees_where_it_is_signed_in_and_ends_one(client, ann):
    laptop, phone = log_in(client), log_in(client, "usher-app/2.1")
    me = client.as_(laptop["access_token"])
    listed = me.get("/me/sessions").json()["data"]
    assert [(each["device"], each["network"], each["current"]) for each in listed][1:] == [
        ("Firefox on Linux", "198.51.100.0/24", True),
        ("usher-app", "198.51.100.0/24", False),
    ]
    assert listed[1]["way"] == "password" and "198.51.100.7" not in str(listed)
    theirs = client.as_(phone["access_token"])
    assert theirs.get("/me").status_code == 200
    assert me.delete(f"/me/sessions/{listed[2]['id']}").status_code == 204
    refused(theirs.get("/me"), 401, "not_authenticated")
    refused(client.post("/auth/refresh", json={"refresh_token": phone["refresh_token"]}), 401, "not_authenticated")
    refused(me.delete(f"/me/sessions/{listed[2]['id']}"), 404, "not_found")
    assert me.get("/me").status_code == 200


def test_all_others_end_at_once_and_nobody_elses(client, ann, bob):
    laptop, phone = log_in(client), log_in(client, "usher-app/2.1")
    me = client.as_(laptop["access_token"])
    assert me.delete("/me/sessions").status_code == 204
    assert [each["current"] for each in me.get("/me/sessions").json()["data"]] == [True]
    for ended in (client.as_(phone["access_token"]), ann.client):
        refused(ended.get("/me"), 401, "not_authenticated")
    assert bob.client.get("/me").status_code == 200


def test_nobody_ends_or_sees_another_persons_sign_in(client, bob):
    me = client.as_(log_in(client)["access_token"])
    [theirs] = bob.client.get("/me/sessions").json()["data"]
    for id in (theirs["id"], uuid4()):
        refused(me.delete(f"/me/sessions/{id}"), 404, "not_found")
    assert bob.client.get("/me").status_code == 200
    refused(me.delete("/me/sessions/nonsense"), 422, "invalid_request")


def test_another_process_hears_that_a_sign_in_has_ended(client, services, proven):
    log_in(client)
    id = services.users.sessions(proven)[-1].session_id
    with people_engine(services.settings) as elsewhere:
        sessions = elsewhere.login_sessions
        wait_for(lambda: sessions.remember_open(id) and sessions.recall_open(id, otherwise=None) is True)
        services.users.end_session(proven, id)
        wait_for(lambda: sessions.recall_open(id, otherwise=None) is None)
        assert sessions.remember_open(id) is False


# mails


def test_a_new_device_is_told_by_mail_once_and_the_first_is_not(client, services):
    for _ in range(2):
        log_in(client)
    assert NEW_DEVICE not in subjects(services)
    for _ in range(2):
        log_in(client, "usher-app/2.1")
    [mail] = [mail for mail in mails(services, ANN) if mail.subject == NEW_DEVICE]
    assert "usher-app" in mail.text and "198.51.100.0/24" in mail.text and "198.51.100.7" not in mail.text
    log = str(services.database.fetch_all("select state::text from stored_events"))
    assert "198.51" not in log and "usher-app" not in log


def test_a_device_that_shows_its_token_is_not_new_even_in_another_network(client, services):
    token = log_in(client)["device_token"]
    log_in(client, "Mozilla/5.0 (X11; Linux) Firefox/999 renamed", device_token=token)
    log_in(client, "something-else/1", device_token=token)
    assert NEW_DEVICE not in subjects(services)
    log_in(client, "something-new/1", device_token="eyJ.not.ours")
    assert NEW_DEVICE in subjects(services)


# guessing


def guess(client: Client, times: int, email: str = ANN, **more: str) -> list[int]:
    body = {"email": email, "password": "wrong", **more}
    return [client.post("/auth/login", json=body).status_code for _ in range(times)]


class Elsewhere(Client):
    """Each request from another network, as a botnet's are."""

    def __init__(self, client: Client) -> None:
        super().__init__(client._app, None, client._run)
        self._number = 0

    async def _send(self, method, url, **request):
        self._number += 1
        transport = httpx.ASGITransport(app=self._app, client=(f"203.0.{self._number}.7", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            return await client.request(method, url, **request)


def test_strangers_are_slowed_and_the_owner_is_not(client, services):
    token = log_in(client)["device_token"]
    strangers = Elsewhere(client)
    answers = guess(strangers, 40)
    assert answers.count(401) in (29, 30) and set(answers[30:]) == {429}
    slowed = refused(strangers.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 429, "rate_limited")
    assert "the link in the mail" in slowed["message"] and slowed["retry_after"] > 0
    log_in(client, device_token=token)
    wait_for(lambda: SIGN_IN_SLOWED in subjects(services))
    assert subjects(services).count(SIGN_IN_SLOWED) == 1
    [mail] = [mail for mail in mails(services, ANN) if mail.subject == SIGN_IN_SLOWED]
    answer = strangers.post("/auth/magic-link/redeem", json={"token": link_in(mail)})
    assert answer.status_code == 200, "the owner is let in from anywhere"
    log_in(Elsewhere(client), device_token=answer.json()["device_token"])


def test_an_address_that_is_nobodys_is_slowed_the_same_way(client, services):
    answers = guess(Elsewhere(client), 40, "nobody@example.test")
    assert answers.count(401) == 30 and set(answers[30:]) == {429}
    assert mails(services, "nobody@example.test") == []


def test_a_device_token_of_another_account_or_password_proves_nothing(client, services, bob):
    prove(services, bob)
    bobs = client.post("/auth/login", json={"email": "bob@example.test", "password": PASSWORD}).json()["device_token"]
    mine = log_in(client)
    familiar = services.guessing.is_familiar
    assert familiar(ANN, mine["device_token"]) and familiar("ANN@example.test", mine["device_token"])
    for token in (bobs, mine["refresh_token"], mine["access_token"], "x", None):
        assert not familiar(ANN, token)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert client.as_(mine["access_token"]).post("/auth/change-password", json=body).status_code == 200
    assert not familiar(ANN, mine["device_token"])


# step-up


def test_what_takes_the_account_away_needs_a_fresh_proof(client, services):
    mine = log_in(client)
    services.clock.advance(timedelta(minutes=11))
    me = client.as_(mine["access_token"])
    refused(me.post("/me/email", json={"email": "new@example.test"}), 403, "step_up_required")
    refused(me.delete("/me"), 403, "step_up_required")
    own = me.get("/me").json()
    transfer = f"/organizations/{own['organization_id']}/transfer-ownership"
    refused(me.post(transfer, json={"user_id": own["user_id"]}), 403, "step_up_required")
    refreshed = client.post("/auth/refresh", json={"refresh_token": mine["refresh_token"]}).json()
    me = client.as_(refreshed["access_token"])
    refused(me.delete("/me"), 403, "step_up_required")
    refused(me.post("/auth/step-up", json={"password": "wrong"}), 401, "not_authenticated")
    proven = me.post("/auth/step-up", json={"password": PASSWORD})
    assert proven.status_code == 200 and "refresh_token" not in proven.json()
    erased(services, client.as_(proven.json()["access_token"]))


def test_guessing_at_the_proof_is_slowed_down(client):
    me = client.as_(log_in(client)["access_token"])
    answers = [me.post("/auth/step-up", json={"password": "wrong"}).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


# another address


def asked(client: Client, services, email: str = "new@example.test") -> Client:
    me = client.as_(log_in(client)["access_token"])
    assert me.post("/me/email", json={"email": email}).status_code == 202
    return me


def test_an_address_changes_when_the_new_mailbox_confirms_and_the_old_one_is_told(client, services, proven):
    me = asked(client, services)
    [confirm] = mails(services, "new@example.test")
    assert confirm.subject == CONFIRM_NEW_EMAIL and "Ann" not in confirm.text
    assert "Another e-mail address was asked for" in subjects(services)
    assert me.get("/me").json()["email"] == ANN
    token = link_in(confirm)
    assert client.get(f"//confirm-email?token={token}").status_code == 200
    assert me.get("/me").json()["email"] == ANN, "opening the page is not enough"
    assert client.post("/auth/confirm-email", json={"token": token}).status_code == 204
    assert me.get("/me").json()["email"] == "new@example.test"
    assert services.organizations.contact(UUID(me.get("/me").json()["organization_id"])).email == "new@example.test"
    assert "Your e-mail address was changed" in subjects(services)
    refused(client.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 401, "not_authenticated")
    refused(client.post("/auth/confirm-email", json={"token": token}), 400, "signature_invalid")
    log = str(services.database.fetch_all("select state::text from stored_events"))
    assert "example.test" not in log


def test_the_page_confirms_by_a_click(client, services):
    asked(client, services)
    browser, token = Browser(client), link_in(mails(services, "new@example.test")[0])
    browser.open(f"/confirm-email?token={token}")
    browser.send()
    assert "address is changed" in browser.text
    browser.open(f"/confirm-email?token={token}")
    browser.send()
    assert browser.page.status_code == 400


def test_a_confirmation_dies_with_a_new_password_a_later_wish_and_after_a_day(client, services, proven):
    me = asked(client, services, "first@example.test")
    first = link_in(mails(services, "first@example.test")[0])
    assert me.post("/me/email", json={"email": "second@example.test"}).status_code == 202
    second = link_in(mails(services, "second@example.test")[0])
    refused(client.post("/auth/confirm-email", json={"token": first}), 400, "signature_invalid")
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    fresh = me.post("/auth/change-password", json=body).json()
    refused(client.post("/auth/confirm-email", json={"token": second}), 400, "signature_invalid")
    assert client.as_(fresh["access_token"]).post("/me/email", json={"email": "third@example.test"}).status_code == 202
    third = link_in(mails(services, "third@example.test")[0])
    services.clock.advance(timedelta(days=1))
    refused(client.post("/auth/confirm-email", json={"token": third}), 400, "signature_invalid")


def test_an_address_of_somebody_else_is_refused_also_when_taken_meanwhile(client, services, bob):
    me = client.as_(log_in(client)["access_token"])
    refused(me.post("/me/email", json={"email": "bob@example.test"}), 409, "email_taken")
    refused(me.post("/me/email", json={"email": ANN}), 422, "invalid_request")
    asked(client, services, "wanted@example.test")
    token = link_in(mails(services, "wanted@example.test")[0])
    services.users.register(email="Wanted@example.test", password=PASSWORD, full_name="W", company_name="W")
    refused(client.post("/auth/confirm-email", json={"token": token}), 409, "email_taken")


def test_an_erased_person_leaves_nothing_of_its_sign_ins(client, services, proven):
    me = asked(client, services)
    log_in(client, "usher-app/2.1")
    erased(services, me)
    for table in ("familiar_devices", "email_changes", "device_requests", "login_sessions"):
        assert services.database.fetch_all(f"select 1 from {table}") == [], table
    refused(me.get("/me"), 401, "not_authenticated")


def test_what_is_known_of_devices_and_addresses_goes_with_time(client, services):
    asked(client, services)
    services.clock.advance(timedelta(days=31))
    assert services.email_changes.purge(services.clock.now()) == 1
    services.clock.advance(timedelta(days=180))
    assert services.familiar_devices.purge(services.clock.now()) == 1
