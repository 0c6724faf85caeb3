"""Outgoing webhooks on the command line."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from tests.outbound_world import Outbound
from tests.webhook_receiver import receiving

CATALOG = Path(__file__).parents[2] / "docs" / "catalogs" / "coditect.yaml"
NOBODY = UUID("6f1c1e0a-4a54-5d52-9d0b-75736865720a")


@pytest.fixture
def world(services) -> Outbound:
    services.catalog.apply(services.catalog.read(CATALOG.read_bytes()))
    return Outbound(services)


def test_endpoints_and_deliveries_are_listed_replayed_and_sent_again(engine, services, world):
    with receiving() as receiver:
        owner = world.organization()
        id = str(world.endpoint(receiver.url, "license.*", owner=owner).endpoint.endpoint_id)
        services.licenses.issue(owner, "pro", seats=None, expires_at=None)
        world.settle()
        (endpoint,) = engine("webhooks", "list", "--json").json
        assert (endpoint["id"], endpoint["state"], endpoint["types"]) == (id, "enabled", ["license.*"])
        assert receiver.url in engine("webhooks", "list").out
        assert engine("webhooks", "list", "--organization", NOBODY).out == "There is no endpoint.\n"
        (sent,) = engine("webhooks", "deliveries", "--endpoint", id, "--state", "delivered", "--json").json
        assert (sent["type"], sent["attempts"], sent["status"]) == ("license.issued", 1, 204)
        assert engine("webhooks", "deliveries", "--type", "license.revoked").out == "There is none.\n"
        assert "license.issued" in engine("webhooks", "deliveries").out
        started = engine("webhooks", "replay", id, "--from", 1, "--type", "license.issued", "--json").json
        assert (started["state"], started["from_position"], started["types"]) == ("running", 1, ["license.issued"])
        assert engine("webhooks", "retry", sent["id"]).out == f"{sent['id']} is waiting\n"
        world.settle()
        marks = sorted(str(each.json["replay_id"]) for each in receiver.requests)
        assert marks == sorted(["None", "None", started["id"]])


def test_wrong_use_and_what_is_not_there_are_said(engine, services, world):
    assert engine("webhooks", "deliveries", "--state", "lost").code == 2
    assert engine("webhooks", "replay", NOBODY).code == 2
    said = engine("webhooks", "replay", NOBODY, "--from", 1)
    assert (said.code, said.err) == (1, f"usher: There is no webhook endpoint {NOBODY}.\n")
    refused = engine("webhooks", "retry", NOBODY, "--json")
    assert refused.code == 1 and refused.json["error"]["code"] == "not_found"
