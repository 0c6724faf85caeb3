"""What the vendor sees of reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.api.people_engine import refused
from tests.buying_world import Vendor, selling


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


def test_runs_and_what_they_found_are_listed_for_the_vendor(vendor, services, admin):
    before = admin.get("/admin/reconciliation").json()
    assert before == {"events_until": None, "objects_until": None, "data": [], "next": None}
    vendor.pay(vendor.checkout(vendor.organization()))
    services.reconciliation.run()
    vendor.account.advance(timedelta(minutes=1))
    services.reconciliation.run()
    first = admin.get("/admin/reconciliation", params={"limit": 1}).json()
    (newest,) = first["data"]
    assert (newest["found"], newest["outcome"], newest["drift"]) == (0, "complete", [])
    assert first["events_until"] and first["objects_until"]
    (older,) = admin.get("/admin/reconciliation", params={"after": first["next"]}).json()["data"]
    assert older["found"] == older["repaired"] == len(older["drift"]) > 0
    assert {(each["kind"], each["what"], each["problem"]) for each in older["drift"]} == {("event", "missed", None)}
    assert admin.get("/admin/reconciliation", params={"drift_only": True}).json()["data"] == [older]


def test_nobody_else_sees_it(vendor, ann, client):
    refused(ann.client.get("/admin/reconciliation"), 403, "not_allowed")
    refused(client.get("/admin/reconciliation"), 401, "not_authenticated")
    refused(ann.client.get("/admin/reconciliation", params={"limit": 0}), 403, "not_allowed")
