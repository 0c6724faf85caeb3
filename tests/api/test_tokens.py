"""Tokens for solutions over HTTP: bound to a customer, a product and a licence, verified offline, ended online."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from domain.token_grant import TokenGrant
from tests.api.people_engine import Client
from tests.api.test_api_keys import refused

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Market:
    """Two solutions on sale; whoever is named has a licence of the first."""

    def __init__(self, services: Any, admin: Client) -> None:
        self.services, self.admin = services, admin
        terms = {"seats": 1, "features": {"export": True}}
        plans = [
            {"code": f"{code}-pro", "product": code, "name": code, "entitlements": terms, "prices": []}
            for code in ("maps", "mail")
        ]
        products = [{"code": code, "name": code, "license_key_prefix": code.upper()} for code in ("maps", "mail")]
        services.catalog.apply(services.catalog.read(json.dumps({"version": 1, "products": products, "plans": plans})))

    def sell(self, organization_id: UUID, product: str = "maps") -> UUID:
        found: UUID = self.services.licenses.issue(
            organization_id, f"{product}-pro", seats=None, expires_at=None
        ).license.id
        return found

    def solution(self, product: str) -> Client:
        """The program of a solution, with its key."""
        told = {"name": product, "scopes": ["tokens:read"], "product": product}
        return self.admin.as_(self.admin.post("/api-keys", json=told).json()["secret"])


@pytest.fixture
def market(services, admin) -> Market:
    return Market(services, admin)


@pytest.fixture
def license_id(market, ann) -> UUID:
    return market.sell(ann.organization_id)


@pytest.fixture
def maps(market) -> Client:
    return market.solution("maps")


def generated(by: Client, **told: Any) -> dict[str, Any]:
    answer = by.post("/tokens", json={"product": "maps", **told})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def looked_at(by: Client, token: str, **more: Any) -> dict[str, Any]:
    answer = by.post("/tokens/validate", json={"token": token, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


NOTHING = {"active": False}


def test_a_solution_verifies_a_token_offline_with_the_published_keys(ann, client, license_id):
    pair = generated(ann.client, scope=["read", "write"])
    keys = client.get("//.well-known/usher-keys.json").json()["keys"]
    header = jwt.get_unverified_header(pair["access_token"])
    [key] = [key for key in keys if key["kid"] == header["kid"]]
    said = jwt.decode(
        pair["access_token"],
        jwt.PyJWK(key),
        algorithms=["EdDSA"],
        audience="maps",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (said["sub"], said["lic"]) == (str(ann.organization_id), str(license_id))
    assert (said["plan"], said["scope"], said["features"]) == ("maps-pro", "read write", {"export": True})
    assert said["exp"] - said["iat"] == pair["expires_in"] == 900 and header["typ"] == "at+jwt"
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(
            pair["access_token"], jwt.PyJWK(key), algorithms=["EdDSA"], audience="mail", options={"verify_exp": False}
        )


def test_introspection_says_what_the_token_says_in_forms_and_json(ann, maps, license_id):
    token = generated(ann.client, scope=["read"])["access_token"]
    said = looked_at(maps, token)
    assert said["active"] and said["aud"] == "maps" and said["sub"] == str(ann.organization_id)
    assert said["license_id"] == str(license_id) and said["scope"] == "read" and said["token_type"] == "Bearer"
    form = f"token={token}&token_type_hint=access_token&client_id=x"
    assert maps.post("/tokens/validate", content=form, headers=FORM).json() == said
    basic = base64.b64encode(f"maps:{maps._bearer}".encode()).decode()
    answer = maps.post("/tokens/validate", content=form, headers={**FORM, "Authorization": f"Basic {basic}"})
    assert answer.json() == said and answer.headers["cache-control"] == "no-store"
    refused(maps.post("/tokens/validate", content=f"{form}&token=x", headers=FORM), 422, "invalid_request")
    refused(maps.post("/tokens/validate", content="", headers=FORM), 422, "invalid_request")
    refused(maps.as_(None).post("/tokens/validate", json={"token": token}), 401, "not_authenticated")
    refused(
        maps.post("/tokens/validate", json={"token": token}, headers={"Authorization": "Basic %%"}),
        401,
        "not_authenticated",
    )


def test_nobody_learns_of_a_token_that_is_not_for_them(ann, bob, market, maps, license_id):
    token, mail = generated(ann.client)["access_token"], market.solution("mail")
    assert looked_at(mail, token) == looked_at(bob.client, token) == NOTHING
    assert looked_at(mail, token, product="maps") == looked_at(market.admin, token, product="mail") == NOTHING
    assert looked_at(ann.client, token)["active"] and looked_at(market.admin, token)["active"]
    head, body, signature = token.split(".")
    forged = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    for bad in ("x", "..", f"{head}.{body}.{signature[:-4]}AAAA", f"{forged}.{body}.", token + "x", ann.client._bearer):
        assert looked_at(maps, bad) == NOTHING


def test_a_solutions_key_can_do_nothing_else(maps):
    refused(maps.get("/licenses"), 403, "not_allowed")
    refused(maps.post("/tokens", json={"product": "maps", "organization_id": str(uuid4())}), 403, "not_allowed")


def test_tokens_end_with_their_licence_at_once_online(ann, bob, admin, maps, market, license_id):
    pair = generated(ann.client)
    assert looked_at(maps, pair["access_token"])["active"]
    admin.post(f"/admin/licenses/{license_id}/suspend", json={"reason": "chargeback"})
    assert looked_at(maps, pair["access_token"]) == NOTHING
    refused(
        maps.as_(None).post("/tokens/refresh", json={"refresh_token": pair["refresh_token"]}), 403, "license_suspended"
    )
    refused(
        ann.client.post("/tokens", json={"product": "maps", "license_id": str(license_id)}), 403, "license_suspended"
    )
    refused(ann.client.post("/tokens", json={"product": "maps"}), 404, "not_found")
    admin.post(f"/admin/licenses/{license_id}/reinstate", json={"reason": "settled"})
    assert looked_at(maps, pair["access_token"])["active"]
    again = maps.as_(None).post("/tokens/refresh", json={"refresh_token": pair["refresh_token"]})
    assert again.status_code == 200, "and the refresh token was not used up meanwhile"


def test_an_access_token_ends_after_its_lifetime(ann, client, maps, services, license_id):
    pair = generated(ann.client, lifetime="PT1M")
    services.clock.advance(timedelta(minutes=1))
    assert looked_at(maps, pair["access_token"]) == NOTHING
    again = client.post("/tokens/refresh", json={"refresh_token": pair["refresh_token"]}).json()
    assert again["expires_in"] == 60 and looked_at(maps, again["access_token"])["active"]


def test_a_refresh_token_that_comes_twice_ends_them_all(ann, client, maps, services, license_id):
    first = generated(ann.client)
    form = f"grant_type=refresh_token&refresh_token={first['refresh_token']}"
    second = client.post("/tokens/refresh", content=form, headers=FORM).json()
    assert second["id"] == first["id"] and looked_at(maps, second["access_token"])["active"]
    refused(client.post("/tokens/refresh", content=form, headers=FORM), 401, "not_authenticated")
    assert looked_at(maps, second["access_token"]) == NOTHING
    refused(client.post("/tokens/refresh", json={"refresh_token": second["refresh_token"]}), 401, "not_authenticated")
    assert services.store.fetch(TokenGrant, UUID(first["id"])).revoked == "reused"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_whoever_has_a_token_can_end_it_and_is_told_nothing(ann, client, maps, license_id, which):
    pair, other = generated(ann.client), generated(ann.client)
    for token in (pair[which], pair[which], "nonsense", other["access_token"][:-4] + "AAAA"):
        answer = client.post("/tokens/revoke", content=f"token={token}", headers=FORM)
        assert (answer.status_code, answer.json()) == (200, {})
    assert looked_at(maps, pair["access_token"]) == NOTHING
    refused(client.post("/tokens/refresh", json={"refresh_token": pair["refresh_token"]}), 401, "not_authenticated")
    assert looked_at(maps, other["access_token"])["active"]


def test_a_grant_is_ended_by_its_organization(ann, bob, maps, license_id):
    pair = generated(ann.client)
    refused(bob.client.call("DELETE", f"/tokens/{pair['id']}"), 404, "not_found")
    assert looked_at(maps, pair["access_token"])["active"]
    assert ann.client.call("DELETE", f"/tokens/{pair['id']}").status_code == 204
    assert looked_at(maps, pair["access_token"]) == NOTHING


@pytest.mark.parametrize(
    "told",
    [
        {"lifetime": "PT59S"},
        {"lifetime": "PT61M"},
        {"lifetime": "soon"},
        {"scope": ["two words"]},
        {"scope": ["x"] * 21},
        {"license_id": "x"},
    ],
)
def test_bad_input_makes_no_tokens(ann, license_id, told):
    refused(ann.client.post("/tokens", json={"product": "maps", **told}), 422, "invalid_request")


def test_there_are_no_tokens_for_what_others_have_or_nobody_has(ann, bob, admin, market, license_id):
    refused(bob.client.post("/tokens", json={"product": "maps", "license_id": str(license_id)}), 404, "not_found")
    refused(bob.client.post("/tokens", json={"product": "maps"}), 404, "not_found")
    refused(ann.client.post("/tokens", json={"product": "mail", "license_id": str(license_id)}), 404, "not_found")
    refused(admin.post("/tokens", json={"product": "maps"}), 422, "invalid_request")
    assert generated(admin, organization_id=str(ann.organization_id))["token_type"] == "Bearer"


def test_a_token_is_no_lease_and_no_log_in(ann, client, services, license_id):
    token = generated(ann.client)["access_token"]
    refused(client.as_(token).get("/licenses"), 401, "not_authenticated")
    answer = client.call(
        "PATCH", f"/licenses/sessions/{uuid4()}/heartbeat", headers={"Authorization": f"Lease {token}"}
    )
    refused(answer, 401, "lease_invalid")
