"""Is this key good? Every answer of contract §8, as a program gets it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.bootstrap import Services
from api.app import create_app
from application.licenses import NewLicense
from domain.lease import fingerprint_digest
from domain.license import License
from domain.organization import Organization

CATALOG = Path("docs/catalogs/coditect.yaml")
PATH = "/api/v1/licenses/validate"


@pytest.fixture
def issued(services: Services) -> NewLicense:
    services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
    owner = Organization.register(id=UUID(int=1), now=services.clock.now())
    services.store.add(owner)
    expires_at = services.clock.now() + timedelta(days=30)
    return services.licenses.issue(owner.id, "starter", seats=None, expires_at=expires_at)


def ask(services: Services, **body: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        transport = httpx.ASGITransport(app=create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://usher.test") as client:
            answer = await client.post(PATH, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return services.in_loop(run())


def test_a_good_key_opens_its_licence(services, issued):
    answer = ask(services, license_key=issued.key.text)
    license = answer["license"]
    assert (answer["valid"], answer["code"]) == (True, "VALID")
    assert (license["id"], license["status"], license["plan"]) == (str(issued.license.id), "active", "starter")
    assert license["seats"] == {"limit": 3, "used": 0}
    assert license["expires_at"].endswith("Z")
    assert issued.key.text not in str(license)


def test_a_key_is_read_forgivingly(services, issued):
    sloppy = issued.key.text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert ask(services, license_key=sloppy)["code"] == "VALID"


def test_the_product_has_to_be_the_right_one(services, issued):
    assert ask(services, license_key=issued.key.text, product="coditect")["code"] == "VALID"
    answer = ask(services, license_key=issued.key.text, product="cortex")
    assert answer == {"valid": False, "code": "PRODUCT_MISMATCH"}


@pytest.mark.parametrize("key", ["CODI-00000-00000-00000-00000-00000", "nonsense", "x" * 100])
def test_an_unknown_key_opens_nothing(services, issued, key):
    assert ask(services, license_key=key) == {"valid": False, "code": "NOT_FOUND"}


def test_suspended_reinstated_rotated_and_revoked_show_at_once(services, issued):
    key, id = issued.key.text, issued.license.id
    assert ask(services, license_key=key)["code"] == "VALID"
    services.licenses.suspend(id, reason="abuse")
    answer = ask(services, license_key=key)
    assert (answer["valid"], answer["code"], answer["license"]["status"]) == (False, "SUSPENDED", "suspended")
    services.licenses.reinstate(id, reason="cleared")
    rotated = services.licenses.rotate_key(id, reason="leaked")
    assert ask(services, license_key=key)["code"] == "NOT_FOUND"
    assert ask(services, license_key=rotated.key.text)["code"] == "VALID"
    services.licenses.revoke(id, reason="fraud")
    assert ask(services, license_key=rotated.key.text)["code"] == "REVOKED"


def test_a_licence_expires_when_its_time_is_over(services, issued):
    assert ask(services, license_key=issued.key.text)["code"] == "VALID"
    services.clock.advance(timedelta(days=30))
    answer = ask(services, license_key=issued.key.text)
    assert (answer["code"], answer["license"]["status"]) == ("EXPIRED", "expired")


def test_a_node_locked_licence_is_good_on_its_machines_only(services, issued):
    bound = CATALOG.read_text().replace("seats: 3\n", "seats: 3\n      machines: 1\n", 1)
    services.catalog.apply(services.catalog.read(bound))
    owner = issued.license.organization_id
    locked = services.licenses.issue(owner, "starter", seats=None, expires_at=None)
    digest = fingerprint_digest("machine-000001")
    services.store.change(
        License, locked.license.id, lambda each: each.activate_machine(digest, now=services.clock.now())
    )
    key = locked.key.text
    assert ask(services, license_key=key, fingerprint="machine-000001")["code"] == "VALID"
    answer = ask(services, license_key=key, fingerprint="machine-000002")
    assert (answer["valid"], answer["code"]) == (False, "FINGERPRINT_NOT_ACTIVATED")
    assert ask(services, license_key=issued.key.text, fingerprint="machine-000002")["code"] == "VALID"


def test_it_answers_again_after_redis_was_emptied(services, issued, redis):
    assert ask(services, license_key=issued.key.text)["code"] == "VALID"
    redis.flushall()
    assert ask(services, license_key=issued.key.text)["code"] == "VALID"
