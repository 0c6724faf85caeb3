"""A second factor: added, asked for, used once, replaced by recovery codes, removed."""

from __future__ import annotations

from base64 import b32decode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from domain.errors import UsherError
from domain.totp import STEP, code_at
from domain.user import User
from tests.api.browsing import Browser
from tests.api.household import CAT, joined, mails, prove
from tests.api.people_engine import Client, erased, refused
from tests.api.test_login_links import asked

PASSWORD = "a long and windy road"
ANN = "ann@example.test"
SUBJECT = "How you sign in was changed"


class App:
    """An authenticator app, and what was written down when it was set up."""

    def __init__(self, services, me: Client) -> None:
        self._services = services
        begun = me.post("/me/second-factor").json()
        self.secret, self.uri, self.picture = b32decode(begun["secret"]), begun["uri"], begun["qr_svg"]
        answer = me.post("/me/second-factor/confirm", json={"code": self.code()})
        assert answer.status_code == 200, answer.text
        self.recovery: list[str] = answer.json()["recovery_codes"]

    def code(self) -> str:
        return code_at(self.secret, int(self._services.clock.now().timestamp()) // STEP)

    def next_code(self) -> str:
        """One that was not shown before."""
        self._services.clock.advance(timedelta(seconds=2 * STEP))
        return self.code()


@pytest.fixture
def user_id(services, ann) -> UUID:
    return UUID(prove(services, ann))


@pytest.fixture
def app(services, ann, user_id) -> App:
    return App(services, ann.client)


def log_in(client: Client, **more: str):
    return client.post("/auth/login", json={"email": ANN, "password": PASSWORD, **more})


def test_a_factor_counts_once_a_first_code_was_shown(client, services, ann, user_id):
    begun = ann.client.post("/me/second-factor").json()
    assert begun["uri"].startswith("otpauth://totp/Usher:ann@example.test?") and begun["qr_svg"].startswith("<svg")
    assert log_in(client).status_code == 200
    assert ann.client.get("/me/second-factor").json()["enabled"] is False
    refused(ann.client.post("/me/second-factor/confirm", json={"code": "000000"}), 401, "second_factor_invalid")
    app = App(services, ann.client)
    assert app.secret != b32decode(begun["secret"]), "beginning again makes another secret"
    shown = ann.client.get("/me/second-factor").json()
    assert shown["enabled"] is True and shown["recovery_codes_left"] == 10 == len(set(app.recovery))
    refused(ann.client.post("/me/second-factor"), 409, "conflict")
    refused(ann.client.post("/me/second-factor/confirm", json={"code": app.next_code()}), 409, "conflict")
    assert SUBJECT in [mail.subject for mail in mails(services, ANN)]


def test_a_log_in_asks_for_it_only_of_those_who_know_the_password(client, app):
    refused(log_in(client), 401, "second_factor_required")
    refused(log_in(client, password="wrong"), 401, "not_authenticated")
    refused(log_in(client, password="wrong", code=app.next_code()), 401, "not_authenticated")
    refused(log_in(client, code="000000"), 401, "second_factor_invalid")
    assert log_in(client, code=app.code()).status_code == 200


def test_a_code_is_taken_once_and_none_that_is_older(client, services, app):
    refused(log_in(client, code=app.code()), 401, "second_factor_invalid")
    code = app.next_code()
    assert log_in(client, code=f"{code[:3]} {code[3:]}").status_code == 200
    refused(log_in(client, code=code), 401, "second_factor_invalid")
    before = code_at(app.secret, int(services.clock.now().timestamp()) // STEP - 1)
    refused(log_in(client, code=before), 401, "second_factor_invalid")


def test_of_many_who_send_one_code_at_once_one_is_let_in(services, app, user_id):
    def used(code: str) -> bool:
        try:
            services.second_factors.check(services.store.fetch(User, user_id), code)
        except UsherError:
            return False
        return True

    for code in (app.next_code(), app.recovery[0]):
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(used, [code] * 8)).count(True) == 1


def test_a_recovery_code_stands_in_once_and_is_told(client, services, app, ann):
    code = app.recovery[3]
    assert log_in(client, code=code.upper().replace("-", " ")).status_code == 200
    refused(log_in(client, code=code), 401, "second_factor_invalid")
    assert ann.client.get("/me/second-factor").json()["recovery_codes_left"] == 9
    assert any("recovery code was used" in mail.text for mail in mails(services, ANN))
    renewed = ann.client.post("/me/second-factor/recovery-codes").json()["recovery_codes"]
    refused(log_in(client, code=app.recovery[4]), 401, "second_factor_invalid")
    assert log_in(client, code=renewed[0]).status_code == 200


def test_guessing_codes_is_slowed_down_and_a_familiar_device_is_not(client, services, app):
    token = log_in(client, code=app.next_code()).json()["device_token"]
    answers = [log_in(client, code="000000").status_code for _ in range(5)]
    assert answers[:4] == [401] * 4 and answers[-1] == 429
    assert log_in(client, code=app.next_code(), device_token=token).status_code == 200


def test_a_mailed_link_alone_is_one_factor_and_is_not_used_up_by_asking(client, services, app):
    token, _ = asked(client, services)
    redeem = {"token": token}
    refused(client.post("/auth/magic-link/redeem", json=redeem), 401, "second_factor_required")
    refused(client.post("/auth/magic-link/redeem", json={**redeem, "code": "000000"}), 401, "second_factor_invalid")
    code = app.next_code()
    assert client.post("/auth/magic-link/redeem", json={**redeem, "code": code}).status_code == 200


def test_the_pages_ask_for_it(client, services, app):
    browser = Browser(client)
    browser.open("/login")
    browser.send(email=ANN, password=PASSWORD)
    assert "authenticator app" in browser.text and "usher_signed_in" not in browser.cookies
    browser.send(code="000000")
    assert browser.page.status_code == 401 and "not right" in browser.text
    browser.send(code=app.next_code())
    assert f"signed in as {ANN}" in browser.text
    other, (token, _) = Browser(client), asked(client, services)
    other.open(f"/login-link?token={token}")
    other.send()
    assert "authenticator app" in other.text
    other.send(code=app.next_code())
    assert f"signed in as {ANN}" in other.text


def test_a_password_that_held_is_remembered_for_minutes_and_not_beyond_a_new_one(client, services, app, ann):
    browser = Browser(client)
    browser.open("/login")
    browser.send(email=ANN, password=PASSWORD)
    services.clock.advance(timedelta(minutes=6))
    browser.send(code=app.code())
    assert browser.page.status_code == 401 and "too long" in browser.text


def test_the_proof_for_sensitive_acts_is_the_second_factor(client, services, app):
    me = client.as_(log_in(client, code=app.next_code()).json()["access_token"])
    services.clock.advance(timedelta(minutes=11))
    body = {"current_password": PASSWORD, "new_password": "another long and windy road"}
    for call in (
        lambda: me.delete("/me/second-factor"),
        lambda: me.post("/me/second-factor/recovery-codes"),
        lambda: me.post("/auth/change-password", json=body),
    ):
        refused(call(), 403, "step_up_required")
    refused(me.post("/auth/step-up", json={"password": PASSWORD}), 401, "second_factor_required")
    proven = client.as_(me.post("/auth/step-up", json={"code": app.next_code()}).json()["access_token"])
    assert proven.delete("/me/second-factor").status_code == 204
    assert log_in(client).status_code == 200
    refused(proven.post("/me/second-factor/recovery-codes"), 409, "conflict")


def test_nothing_of_it_can_be_read_from_the_database_and_nothing_is_left_of_an_erased_person(services, app, ann):
    rows = services.database.fetch_all("select sealed from second_factors") + services.database.fetch_all(
        "select digest from recovery_codes"
    )
    kept = b"".join(bytes(value) for row in rows for value in row.values())
    assert app.secret not in kept and app.recovery[0].replace("-", "").encode() not in kept
    log = str(services.database.fetch_all("select state::text from stored_events"))
    assert app.recovery[0] not in log
    erased(services, ann.client)
    for table in ("second_factors", "recovery_codes"):
        assert services.database.fetch_all(f"select 1 from {table}") == []


def test_what_nobody_confirmed_is_forgotten(services, ann, user_id):
    ann.client.post("/me/second-factor")
    assert services.second_factor_secrets.purge(services.clock.now() - timedelta(days=1)) == 0
    services.clock.advance(timedelta(days=2))
    assert services.second_factor_secrets.purge(services.clock.now() - timedelta(days=1)) == 1


@pytest.mark.parametrize("code", ["", "12345", "x" * 33, "12345;", "é23456"])
def test_what_cannot_be_a_code_is_refused(client, ann, user_id, code):
    refused(log_in(client, code=code), 422, "invalid_request")


# demanded by an organization


def test_an_owner_demands_it_of_every_member_and_waives_it(client, services, ann, bob):
    prove(services, ann)
    cat = joined(services, client, ann, "admin")
    policy = f"/organizations/{ann.organization_id}/sign-in-policy"
    refused(cat.client.call("PUT", policy, json={"second_factor": True}), 403, "not_allowed")
    refused(bob.client.call("PUT", policy, json={"second_factor": True}), 404, "not_found")
    refused(ann.client.call("PUT", policy, json={"second_factor": True}), 409, "conflict")
    hers = App(services, ann.client)
    first = client.post("/auth/login", json={"email": CAT, "password": PASSWORD}).json()
    for _ in range(2):
        assert ann.client.call("PUT", policy, json={"second_factor": True}).json() == {"second_factor": True}
    assert cat.client.get(policy).json() == {"second_factor": True}
    refused(client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}), 401, "not_authenticated")
    wanted = {"email": CAT, "password": PASSWORD, "organization_id": str(ann.organization_id)}
    refused(client.post("/auth/login", json=wanted), 403, "second_factor_demanded")
    nowhere = client.post("/auth/login", json={"email": CAT, "password": PASSWORD}).json()
    assert nowhere["organization_id"] is None
    switch = {"refresh_token": nowhere["refresh_token"], "organization_id": str(ann.organization_id)}
    refused(client.post("/auth/switch", json=switch), 403, "second_factor_demanded")
    App(services, client.as_(nowhere["access_token"]))
    assert client.post("/auth/switch", json=switch).json()["organization_id"] == str(ann.organization_id)
    assert log_in(client, code=hers.next_code()).json()["organization_id"] == str(ann.organization_id)
    fresh = ann.client.post("/auth/step-up", json={"code": hers.next_code()}).json()["access_token"]
    assert client.as_(fresh).call("PUT", policy, json={"second_factor": False}).status_code == 200
    dan = joined(services, client, ann, "viewer", "dan@example.test")
    assert dan.client.get("/me").json()["organization_id"] == str(ann.organization_id)


def test_the_vendor_takes_off_a_factor_whose_app_and_codes_are_lost(client, services, ann, user_id, app, admin):
    path = f"/admin/users/{user_id}/second-factor"
    refused(log_in(client), 401, "second_factor_required")
    refused(ann.client.delete(path), 403, "not_allowed")
    assert [admin.delete(path).status_code for _ in range(2)] == [204, 204]
    assert log_in(client).status_code == 200
    assert [mail.subject for mail in mails(services, ANN)].count(SUBJECT) == 2  # added, removed
    refused(admin.delete(f"/admin/users/{services.clock.new_id()}/second-factor"), 404, "not_found")
