"""A program without a browser is signed in by a person who has one (RFC 8628)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest

from domain.device_code import LETTERS
from domain.sign_in import Device
from domain.sign_in_errors import ExpiredToken, SlowDown
from tests.api.browsing import Browser
from tests.api.household import joined, prove
from tests.api.people_engine import Client, refused

PASSWORD = "a long and windy road"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def browser(services, client, ann) -> Browser:
    """Ann's, signed in."""
    prove(services, ann)
    browser = Browser(client)
    browser.open("/login")
    browser.send(email="ann@example.test", password=PASSWORD)
    assert "signed in as ann@example.test" in browser.text
    return browser


def asked(client: Client, name: str = "usher-client on a laptop") -> dict[str, str]:
    answer = client.post("/auth/device", json={"client_id": name}, headers={"User-Agent": "usher-client/1"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def poll(client: Client, codes: dict[str, str]):
    return client.post("/auth/device/token", json={"device_code": codes["device_code"]})


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def shown(browser: Browser, codes: dict[str, str]) -> str:
    browser.open(path_of(codes["verification_uri_complete"]))
    return browser.text


def test_a_person_sees_who_asks_and_approves(services, client, ann, browser):
    codes = asked(client)
    assert codes["interval"] == 5 and codes["expires_in"] == 900
    assert codes["verification_uri"] == f"{services.settings.public_url}/device"
    assert parse_qs(urlsplit(codes["verification_uri_complete"]).query) == {"user_code": [codes["user_code"]]}
    assert set(codes["user_code"]) <= {*LETTERS, "-"} and len(codes["user_code"]) == 9
    refused(poll(client, codes), 400, "authorization_pending")
    page = shown(browser, codes)
    for word in ("usher-client on a laptop", codes["user_code"], "198.51.100.0/24", "ann@example.test"):
        assert word in page
    refused(poll(client, codes), 400, "slow_down")
    browser.send(act="approve")
    assert "is signed in now" in browser.text
    services.clock.advance(timedelta(seconds=10))
    answer = poll(client, codes)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert tokens["organization_id"] == str(ann.organization_id)
    assert client.as_(tokens["access_token"]).get("/me").json()["email"] == "ann@example.test"
    assert client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200
    refused(poll(client, codes), 400, "expired_token")


def test_the_link_alone_approves_nothing_and_a_denied_program_gets_nothing(services, client, browser):
    codes = asked(client)
    shown(browser, codes)
    refused(poll(client, codes), 400, "authorization_pending")
    browser.send(act="deny")
    services.clock.advance(timedelta(seconds=6))
    refused(poll(client, codes), 400, "access_denied")
    refused(poll(client, codes), 400, "expired_token")
    shown(browser, codes)
    assert "No program waits" in browser.text


def test_a_code_may_be_typed_in_any_case_and_with_blanks(client, browser):
    codes = asked(client)
    browser.open("/device")
    browser.send(user_code=codes["user_code"].lower().replace("-", " "))
    assert codes["user_code"] in browser.text and "Approve" in browser.text


def test_whoever_is_not_signed_in_signs_in_first_and_comes_back_to_the_request(services, client, ann):
    prove(services, ann)
    codes, browser = asked(client), Browser(client)
    shown(browser, codes)
    assert "Approve" not in browser.text and "usher-client" not in browser.text
    browser.send(email="ann@example.test", password="wrong")
    assert browser.page.status_code == 401 and "not right" in browser.text
    browser.send(email="ann@example.test", password=PASSWORD)
    assert "Approve" in browser.text and codes["user_code"] in browser.text


def test_asking_too_fast_slows_down_and_goes_on_after_the_longer_interval(services, client):
    codes = asked(client)
    refused(poll(client, codes), 400, "authorization_pending")
    assert refused(poll(client, codes), 400, "slow_down")["details"] == {"interval": 10}
    services.clock.advance(timedelta(seconds=6))
    assert refused(poll(client, codes), 400, "slow_down")["details"] == {"interval": 15}
    services.clock.advance(timedelta(seconds=15))
    refused(poll(client, codes), 400, "authorization_pending")


def test_a_code_ends_after_a_quarter_of_an_hour(services, client, browser):
    codes = asked(client)
    services.clock.advance(timedelta(minutes=15))
    refused(poll(client, codes), 400, "expired_token")
    shown(browser, codes)
    assert "No program waits" in browser.text
    assert services.device_requests.purge(services.clock.now()) == 1


@pytest.mark.parametrize("code", ["nothing", "x" * 128, "A-_"])
def test_a_device_code_that_was_never_given_is_over(client, code):
    refused(client.post("/auth/device/token", json={"device_code": code}), 400, "expired_token")


def test_guessing_codes_is_slowed_down_for_each_person(client, browser):
    for _ in range(20):
        browser.open("/device?user_code=BBBB-BBBB")
        assert browser.page.status_code == 404
    codes = asked(client)
    shown(browser, codes)
    assert browser.page.status_code == 429 and "Approve" not in browser.text


def test_another_site_cannot_make_the_browser_approve(client, browser):
    codes = asked(client)
    shown(browser, codes)
    for proof in ("", "00" * 16, "é"):
        browser.post("/device", form=proof, user_code=codes["user_code"], act="approve")
        assert browser.page.status_code == 403
    refused(poll(client, codes), 400, "authorization_pending")


def test_another_site_cannot_sign_the_browser_in_as_somebody_else(services, client, ann):
    prove(services, ann)
    browser = Browser(client)
    browser.post("/login", email="ann@example.test", password=PASSWORD, next="/device")
    assert browser.page.status_code == 403 and browser.cookies.keys() <= {"usher_form"}


@pytest.mark.parametrize("next", ["https://evil.example", "//evil.example", "/\\evil.example", "/a/../b", "/x\r\ny: z"])
def test_a_sign_in_leads_to_no_other_site(services, client, ann, next):
    prove(services, ann)
    browser = Browser(client)
    browser.open("/login")
    browser.send(email="ann@example.test", password=PASSWORD, next=next)
    assert "signed in as ann@example.test" in browser.text


def test_signing_out_ends_the_session_and_not_only_the_cookie(client, browser):
    kept = dict(browser.cookies)
    browser.open("/login")
    browser.send()
    assert "signed out" in browser.text
    browser.cookies = kept
    browser.open("/login")
    assert "Password" in browser.text


def test_the_approval_dies_with_the_password_under_which_it_was_given(services, client, ann, browser):
    codes = asked(client)
    shown(browser, codes)
    browser.send(act="approve")
    body = {"current_password": PASSWORD, "new_password": "another long and windy road"}
    assert ann.client.post("/auth/change-password", json=body).status_code == 200
    refused(poll(client, codes), 400, "access_denied")
    shown(browser, asked(client))
    assert "Approve" not in browser.text


def test_the_person_chooses_for_which_organization(services, client, ann, bob, browser):
    dana = joined(services, client, bob, email="dana@example.test")
    made = dana.client.post("/organizations", json={"name": "Dana Works"}).json()
    hers = Browser(client)
    hers.open("/login")
    hers.send(email="dana@example.test", password=PASSWORD)
    codes = asked(client)
    assert "Dana Works" in shown(hers, codes)
    hers.send(act="approve", organization=str(ann.organization_id))
    assert hers.page.status_code == 404
    hers.send(user_code=codes["user_code"])
    hers.send(act="approve", organization="nonsense")
    assert hers.page.status_code == 422
    hers.send(user_code=codes["user_code"])
    hers.send(act="approve", organization=made["organization_id"])
    assert poll(client, codes).json()["organization_id"] == made["organization_id"]


def test_of_many_who_come_for_the_tokens_at_once_one_gets_them(services, client, browser):
    codes = asked(client)
    shown(browser, codes)
    browser.send(act="approve")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _collected(services, codes["device_code"]), range(8)))
    assert answers.count(True) == 1


def _collected(services, code: str) -> bool:
    try:
        services.device_logins.collect(code, Device())
    except (ExpiredToken, SlowDown):
        return False
    return True


def test_neither_code_is_kept_in_a_form_that_can_be_typed(services, client):
    codes = asked(client)
    stored = str(services.database.fetch_all("select * from device_requests"))
    assert codes["user_code"] not in stored and codes["device_code"] not in stored


def test_a_name_cannot_become_markup(client, browser):
    codes = asked(client, "<script>alert(1)</script>")
    browser.open(path_of(codes["verification_uri_complete"]))
    assert "<script>" not in browser.page.text and "&lt;script&gt;" in browser.page.text
    assert browser.page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_an_oauth_library_sends_forms_and_reads_its_own_errors(services, client, browser):
    def post(path: str, **fields: str):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return client.post(path, content=urlencode(fields), headers=headers)

    codes = post("/auth/device", client_id="some tool", scope="everything").json()
    pending = post("/auth/device/token", device_code=codes["device_code"], grant_type=GRANT, client_id="some tool")
    assert pending.status_code == 400 and pending.json()["error"] == "authorization_pending"
    assert post("/auth/device/token", device_code=codes["device_code"], grant_type="password").json()["error"] == (
        "unsupported_grant_type"
    )
    assert post("/auth/device").json()["error"] == "invalid_request"
    twice = "device_code=a&device_code=b"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/auth/device/token", content=twice, headers=headers).json()["error"] == "invalid_request"
    shown(browser, codes)
    browser.send(act="approve")
    services.clock.advance(timedelta(seconds=6))
    tokens = post("/auth/device/token", device_code=codes["device_code"], grant_type=GRANT).json()
    assert tokens["token_type"] == "Bearer" and client.as_(tokens["access_token"]).get("/me").status_code == 200


def test_a_program_says_who_it_is_and_nothing_else(client):
    for body in ({}, {"client_id": ""}, {"client_id": "x" * 65}, {"client_id": "a\nb"}, {"client_id": "a", "x": 1}):
        refused(client.post("/auth/device", json=body), 422, "invalid_request")


def test_an_erased_person_leaves_no_request_and_no_tokens(services, client, ann, browser):
    codes = asked(client)
    shown(browser, codes)
    browser.send(act="approve")
    services.erasure.erase(UUID(ann.client.get("/me").json()["user_id"]))
    assert services.database.fetch_all("select 1 from device_requests") == []
    refused(poll(client, codes), 400, "expired_token")
