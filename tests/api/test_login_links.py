"""Signing in by a link in a mail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.browsing import Browser
from tests.api.household import mails, prove
from tests.api.people_engine import Client, erased, refused
from tests.api.test_sign_ins import link_in

ANN = "ann@example.test"
SIGN_IN_LINK = "Your link to sign in"


@pytest.fixture(autouse=True)
def known(services, ann) -> None:
    """Ann registered, and has not confirmed her address."""


def asked(client: Client, services, email: str = ANN) -> tuple[str, str]:
    """The tokens of the link and of whoever asked."""
    answer = client.post("/auth/magic-link", json={"email": email})
    assert answer.status_code == 202
    newest = [mail for mail in mails(services, email) if mail.subject == SIGN_IN_LINK][-1]
    return link_in(newest), answer.json()["browser_token"]


def redeem(client: Client, token: str, **more: str):
    return client.post("/auth/magic-link/redeem", json={"token": token, **more})


def test_a_link_signs_in_once_and_proves_the_mailbox(client, services):
    token, browser = asked(client, services)
    tokens = redeem(client, token, browser_token=browser).json()
    me = client.as_(tokens["access_token"]).get("/me").json()
    assert me["email"] == ANN and me["email_verified"] is True
    refused(redeem(client, token, browser_token=browser), 400, "signature_invalid")


def test_whoever_registered_a_strangers_address_does_not_get_in_once_its_owner_signs_in(client, services):
    """The stranger knows the password, and waits for the mailbox to be proven."""
    waiting = {"email": ANN, "password": "a long and windy road"}
    refused(client.post("/auth/login", json=waiting), 403, "email_not_verified")
    token, _ = asked(client, services)
    assert redeem(client, token).status_code == 200
    refused(client.post("/auth/login", json=waiting), 401, "not_authenticated")


def test_a_link_leaves_the_password_of_a_proven_address(client, services, ann):
    prove(services, ann)
    token, _ = asked(client, services)
    assert redeem(client, token).status_code == 200
    known = {"email": ANN, "password": "a long and windy road"}
    assert client.post("/auth/login", json=known).status_code == 200


def test_a_link_that_another_asked_for_is_of_no_use_with_ones_own_token(client, services):
    token, _ = asked(client, services)
    _, other = asked(client, services)
    refused(redeem(client, token, browser_token=other), 400, "signature_invalid")
    refused(redeem(client, token, browser_token=token), 400, "signature_invalid")
    assert redeem(client, token).status_code == 200


def test_a_link_ends_after_a_quarter_of_an_hour(client, services):
    token, _ = asked(client, services)
    services.clock.advance(timedelta(minutes=15))
    refused(redeem(client, token), 400, "signature_invalid")


@pytest.mark.parametrize("token", ["x", "eyJ.eyJ.sig", "A" * 4096])
def test_a_link_that_is_not_ours_is_refused(client, token):
    refused(redeem(client, token), 400, "signature_invalid")


def test_no_answer_says_whether_an_address_is_somebodys(client, services):
    known = client.post("/auth/magic-link", json={"email": ANN})
    unknown = client.post("/auth/magic-link", json={"email": "nobody@example.test"})
    assert (known.status_code, known.json()["message"]) == (unknown.status_code, unknown.json()["message"])
    assert len(known.json()["browser_token"]) == len(unknown.json()["browser_token"])
    assert mails(services, "nobody@example.test") == []


def test_one_mailbox_gets_no_more_than_five_an_hour(client, services):
    for _ in range(8):
        assert client.post("/auth/magic-link", json={"email": ANN}).status_code == 202
    assert len([mail for mail in mails(services, ANN) if mail.subject == SIGN_IN_LINK]) == 5


def test_a_mail_that_comes_too_late_is_not_sent(client, services):
    client.post("/auth/magic-link", json={"email": ANN})
    services.clock.advance(timedelta(minutes=16))
    assert [mail for mail in mails(services, ANN) if mail.subject == SIGN_IN_LINK] == []


def test_the_browser_that_asked_is_signed_in_by_one_click(client, services):
    browser = Browser(client)
    browser.open("/login-by-mail")
    browser.send(email=" ANN@example.test ")
    assert "Look into your mailbox" in browser.text
    [mail] = [mail for mail in mails(services, ANN) if mail.subject == SIGN_IN_LINK]
    for _ in range(2):
        browser.open(f"/login-link?token={link_in(mail)}")
        assert "One click" in browser.text, "opening it does not use it up"
    browser.send()
    assert f"signed in as {ANN}" in browser.text
    assert browser.cookies.keys() >= {"usher_signed_in", "usher_device"}


def test_another_browser_is_warned_and_another_site_cannot_send_the_form(client, services):
    token, _ = asked(client, services)
    other = Browser(client)
    other.open(f"/login-link?token={token}")
    assert "asked for in another browser" in other.text
    other.post("/login-link", token=token)
    assert other.page.status_code == 403
    other.open(f"/login-link?token={token}")
    other.send()
    assert f"signed in as {ANN}" in other.text
    other.open("/login-link?token=nonsense")
    assert other.page.status_code == 400


def test_an_erased_persons_link_is_over(client, services, ann):
    prove(services, ann)
    token, _ = asked(client, services)
    erased(services, ann.client)
    refused(redeem(client, token), 400, "signature_invalid")
