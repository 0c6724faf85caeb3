"""Signing in by an OpenID provider that somebody else wrote (oidc-provider-mock), in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from adapters.login_providers import providers_of
from tests.api.browsing import Browser
from tests.api.test_provider_logins import begin

WITHIN = 30  # seconds
ADA = {"sub": "ada-1", "email": "ada@example.test", "email_verified": True, "name": "Ada Lovelace"}


@pytest.fixture
def issuer() -> Iterator[str]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    with subprocess.Popen([*command, "--user-claims", json.dumps(ADA)], stderr=subprocess.DEVNULL) as process:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + WITHIN
        while not _answers(url):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_person_signs_in_by_it_and_is_known_again(client, services, issuer):
    settings = replace(services.settings, oidc_client="usher:any secret", oidc_issuer=issuer)
    services.provider_logins._providers = providers_of(settings)
    for _ in range(2):
        browser = Browser(client)
        url = begin(browser)
        assert httpx.get(url).status_code == 200, "it asks who signs in"
        back = httpx.post(url, data={"sub": ADA["sub"]})
        assert back.status_code == 302, back.text
        browser.open(back.headers["location"].removeprefix(services.settings.public_url))
        assert "signed in as ada@example.test" in browser.text
    person = services.personal_data.person_with("ada@example.test")
    assert person.full_name == "Ada Lovelace" and person.email_verified_at is not None
