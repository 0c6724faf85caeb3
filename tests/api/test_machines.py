"""Node-locked licences from the outside: machines come and go."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from domain.lease import fingerprint_digest
from tests.api.people_engine import refused
from tests.api.shop import CATALOG

A, B, C = (f"machine-00000{each}" for each in "abc")


@pytest.fixture
def locked(services, ann):
    """Ann's licence for two machines."""
    file = CATALOG.read_text().replace("seats: 3\n", "seats: 3\n      machines: 2\n", 1)
    services.catalog.apply(services.catalog.read(file))
    return services.licenses.issue(ann.organization_id, "starter", seats=None, expires_at=None)


def activate(client, sold, fingerprint, **more):
    return client.post("/licenses/activate", json={"license_key": sold.key.text, "fingerprint": fingerprint, **more})


def deactivate(client, sold, fingerprint):
    return client.post("/licenses/deactivate", json={"license_key": sold.key.text, "fingerprint": fingerprint})


def test_a_machine_is_bound_once_and_told_so(client, locked):
    first = activate(client, locked, A, name="Ada's laptop")
    assert first.status_code == 201, first.text
    assert first.json()["machines"] == {"limit": 2, "used": 1}
    assert first.json()["fingerprint_digest"] == fingerprint_digest(A)
    again = activate(client, locked, A)
    assert (again.status_code, again.json()) == (200, first.json())


def test_no_more_machines_than_the_plan_allows(client, locked):
    for each in (A, B):
        activate(client, locked, each)
    assert refused(activate(client, locked, C), 409, "machines_exhausted")["details"] == {"limit": 2, "used": 2}
    assert deactivate(client, locked, A).json()["machines"] == {"limit": 2, "used": 1}
    assert activate(client, locked, C).status_code == 201


def test_moving_on_and_on_ends(client, locked):
    for number in range(4):
        assert activate(client, locked, f"machine-{number:06}").status_code == 201
        assert deactivate(client, locked, f"machine-{number:06}").status_code == 200
    error = refused(activate(client, locked, C), 409, "activations_exhausted")
    assert 0 < error["retry_after"] <= timedelta(days=30).total_seconds() + 1


def test_letting_go_twice_is_once(services, client, locked):
    activate(client, locked, A)
    answers = [deactivate(client, locked, A).json() for _ in range(2)]
    assert answers[0] == answers[1] and answers[0]["machines"]["used"] == 0
    sql = "select count(*) as n from stored_events where topic = 'license.machine_deactivated'"
    assert services.database.fetch_one(sql)["n"] == 1


def test_a_licence_that_is_not_node_locked_binds_nothing(client, shop, services, ann):
    floating = services.licenses.issue(ann.organization_id, "pro", seats=None, expires_at=None)
    refused(activate(client, floating, A), 409, "conflict")


def test_a_licence_that_does_not_work_binds_nothing(services, client, locked):
    services.licenses.suspend(locked.license.id, reason="fraud")
    refused(activate(client, locked, A), 403, "license_suspended")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"license_key": "CODI-1"}, 401, "license_key_invalid"),
        ({"fingerprint": "short"}, 422, "invalid_request"),
        ({"fingerprint": "x" * 129}, 422, "invalid_request"),
        ({"fingerprint": "machine\u0000000001"}, 422, "invalid_request"),
        ({"name": "x" * 201}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_stored(services, client, locked, body, status, code):
    before = services.store.recorder.max_notification_id()
    asked = {"license_key": locked.key.text, "fingerprint": A, **body}
    refused(client.post("/licenses/activate", json=asked), status, code)
    assert services.store.recorder.max_notification_id() == before


def test_validation_knows_at_once_which_machines_are_bound(services, client, locked):
    async def codes(*fingerprints: str) -> list[str]:
        found = [await services.validation.validate(locked.key.text, fingerprint=each) for each in fingerprints]
        return [str(each.code) for each in found]

    activate(client, locked, A)
    assert services.in_loop(codes(A, B)) == ["VALID", "FINGERPRINT_NOT_ACTIVATED"]


def test_the_owner_sees_and_releases_machines(client, ann, locked):
    activate(client, locked, A, name="Ada's laptop")
    activate(client, locked, B)
    path = f"/licenses/{locked.license.id}/machines"
    first, second = ann.client.get(path).json()["data"]
    assert (first["fingerprint_digest"], first["name"]) == (fingerprint_digest(A), "Ada's laptop")
    assert second["name"] is None and second["activated_at"].endswith("Z")
    page = ann.client.get(path, params={"limit": 1}).json()
    assert ann.client.get(path, params={"after": page["next"]}).json() == {"data": [second], "next": None}
    for _ in range(2):
        assert ann.client.delete(f"{path}/{fingerprint_digest(A)}").status_code == 204
    assert ann.client.get(path).json()["data"] == [second]
    refused(ann.client.delete(f"{path}/nonsense"), 422, "invalid_request")


def test_lists_count_the_machines(client, ann, locked, caught_up):
    activate(client, locked, A)
    activate(client, locked, B)
    deactivate(client, locked, A)
    caught_up()
    (listed,) = ann.client.get("/licenses").json()["data"]
    assert listed["machines"] == {"limit": 2, "used": 1}
    assert listed == ann.client.get(f"/licenses/{locked.license.id}").json()


def test_the_licence_file_names_the_machines_and_how_long_it_holds(services, client, ann, locked):
    activate(client, locked, A)
    file = ann.client.get(f"/licenses/{locked.license.id}/download").json()
    proven = json.loads(base64.b64decode(file["payload"]))
    machines = proven["license"]["machines"]
    assert (machines["limit"], machines["used"]) == (2, 1)
    assert machines["fingerprints"] == [fingerprint_digest(A)]
    assert machines["holds_until"] > proven["signed_at"]


def test_a_fingerprint_is_kept_as_a_digest_only_and_a_name_can_be_erased(services, client, ann, locked):
    activate(client, locked, A, name="Ada's laptop")
    stored = services.database.fetch_all("select state::text as state from stored_events")
    assert not any(A in row["state"] or "Ada's" in row["state"] for row in stored)
    assert ann.client.delete("/me").status_code == 204
    assert services.machines.names(locked.license.id) == {}
    assert set(services.licenses.fetch(locked.license.id).machines.bound) == {fingerprint_digest(A)}
