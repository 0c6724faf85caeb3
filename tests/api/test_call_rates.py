"""How often a caller may call: as the plan says, each key for itself, and told in every answer."""

from __future__ import annotations

import json
from datetime import timedelta

from api import call_rates, tokens, validation
from domain.api_key import Scope
from domain.rate import Rate
from tests.api.test_api_keys import made, refused


def sell(services, organization_id, **rates):
    plan = {"code": "studio", "product": "studio", "name": "Studio", "prices": []}
    plan["entitlements"] = {"seats": 1, "rate_limits": rates}
    product = {"code": "studio", "name": "Studio", "license_key_prefix": "STUD"}
    services.catalog.apply(services.catalog.read(json.dumps({"version": 1, "products": [product], "plans": [plan]})))
    services.licenses.issue(organization_id, "studio", seats=None, expires_at=None)


def test_a_plan_paces_each_key_for_itself_and_each_class_of_routes(ann, client, services):
    sell(services, ann.organization_id, api="3/hour", papers="1/day")
    one, other = (
        client.as_(services.api_keys.issue(name="ci", scopes=scopes, organization_id=ann.organization_id).secret)
        for scopes in ([Scope.LICENSES_READ, Scope.INVOICES_READ], [Scope.LICENSES_READ])
    )
    answers = [one.get("/licenses") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
    assert 0 < int(answers[-1].headers["retry-after"]) <= 1200
    assert refused(answers[-1], 429, "rate_limited")["retry_after"] == int(answers[-1].headers["retry-after"])
    assert other.get("/licenses").headers["ratelimit-remaining"] == "2"
    paper = f"/invoices/{ann.organization_id}/pdf"
    assert [one.get(paper).status_code for _ in range(2)] == [404, 429], "papers are counted by themselves"


def test_a_refused_call_counts_as_well_and_one_without_a_credential_is_no_callers(ann, client, services):
    sell(services, ann.organization_id, api="2/hour")
    issued = services.api_keys.issue(name="ci", scopes=[Scope.AUDIT], organization_id=ann.organization_id)
    key = client.as_(issued.secret)
    assert [key.get("/licenses").status_code for _ in range(3)] == [403, 403, 429]
    assert client.get("/licenses").headers["ratelimit-limit"] == "300", "that is an address's"


def test_whoever_shows_what_opens_nothing_is_counted_by_address(ann, client, services, monkeypatch):
    monkeypatch.setattr(call_rates, "STRANGER_RATE", Rate(4, timedelta(hours=1)))
    stranger = client.as_("usk_" + "x" * 43)
    assert [stranger.get("/licenses").status_code for _ in range(2)] == [401, 401]
    assert client.post("/licenses/validate", json={"license_key": "STUD-AAAA"}).json()["code"] == "NOT_FOUND"
    assert client.post("/tokens/revoke", json={"token": "none.of.ours"}).status_code == 200
    for path, body in (
        ("/tokens/refresh", {"refresh_token": "none.of.ours"}),
        ("/tokens/revoke", {"token": "none.of.ours"}),
        ("/licenses/validate", {"license_key": "STUD-AAAA"}),
        ("/licenses/acquire", {"license_key": "STUD-AAAA", "fingerprint": "machine-0001"}),
        ("/usage", {"records": []}),
    ):
        answer = stranger.post(path, json=body)
        assert refused(answer, 429, "rate_limited"), path
        assert 0 < int(answer.headers["retry-after"]) <= 900 and answer.headers["ratelimit-limit"] == "4"
    assert ann.client.get("/licenses").status_code == 200, "who is known is not an address"


def test_validations_are_counted_by_licence(ann, client, services, monkeypatch):
    sell(services, ann.organization_id)
    keys = [services.licenses.issue(ann.organization_id, "studio", seats=None, expires_at=None).key.text for _ in "ab"]
    monkeypatch.setattr(validation, "LICENSE_RATE", Rate(2, timedelta(hours=1)))
    asked = [client.post("/licenses/validate", json={"license_key": keys[0]}) for _ in range(3)]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in asked] == ["1", "0", "0"]
    assert client.post("/licenses/validate", json={"license_key": keys[1]}).status_code == 200


def test_the_tokens_of_one_grant_are_counted_together(ann, client, services, monkeypatch):
    sell(services, ann.organization_id)
    monkeypatch.setattr(tokens, "GRANT_RATE", Rate(2, timedelta(hours=1)))
    one, other = (services.solution_tokens.generate(ann.organization_id, "studio") for _ in "ab")
    following = client.post("/tokens/refresh", json={"refresh_token": one.refresh_token}).json()
    assert client.post("/tokens/refresh", json={"refresh_token": following["refresh_token"]}).status_code == 200
    late = client.post("/tokens/revoke", json={"token": following["access_token"]})
    assert refused(late, 429, "rate_limited")
    assert client.post("/tokens/revoke", json={"token": other.access_token}).status_code == 200


def test_the_vendor_and_whoever_has_no_plan_have_stated_rates(ann, admin):
    assert admin.get("/licenses").headers["ratelimit-limit"] == "5000"
    assert ann.client.get("/licenses").headers["ratelimit-limit"] == "500"
    assert made(ann.client)["secret"]
