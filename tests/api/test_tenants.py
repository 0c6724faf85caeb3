"""Nobody sees, or can tell the existence of, what is another organization's: tried on every route there is."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.caller import Caller
from domain.ids import credit_note_id_for, invoice_id_for
from domain.lease import fingerprint_digest
from domain.license import License
from tests.api.people_engine import Client, refused
from tests.api.shop import CATALOG, license_of, subscription_of
from tests.stripe_money import credit_note, event, newest

PUBLIC = {"/plans/{code}", "/sandbox/mails/{mail_id}/attachments/{name}"}
ADMIN = "/admin/"
LEASED = "/licenses/sessions/{session_id}"  # a lease says itself which session it is of
TICKETED = "/licenses/queue/{ticket_id}"  # and a ticket which place in the queue


@pytest.fixture
def anns(services, selling, shop, ann) -> dict[str, str]:
    """One of everything that is Ann's, by the name of the path parameter that leads to it."""
    reference = shop.buy(ann.organization_id)
    file = CATALOG.read_text().replace("seats: 3\n", "seats: 3\n      machines: 2\n", 1)
    services.catalog.apply(services.catalog.read(file))
    locked = services.licenses.issue(ann.organization_id, "starter", seats=None, expires_at=None)
    services.machines.activate(locked.key.text, "machine-000001", name="Ann's laptop")
    invoice = newest(shop.account, "invoice")
    shop.deliver_made(event("credit_note.created", credit_note(invoice, 500), at=shop.account.at + 60))
    return {
        "license_id": str(license_of(reference)),
        "subscription_id": str(subscription_of(reference)),
        "invoice_id": str(invoice_id_for("stripe", invoice["id"])),
        "credit_note_id": str(credit_note_id_for("stripe", credit_note(invoice, 500)["id"])),
        "organization_id": str(ann.organization_id),
        "key_id": ann.client.post("/api-keys", json={"name": "mine", "scopes": ["licenses:read"]}).json()["id"],
        "session_id": _seated(services, locked.key.text),
        "grant_id": str(services.solution_tokens.generate(ann.organization_id, "coditect").grant_id),
        "fingerprint_digest": fingerprint_digest("machine-000001"),
        "provider_event_id": str(uuid4()),
        "ticket_id": str(uuid4()),
        "user_id": ann.client.get("/me").json()["user_id"],
        "invitation_id": _invited(ann),
        "sign_in_id": ann.client.get("/me/sessions").json()["data"][0]["id"],
        "reservation_id": str(uuid4()),
        **_told(services, ann.organization_id),
    }


def _invited(owner) -> str:
    invitation = {"email": "cat@example.test", "role": "viewer"}
    return owner.client.post(f"/organizations/{owner.organization_id}/members", json=invitation).json()["id"]


def _told(services, organization_id: UUID) -> dict[str, str]:
    """An endpoint that is told of things, a delivery to it, and a replay."""
    endpoints = services.webhook_endpoints
    id = endpoints.add(organization_id, url="http://127.0.0.1:9/", types=["*"]).endpoint.endpoint_id
    delivery, replay = endpoints.test(id), endpoints.replay(id, from_position=1)
    return {"endpoint_id": str(id), "delivery_id": str(delivery.delivery_id), "replay_id": str(replay.id)}


def _seated(services, key: str) -> str:
    async def sit() -> UUID:
        sat = await services.seats.acquire(key, "machine-000001", Caller())
        return sat.session_id

    return str(services.in_loop(sit()))


def routes(client: Client) -> list[tuple[str, str]]:
    """(method, path under the base path) of every documented operation that is about one object."""
    paths = client.get("//openapi.json").json()["paths"]
    under = ((path.removeprefix("/api/v1"), methods) for path, methods in paths.items() if path.startswith("/api/v1"))
    return [(method.upper(), path) for path, methods in under for method in methods if "{" in path]


def strangers(client: Client) -> list[tuple[str, str]]:
    """Those that a customer may call at all, but for things of its own only."""
    return [
        (method, path)
        for method, path in routes(client)
        if path not in PUBLIC and not path.startswith((ADMIN, "/audit")) and LEASED not in path and path != TICKETED
    ]


def fill(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda match: ids[match[1]], path)


def asked(caller: Client, method: str, path: str) -> Any:
    body = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    return caller.call(method, path, **body)


def test_another_organizations_things_are_absent_on_every_route(client, bob, anns):
    checked = strangers(client)
    assert {path for _, path in checked} >= {
        "/licenses/{license_id}",
        "/licenses/{license_id}/download",
        "/licenses/{license_id}/sessions",
        "/licenses/{license_id}/machines",
        "/licenses/{license_id}/machines/{fingerprint_digest}",
        "/subscriptions/{subscription_id}",
        "/invoices/{invoice_id}",
        "/invoices/{invoice_id}/pdf",
        "/invoices/{invoice_id}/credit-notes/{credit_note_id}/pdf",
        "/organizations/{organization_id}",
        "/organizations/{organization_id}/members/{user_id}",
        "/organizations/{organization_id}/invitations/{invitation_id}",
        "/api-keys/{key_id}",
        "/webhook-endpoints/{endpoint_id}",
        "/webhook-endpoints/{endpoint_id}/replays/{replay_id}",
        "/webhook-deliveries/{delivery_id}",
    }
    nothing = {name: str(uuid4()) for name in anns} | {"fingerprint_digest": anns["fingerprint_digest"]}
    for method, path in checked:
        theirs = refused(asked(bob.client, method, fill(path, anns)), 404, "not_found")
        absent = refused(asked(bob.client, method, fill(path, nothing)), 404, "not_found")
        assert _shape(theirs, anns) == _shape(absent, nothing), (method, path)


def _shape(error: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The refusal but for the ids that the caller gave itself."""
    message = error["message"]
    for id in ids.values():
        message = message.replace(id, "…")
    return {**error, "message": message, "request_id": "…"}


def test_their_owner_reaches_them_all(client, ann, anns):
    for method, path in strangers(client):
        if method == "GET":
            response = asked(ann.client, method, fill(path, anns))
            assert response.status_code == 200, (path, response.text)


def test_what_is_the_vendors_is_forbidden_whether_it_exists_or_not(client, bob, anns):
    checked = [(method, path) for method, path in routes(client) if path.startswith(ADMIN)]
    assert len(checked) >= 9
    for method, path in checked:
        refused(asked(bob.client, method, fill(path, anns)), 403, "not_allowed")


def test_lists_hold_nothing_of_another_organization(client, ann, bob, anns, caught_up):
    caught_up()
    for path in (
        *("/licenses", "/subscriptions", "/invoices", "/payments", "/api-keys"),
        *("/webhook-endpoints", "/webhook-deliveries"),
    ):
        assert ann.client.get(path).json()["data"], path
        assert bob.client.get(path).json()["data"] == [], path
        asked_for = bob.client.get(path, params={"organization_id": str(ann.organization_id)})
        refused(asked_for, 404, "not_found")


def test_a_filter_by_another_organizations_object_finds_nothing(bob, anns, caught_up):
    caught_up()
    for path in ("/licenses", "/invoices"):
        found = bob.client.get(path, params={"subscription_id": anns["subscription_id"]})
        assert found.json() == {"data": [], "next": None}


def test_a_cursor_of_another_organization_leads_to_nothing_of_it(services, ann, bob, anns, caught_up):
    """A cursor says where a list goes on, not whose list it is."""
    caught_up()
    cursor = ann.client.get("/licenses", params={"limit": 1}).json()["next"]
    assert bob.client.get("/licenses", params={"after": cursor}).json()["data"] == []


def test_a_key_of_an_organization_sees_as_little_as_its_people(client, bob, anns, caught_up):
    caught_up()
    made = bob.client.post("/api-keys", json={"name": "mine", "scopes": ["licenses:read", "invoices:read"]}).json()
    program = client.as_(made["secret"])
    refused(program.get(f"/licenses/{anns['license_id']}"), 404, "not_found")
    refused(program.get(f"/invoices/{anns['invoice_id']}"), 404, "not_found")
    assert program.get("/licenses").json()["data"] == []


def test_without_a_credential_nothing_is_answered(client, anns):
    for method, path in strangers(client):
        refused(asked(client, method, fill(path, anns)), 401, "not_authenticated")


def test_a_licence_that_went_over_is_seen_by_its_new_owner_only(services, ann, bob, anns, caught_up):
    license_id = UUID(anns["license_id"])
    services.store.change(
        License, license_id, lambda each: each.transfer(bob.organization_id, now=services.clock.now())
    )
    caught_up()
    assert bob.client.get(f"/licenses/{license_id}").status_code == 200
    refused(ann.client.get(f"/licenses/{license_id}"), 404, "not_found")
    assert [each["id"] for each in bob.client.get("/licenses").json()["data"]] == [str(license_id)]
