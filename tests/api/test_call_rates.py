"""How often a caller may call: as the plan says, each key for itself, and told in every answer."""

from __future__ import annotations

import json

from domain.api_key import Scope
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
    assert "ratelimit-limit" not in client.get("/licenses").headers


def test_the_vendor_and_whoever_has_no_plan_have_stated_rates(ann, admin):
    assert admin.get("/licenses").headers["ratelimit-limit"] == "5000"
    assert ann.client.get("/licenses").headers["ratelimit-limit"] == "500"
    assert made(ann.client)["secret"]
