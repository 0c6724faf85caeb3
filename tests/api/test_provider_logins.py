"""Signing in by another provider, against one in a process of its own that also does wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import UUID

import httpx
import pytest

from adapters.login_providers import providers_of
from tests.api.browsing import Browser
from tests.api.household import mails, prove
from tests.api.login_provider import CLIENT, SECRET
from tests.api.people_engine import Client, erased
from tests.api.test_second_factor import App

ROOT = Path(__file__).parents[2]
ANN, PASSWORD = "ann@example.test", "a long and windy road"


class There:
    """The provider."""

    def __init__(self, url: str) -> None:
        self.url = url

    def script(self, **script: object) -> None:
        assert httpx.post(f"{self.url}/script", json=script).status_code == 200

    def consent(self, url: str) -> str:
        """What a browser does that is sent there; where it is sent back to."""
        back = httpx.get(url)
        assert back.status_code == 302, back.text
        parts = urlsplit(back.headers["location"])
        return f"{parts.path}?{parts.query}"


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.api.login_provider", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def there(services, process) -> There:
    client = f"{CLIENT}:{SECRET}"
    settings = replace(
        services.settings, oidc_client=client, oidc_issuer=process, github_client=client, github_url=process
    )
    services.provider_logins._providers = providers_of(settings)
    there = There(process)
    there.script()
    return there


def begin(browser: Browser, name: str = "oidc") -> str:
    """Where the browser is sent."""
    browser.follows = False
    browser.open(f"/login/with/{name}")
    browser.follows = True
    assert browser.page.status_code == 303, browser.text
    return browser.page.headers["location"]


def sign_in(client: Client, there: There, name: str = "oidc", browser: Browser | None = None) -> Browser:
    browser = browser or Browser(client)
    browser.open(there.consent(begin(browser, name)))
    return browser


def link(browser: Browser, there: There, name: str = "oidc") -> Browser:
    browser.open("/login/linked")
    browser.send(act=f"link {name}")
    href = browser.text.split('<a href="')[1].split('"')[0]
    browser.open(there.consent(href))
    return browser


@pytest.fixture
def user_id(services, ann) -> UUID:
    return UUID(prove(services, ann))


@pytest.fixture
def browser(client, user_id) -> Browser:
    """Ann's, signed in by her password."""
    browser = Browser(client)
    browser.open("/login")
    browser.send(email=ANN, password=PASSWORD)
    return browser


@pytest.mark.parametrize("name", ["oidc", "github"])
def test_a_new_person_is_registered_by_a_proven_address_and_known_by_the_subject_afterwards(
    client, services, there, name
):
    browser = sign_in(client, there, name)
    assert f"signed in as {ANN}" in browser.text
    made = services.personal_data.person_with(ANN)
    there.script(
        claims={"email": "other@example.test", "email_verified": False},
        emails=[{"email": "other@example.test", "primary": True, "verified": False}],
    )
    assert f"signed in as {ANN}" in sign_in(client, there, name).text
    assert services.personal_data.person_with("other@example.test") is None
    assert [each.provider for each in services.provider_logins.of_user(made.user_id)] == [name]
    log = str(services.database.fetch_all("select state::text from stored_events"))
    assert "subject-1" not in log and "4711" not in log and "example.test" not in log


def test_the_request_carries_state_nonce_and_a_challenge_and_no_secret(client, there):
    asked = dict(parse_qsl(urlsplit(begin(Browser(client))).query))
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43 and len(asked["state"]) >= 43 and len(asked["nonce"]) == 32
    assert asked["scope"] == "openid email profile" and SECRET not in str(asked)


@pytest.mark.parametrize("name", ["oidc", "github"])
def test_no_account_is_taken_over_by_its_address(client, services, there, user_id, name):
    """Not even by a proven one: an address there may be somebody else's than here."""
    browser = sign_in(client, there, name)
    assert browser.page.status_code == 409 and "not linked" in browser.text
    assert "usher_signed_in" not in browser.cookies
    assert services.provider_logins.of_user(user_id) == []


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": "true"}, {"email": None}])
def test_an_address_that_the_provider_has_not_proven_makes_no_account(client, services, there, claims):
    there.script(claims=claims)
    assert sign_in(client, there).page.status_code == 401
    there.script(emails=[{"email": ANN, "primary": True, "verified": False}])
    assert sign_in(client, there, "github").page.status_code == 401
    assert services.personal_data.person_with(ANN) is None


def test_who_is_signed_in_links_and_unlinks_and_is_told(client, services, there, ann, browser, user_id):
    link(browser, there)
    assert [each["subject"] for each in ann.client.get("/me/export").json()["linked_identities"]] == ["subject-1"]
    browser.open("/login/linked")
    assert "Unlink" in browser.text and ANN in browser.text
    assert f"signed in as {ANN}" in sign_in(client, there).text
    browser.open("/login/linked")
    browser.send(act="unlink oidc")
    assert services.provider_logins.of_user(user_id) == []
    assert sign_in(client, there).page.status_code == 409
    texts = [mail.text for mail in mails(services, ANN) if mail.subject == "How you sign in was changed"]
    assert len(texts) == 2
    browser.open("/login/linked")
    browser.send(act="unlink github")
    assert browser.page.status_code == 404


def test_an_identity_belongs_to_one_person_and_a_person_has_one_of_each_provider(client, services, there, browser, bob):
    link(browser, there)
    prove(services, bob)
    bobs = Browser(client)
    bobs.open("/login")
    bobs.send(email="bob@example.test", password=PASSWORD)
    link(bobs, there)
    assert bobs.page.status_code == 409 and "another person" in bobs.text
    there.script(claims={"sub": "subject-2"})
    link(browser, there)
    assert browser.page.status_code == 409


def test_linking_needs_a_form_of_ours_and_a_fresh_sign_in(services, there, browser):
    browser.post("/login/linked", act="link oidc")
    assert browser.page.status_code == 403
    services.clock.advance(timedelta(minutes=11))
    browser.open("/login/linked")
    browser.send(act="link oidc")
    assert browser.page.status_code == 403 and "sign out and in again" in browser.text


def test_a_state_is_good_once(client, there):
    browser = Browser(client)
    back = there.consent(begin(browser))
    browser.open(back)
    assert "signed in" in browser.text
    browser.cookies.pop("usher_signed_in")
    browser.open(back)
    assert browser.page.status_code == 400 and "usher_signed_in" not in browser.cookies


def test_what_was_begun_in_one_browser_does_not_end_in_another(client, there):
    """Else somebody signs a victim in to an account of the attacker's, or links it to the victim's."""
    back = there.consent(begin(Browser(client)))
    victim = Browser(client)
    victim.open(back)
    assert victim.page.status_code == 400
    begin(victim)
    victim.open(back)
    assert victim.page.status_code == 400 and "usher_signed_in" not in victim.cookies


def test_a_state_ends_after_ten_minutes_and_is_purged(client, services, there):
    browser = Browser(client)
    back = there.consent(begin(browser))
    services.clock.advance(timedelta(minutes=10))
    browser.open(back)
    assert browser.page.status_code == 400
    begin(browser)
    services.clock.advance(timedelta(minutes=10))
    assert services.linked_identities.purge(services.clock.now()) == 1


def test_a_code_that_is_used_or_was_never_given_is_refused(client, there):
    browser = Browser(client)
    back = there.consent(begin(browser))
    stolen = parse_qs(urlsplit(back).query)["code"][0]
    thief = Browser(client)
    asked = dict(parse_qsl(urlsplit(begin(thief)).query))
    for code in (stolen, "never-given"):
        answer = {"code": code, "state": asked["state"], "iss": there.url}
        thief.open(f"/login/callback/oidc?{urlencode(answer)}")
        assert thief.page.status_code in (400, 401) and "usher_signed_in" not in thief.cookies


def test_another_providers_answer_is_refused(client, there):
    """Mix-up (RFC 9207): the code of one provider is not taken to another."""
    for iss in ("https://evil.example", ""):
        there.script(iss=iss)
        assert sign_in(client, there).page.status_code == 401
    there.script()
    browser = Browser(client)
    back = there.consent(begin(browser))
    browser.open(back.replace("/callback/oidc", "/callback/github"))
    assert browser.page.status_code == 400


@pytest.mark.parametrize(
    "script",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": [CLIENT, "another client"], "azp": "another client"}},
        {"claims": {"exp": 1}},
        {"claims": {"exp": None}},
        {"claims": {"sub": None}},
        {"claims": {"sub": 7}},
        {"claims": {"sub": ""}},
        {"signed_by_a_stranger": True},
        {"signed_with_the_secret": True},
        {"unsigned": True},
    ],
    ids=str,
)
def test_a_token_that_does_not_hold_lets_nobody_in(client, services, there, script):
    there.script(**script)
    browser = sign_in(client, there)
    assert browser.page.status_code == 401 and "usher_signed_in" not in browser.cookies
    assert services.personal_data.person_with(ANN) is None


def test_a_provider_that_describes_itself_as_another_is_not_used(client, there):
    there.script(calls_itself="https://accounts.google.com")
    browser = Browser(client)
    browser.open("/login/with/oidc")
    assert browser.page.status_code == 401 and "usher_provider" not in browser.cookies


def test_a_provider_that_is_away_or_unknown_is_said(client, services, there):
    away = replace(services.settings, oidc_client="a:b", oidc_issuer="http://127.0.0.1:9")
    services.provider_logins._providers = providers_of(away)
    browser = Browser(client)
    browser.open("/login/with/oidc")
    assert browser.page.status_code == 503
    browser.open("/login/with/nobody")
    assert browser.page.status_code == 404
    browser.open("/login/callback/oidc?error=access_denied&state=x")
    assert browser.page.status_code == 401


def test_who_has_a_second_factor_is_asked_for_it(client, services, there, browser, ann):
    link(browser, there)
    app = App(services, ann.client)
    other = sign_in(client, there)
    assert "authenticator app" in other.text and "usher_signed_in" not in other.cookies
    other.send(code=app.next_code())
    assert f"signed in as {ANN}" in other.text


def test_an_erased_person_can_begin_anew(client, services, there, ann, browser):
    link(browser, there)
    erased(services, ann.client)
    assert services.database.fetch_all("select 1 from linked_identities") == []
    assert f"signed in as {ANN}" in sign_in(client, there).text


def test_keys_that_the_provider_has_changed_are_fetched_again(client, there):
    """Last of all: the provider keeps the new key."""
    assert "signed in" in sign_in(client, there).text
    there.script(new_key=True)
    assert "signed in" in sign_in(client, there).text
