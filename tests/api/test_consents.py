"""What the vendor asks people and organizations to agree to, and what is known of it afterwards."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.api.household import PASSWORD, id_of, invited, joined, logged_in, prove, token_of
from tests.api.people_engine import refused

DAN = {"email": "dan@example.test", "password": PASSWORD, "full_name": "Dan", "company_name": "Dan Ltd"}


def publish(admin, policy: str, version: str = "1", **changed: str):
    body = {"title": policy.title(), "url": f"https://acme.test/{policy}/{version}", **changed}
    return admin.call("PUT", f"/admin/policies/{policy}/versions/{version}", json=body)


@pytest.fixture
def policies(admin):
    """What a vendor has: terms and news for people, an agreement about data for organizations."""
    assert publish(admin, "terms").status_code == 200
    assert publish(admin, "news", demand="optional").status_code == 200
    assert publish(admin, "dpa", party="organization").status_code == 200


def outstanding(client) -> list[tuple[str, str]]:
    return [(each["policy"], each["version"]) for each in client.get("/me").json()["outstanding_policies"]]


def agree(client, policy: str, version: str = "1"):
    return client.post("/me/consents", json={"policy": policy, "version": version})


def test_who_registers_without_knowing_of_policies_is_told_at_log_in_what_is_outstanding(
    services, client, admin, policies, ann
):
    assert [each["policy"] for each in client.get("/policies").json()["data"]] == ["dpa", "news", "terms"]
    prove(services, ann)
    told = logged_in(client, "ann@example.test")["outstanding_policies"]
    assert [(each["policy"], each["party"], each["demand"]) for each in told] == [
        ("dpa", "organization", "required"),
        ("terms", "person", "required"),
    ]
    assert told[1]["url"] == "https://acme.test/terms/1" and outstanding(ann.client) == [("dpa", "1"), ("terms", "1")]
    for _ in range(2):
        assert agree(ann.client, "terms").json()["version"] == "1"
    assert outstanding(ann.client) == [("dpa", "1")]
    publish(admin, "terms", "2")
    assert outstanding(ann.client) == [("dpa", "1"), ("terms", "2")]
    error = refused(agree(ann.client, "news", "0"), 422, "invalid_request")
    assert error["details"]["fields"][0]["field"] == "version"
    refused(agree(ann.client, "nothing"), 404, "not_found")
    topics = services.database.fetch_all("select topic from stored_events where topic like 'consent_record.%%'")
    assert [row["topic"] for row in topics] == ["consent_record.opened", "consent_record.given"]


def test_what_was_agreed_to_is_recorded_with_the_registration_and_is_in_the_exports(
    services, client, admin, policies, bob, caught_up
):
    agreed = [{"policy": name, "version": "1"} for name in ("terms", "dpa", "news")]
    made = client.post("/auth/register", json={**DAN, "consents": agreed}).json()
    caught_up()
    mine = admin.get(f"/admin/consents?user_id={made['user_id']}").json()["data"]
    assert [(each["policy"], each["organization_id"]) for each in mine] == [
        ("dpa", made["organization_id"]),
        ("news", None),
        ("terms", None),
    ]
    assert admin.get("/admin/consents?policy=dpa&version=1").json()["data"] == [mine[0]]
    services.users.verify_email(services.users.verification_link(UUID(made["user_id"])).url.partition("token=")[2])
    dan = client.as_(logged_in(client, DAN["email"])["access_token"])
    assert outstanding(dan) == [] and dan.get("/me/consents").json()["data"] == mine
    assert bob.client.get("/me/consents").json()["data"] == []
    assert [each["policy"] for each in dan.get("/me/export").json()["consents"]] == ["terms", "news", "dpa"]
    of_organization = dan.get(f"/organizations/{made['organization_id']}/export").json()
    assert [each["policy"] for each in of_organization["consents"]] == ["dpa"]
    assert "consent_record.given" in {each["type"] for each in of_organization["history"]}


def test_without_what_is_needed_to_register_nobody_does(services, client, admin, ann):
    publish(admin, "terms", demand="at_registration")
    error = refused(client.post("/auth/register", json=DAN), 409, "consent_required")
    assert error["details"]["policies"] == [{"policy": "terms", "version": "1", "url": "https://acme.test/terms/1"}]
    wrong = [{"policy": "terms", "version": "7"}]
    fields = refused(client.post("/auth/register", json={**DAN, "consents": wrong}), 422, "invalid_request")
    assert fields["details"]["fields"][0]["field"] == "consents.0.version"
    strange = [{"policy": "privacy", "version": "1"}]
    refused(client.post("/auth/register", json={**DAN, "consents": strange}), 422, "invalid_request")
    agreed = [{"policy": "terms", "version": "1"}]
    person = {"token": token_of(services, invited(ann)), "password": PASSWORD, "full_name": "Cat"}
    refused(client.post("/invitations/register", json=person), 409, "consent_required")
    assert client.post("/invitations/register", json={**person, "consents": agreed}).status_code == 201
    publish(admin, "terms", "2", demand="at_registration")
    old = refused(client.post("/auth/register", json={**DAN, "consents": agreed}), 409, "policy_version_superseded")
    assert old["details"] == {"current": "2"}
    agreed[0]["version"] = "2"
    assert client.post("/auth/register", json={**DAN, "consents": agreed}).status_code == 201
    assert len(services.database.fetch_all("select from people where email = %s", (DAN["email"],))) == 1


def test_an_owner_agrees_for_the_organization_and_members_are_not_asked(
    services, client, policies, ann, bob, caught_up
):
    cat = joined(services, client, ann, "admin")
    assert outstanding(cat.client) == [("terms", "1")]
    refused(agree(cat.client, "dpa"), 403, "not_allowed")
    assert agree(ann.client, "dpa").status_code == 200
    assert outstanding(ann.client) == [("terms", "1")]
    assert outstanding(bob.client) == [("dpa", "1"), ("terms", "1")]
    caught_up()
    [seen] = cat.client.get("/me/consents").json()["data"]
    assert (seen["policy"], seen["user_id"]) == ("dpa", id_of(ann))
    assert bob.client.get("/me/consents").json()["data"] == []


def test_what_is_optional_can_be_taken_back_and_what_is_required_cannot(client, policies, ann, bob, caught_up):
    assert agree(ann.client, "news").status_code == 200 and agree(ann.client, "terms").status_code == 200
    refused(ann.client.delete("/me/consents/terms"), 409, "consent_required")
    refused(ann.client.delete("/me/consents/nothing"), 404, "not_found")
    for _ in range(2):
        assert ann.client.delete("/me/consents/news").status_code == 204
    assert bob.client.delete("/me/consents/news").status_code == 204  # never given: nothing happens
    agree(ann.client, "news")
    caught_up()
    newest, terms, former = ann.client.get("/me/consents").json()["data"]
    assert (newest["policy"], newest["withdrawn_at"]) == ("news", None) and terms["withdrawn_at"] is None
    assert former["withdrawn_at"] and former["withdrawn_by"] == id_of(ann)


def test_versions_stay_as_they_were_published_and_a_withdrawn_policy_is_not_asked_for(admin, policies, client, ann):
    refused(publish(admin, "terms", url="https://acme.test/other"), 409, "policy_version_published")
    refused(publish(admin, "terms", "2", url="javascript:alert(1)"), 422, "invalid_request")
    refused(publish(ann.client, "terms", "2"), 403, "not_allowed")
    refused(publish(client, "terms", "2"), 401, "not_authenticated")
    assert publish(admin, "terms").json()["versions"] == admin.get("/admin/policies").json()["data"][2]["versions"]
    assert admin.delete("/admin/policies/terms").status_code == 204
    assert outstanding(ann.client) == [("dpa", "1")]
    refused(agree(ann.client, "terms"), 409, "policy_version_superseded")
    assert [each["withdrawn"] for each in admin.get("/admin/policies").json()["data"]] == [False, False, True]
    refused(admin.delete("/admin/policies/nothing"), 404, "not_found")
