"""Licences from the outside: lists, one, its file, who sits on it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from domain.caller import Caller
from domain.license_key import derive
from tests.api.people_engine import refused
from tests.api.shop import license_of

MACHINE = Caller("198.51.100.7", "desktop/1.0", "host-of-ada", "ada", "linux", "4.2")


@pytest.fixture
def sold(services, shop, ann):
    """Ann's licence of ten seats, by hand, with its key."""
    return services.licenses.issue(ann.organization_id, "pro", seats=None, expires_at=None)


def seated(services, key: str, *machines: int):
    async def sit():
        sat = [await services.seats.acquire(key, f"machine-{each:06}", MACHINE) for each in machines]
        return sat

    return services.in_loop(sit())


def as_license(key: str) -> dict[str, str]:
    return {"Authorization": f"License {key}"}


def test_a_bought_licence_is_listed_and_says_the_same_alone(shop, ann, caught_up):
    license_id = license_of(shop.buy(ann.organization_id))
    caught_up()
    response = ann.client.get("/licenses")
    (listed,) = response.json()["data"]
    assert listed == ann.client.get(f"/licenses/{license_id}").json()
    assert int(response.headers["X-Log-Position"]) > 0
    assert set(listed) == {
        "id", "key_hint", "organization_id", "product", "plan", "plan_version", "status", "seats", "features", "limits",
        "issued_at", "expires_at", "grace_ends_at", "suspended_reason", "subscription_id", "machines",
    }  # fmt: skip
    assert (listed["product"], listed["plan"], listed["status"]) == ("coditect", "pro", "active")
    assert listed["seats"] == {"limit": 10, "used": 0} and listed["machines"] is None
    assert listed["issued_at"].endswith("Z") and listed["key_hint"].startswith("CODI-…-")


def test_a_licence_is_seen_before_any_read_model_knows_it(ann, sold):
    assert ann.client.get(f"/licenses/{sold.license.id}").json()["status"] == "active"
    assert ann.client.get("/licenses").json() == {"data": [], "next": None}


def test_seats_that_were_just_taken_count_at_once_and_once(services, ann, sold, caught_up):
    def used() -> int:
        return ann.client.get(f"/licenses/{sold.license.id}").json()["seats"]["used"]

    first, *_ = seated(services, sold.key.text, 1, 2, 3)
    assert used() == 3
    caught_up()
    assert used() == 3
    services.seat_work.evict(first.session_id)
    assert used() == 2
    caught_up()
    assert used() == 2 == ann.client.get("/licenses").json()["data"][0]["seats"]["used"]


def test_lists_are_narrowed_by_status_product_and_subscription(services, shop, ann, sold, caught_up):
    bought = license_of(shop.buy(ann.organization_id))
    services.licenses.suspend(sold.license.id, reason="fraud")
    caught_up()

    def found(**query: object) -> set[str]:
        return {each["id"] for each in ann.client.get("/licenses", params=query).json()["data"]}

    subscription = ann.client.get(f"/licenses/{bought}").json()["subscription_id"]
    assert found(status="suspended") == {str(sold.license.id)}
    assert found(status="active") == found(subscription_id=subscription) == {str(bought)}
    assert len(found(product="coditect")) == 2 and found(product="cortex") == set()


def test_the_vendor_sees_all_organizations_and_can_narrow(services, shop, admin, ann, bob, sold, caught_up):
    services.licenses.issue(bob.organization_id, "starter", seats=None, expires_at=None)
    caught_up()
    assert len(admin.get("/licenses").json()["data"]) == 2
    (of_ann,) = admin.get("/licenses", params={"organization_id": str(ann.organization_id)}).json()["data"]
    assert of_ann["id"] == str(sold.license.id)


def test_a_list_comes_in_pages_newest_first(services, shop, ann, caught_up):
    made = [
        str(services.licenses.issue(ann.organization_id, "pro", seats=each, expires_at=None).license.id)
        for each in range(1, 6)
    ]
    caught_up()
    seen, after = [], {}
    while True:
        page = ann.client.get("/licenses", params={"limit": 2, **after}).json()
        seen += [each["id"] for each in page["data"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"after": "AAAA"}, "after"),
        ({"after": "\0"}, "after"),
        ({"status": "fine"}, "status"),
        ({"subscription_id": "1"}, "subscription_id"),
        ({"product": "x" * 65}, "product"),
        ({"stauts": "active"}, "stauts"),
    ],
)
def test_absurd_questions_are_refused(ann, query, field):
    error = refused(ann.client.get("/licenses", params=query), 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == [field]


def test_a_cursor_of_another_list_is_refused(services, shop, ann, admin, caught_up):
    for _ in range(2):
        services.licenses.issue(ann.organization_id, "pro", seats=1, expires_at=None)
    caught_up()
    cursor = ann.client.get("/licenses", params={"limit": 1}).json()["next"]
    refused(admin.get("/admin/licenses", params={"after": cursor}), 422, "invalid_request")


def test_a_program_needs_the_scope(services, client, ann):
    made = ann.client.post("/api-keys", json={"name": "usage", "scopes": ["usage:write"]}).json()
    refused(client.as_(made["secret"]).get("/licenses"), 403, "not_allowed")
    refused(client.get("/licenses"), 401, "not_authenticated")


# by its own key


def test_a_client_sees_the_licence_of_its_key_however_it_stands(services, client, sold):
    response = client.get("/licenses/current", headers=as_license(sold.key.text.lower()))
    assert response.json()["id"] == str(sold.license.id)
    services.licenses.revoke(sold.license.id, reason="fraud")
    assert client.get("/licenses/current", headers=as_license(sold.key.text)).json()["status"] == "revoked"


def test_a_key_that_is_wrong_replaced_or_missing_opens_nothing(services, client, ann, sold):
    stranger = derive(b"x" * 32, uuid4(), 1, "CODI").text
    for header in (as_license("CODI-1"), as_license(stranger), as_license(""), {}):
        response = client.get("/licenses/current", headers=header)
        refused(response, 401, "license_key_invalid")
        assert response.headers["WWW-Authenticate"] == "License"
    refused(ann.client.get("/licenses/current"), 401, "license_key_invalid")
    services.licenses.rotate_key(sold.license.id, reason="leaked")
    refused(client.get("/licenses/current", headers=as_license(sold.key.text)), 401, "license_key_invalid")


# the file


def checked(client, response) -> dict:
    """What a licence file proves, checked with nothing but the published keys."""
    assert response.status_code == 200, response.text
    file = response.json()
    keys = {each["kid"]: each for each in client.get("//.well-known/usher-keys.json").json()["keys"]}
    key, payload = keys[file["kid"]], base64.b64decode(file["payload"])
    signature = base64.b64decode(file["signature"])
    if key["kty"] == "OKP":
        ed25519.Ed25519PublicKey.from_public_bytes(_number(key["x"])).verify(signature, payload)
    else:
        numbers = rsa.RSAPublicNumbers(int.from_bytes(_number(key["e"])), int.from_bytes(_number(key["n"])))
        assert numbers.n.bit_length() == 4096
        numbers.public_key().verify(signature, payload, padding.PKCS1v15(), SHA256())
    return json.loads(payload)


def _number(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa-4096"])
def test_a_downloaded_file_proves_the_licence(client, ann, sold, algorithm):
    response = ann.client.get(f"/licenses/{sold.license.id}/download", params={"algorithm": algorithm})
    proven = checked(client, response)["license"]
    assert (proven["id"], proven["status"], proven["seats"]["limit"]) == (str(sold.license.id), "active", 10)
    assert response.headers["Content-Disposition"] == 'attachment; filename="coditect-license.json"'
    assert response.headers["Content-Type"] == "application/json"


def test_the_key_alone_downloads_its_own_file_and_no_other(services, client, ann, sold):
    other = services.licenses.issue(ann.organization_id, "pro", seats=1, expires_at=None).license
    mine = client.get(f"/licenses/{sold.license.id}/download", headers=as_license(sold.key.text))
    assert checked(client, mine)["license"]["id"] == str(sold.license.id)
    refused(client.get(f"/licenses/{other.id}/download", headers=as_license(sold.key.text)), 404, "not_found")
    refused(client.get(f"/licenses/{other.id}/download"), 401, "not_authenticated")


def test_a_licence_that_does_not_work_has_no_file(services, ann, sold):
    path = f"/licenses/{sold.license.id}/download"
    services.licenses.suspend(sold.license.id, reason="fraud")
    refused(ann.client.get(path), 403, "license_suspended")
    services.licenses.revoke(sold.license.id, reason="fraud")
    refused(ann.client.get(path), 403, "license_revoked")


def test_an_expired_licence_has_no_file(services, shop, admin, ann):
    end = services.clock.now() + timedelta(days=1)
    sold = services.licenses.issue(ann.organization_id, "pro", seats=None, expires_at=end)
    services.clock.advance(timedelta(days=2))
    refused(admin.get(f"/licenses/{sold.license.id}/download"), 403, "license_expired")


def test_an_unknown_algorithm_is_refused(ann, sold):
    refused(
        ann.client.get(f"/licenses/{sold.license.id}/download", params={"algorithm": "none"}), 422, "invalid_request"
    )


# sessions


def test_sessions_say_who_sits_and_who_sat(services, ann, sold, caught_up):
    first, second = seated(services, sold.key.text, 1, 2)
    services.seat_work.evict(first.session_id, note="moved")
    caught_up()
    path = f"/licenses/{sold.license.id}/sessions"
    response = ann.client.get(path)
    newest, oldest = response.json()["data"]
    assert int(response.headers["X-Log-Position"]) > 0
    assert (newest["session_id"], newest["state"], newest["reason"]) == (str(second.session_id), "open", None)
    assert (oldest["seat"], oldest["state"], oldest["reason"]) == (1, "closed", "evicted")
    assert (newest["hostname"], newest["user"], newest["platform"]) == ("host-of-ada", "ada", "linux")
    assert "fingerprint" not in newest and newest["address"] == "198.51.100.7"
    assert [each["seat"] for each in ann.client.get(path, params={"state": "open"}).json()["data"]] == [2]
    assert [each["seat"] for each in ann.client.get(path, params={"state": "closed"}).json()["data"]] == [1]


def test_sessions_come_in_pages_of_their_own_licence(services, ann, sold, caught_up):
    other = services.licenses.issue(ann.organization_id, "pro", seats=None, expires_at=None)
    seated(services, sold.key.text, 1, 2, 3)
    caught_up()
    path = f"/licenses/{sold.license.id}/sessions"
    page = ann.client.get(path, params={"limit": 2}).json()
    assert [each["seat"] for each in page["data"]] == [3, 2]
    assert [each["seat"] for each in ann.client.get(path, params={"after": page["next"]}).json()["data"]] == [1]
    elsewhere = ann.client.get(f"/licenses/{other.license.id}/sessions", params={"after": page["next"]})
    refused(elsewhere, 422, "invalid_request")


def test_what_is_not_a_licence_is_not_found(ann, sold):
    refused(ann.client.get(f"/licenses/{uuid4()}"), 404, "not_found")
    refused(ann.client.get(f"/licenses/{ann.organization_id}"), 404, "not_found")
    refused(ann.client.get(f"/licenses/{UUID(int=0)}/sessions"), 404, "not_found")
