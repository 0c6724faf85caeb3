"""Charts, records and meters from the outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.api_key import Scope
from tests.api.people_engine import refused
from tests.api.usage.conftest import MeteredApi, record
from tests.usage_world import months

DAY = timedelta(days=1)
METERS = [
    {"code": "gigabytes", "name": "Gigabytes", "aggregation": "sum", "decimals": 3, "unit": "GB"},
    {"code": "peak", "name": "Peak", "aggregation": "max"},
    {"code": "people", "name": "People", "aggregation": "unique", "counts": "person"},
    {"code": "stored", "name": "Stored", "aggregation": "last"},
]


@pytest.fixture
def acme(api: MeteredApi) -> Any:
    api.sell(*METERS, pro=months(1000))
    return api.customer("pro")


@pytest.fixture
def noon(api: MeteredApi) -> datetime:
    """Ten days ago."""
    return (api.world.now() - 10 * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


def tell(acme: Any, *records: dict[str, Any]) -> None:
    answer = acme.client.post("/usage", json={"records": list(records)})
    assert answer.status_code == 202, answer.text


def shown(client: Any, **params: Any) -> dict[str, Any]:
    """A chart, of calls if nothing else is said."""
    params = {name.removesuffix("_"): str(value) for name, value in ({"meter": "calls"} | params).items() if value}
    answer = client.get("/usage", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def at(moment: datetime, **facts: Any) -> dict[str, Any]:
    return record(at=moment.isoformat(), **facts)


def test_every_day_has_its_step_also_without_use(api, acme, noon):
    tell(acme, at(noon, quantity=2), at(noon + timedelta(hours=3), quantity=3), at(noon + 2 * DAY, quantity=7))
    api.world.follow()
    chart = shown(acme.client, from_=(noon - DAY).isoformat(), to=(noon + 3 * DAY).isoformat())
    days = [(noon + n * DAY).date().isoformat() for n in range(-1, 4)]
    assert [(step["date"], step["quantity"], step["records"]) for step in chart["data"]] == list(
        zip(days, (0, 5, 0, 7, 0), (0, 2, 0, 1, 0), strict=True)
    )
    assert (chart["total"], chart["by"], chart["time_zone"]) == (12, "day", "UTC")


def test_days_are_those_of_the_time_zone(api, acme, noon):
    tell(acme, at(noon, quantity=2), at(noon + timedelta(hours=11, minutes=30), quantity=3))
    api.world.follow()
    span = {"from_": noon - DAY, "to": noon + 2 * DAY, "time_zone": "Asia/Tokyo"}
    chart = shown(acme.client, **span)
    used = {step["date"]: step["quantity"] for step in chart["data"] if step["quantity"]}
    assert used == {noon.date().isoformat(): 2, (noon + DAY).date().isoformat(): 3}
    assert {datetime.fromisoformat(step["start"]).astimezone(UTC).hour for step in chart["data"]} == {15}


@pytest.mark.parametrize(("by", "steps"), [("hour", 48), ("day", 3), ("week", 2), ("month", 2)])
def test_steps_of_time(api, acme, by, steps):
    monday = datetime(2026, 8, 31, 12, tzinfo=UTC)
    chart = shown(acme.client, by=by, from_=monday, to=monday + (2 if by in ("hour", "day") else 7) * DAY)
    assert len(chart["data"]) == steps and {step["quantity"] for step in chart["data"]} == {0}


def test_use_is_shared_out_the_largest_first(api, acme, noon):
    program, key_id = api.key(acme.organization_id, Scope.USAGE_WRITE)
    program.post("/usage", json={"records": [at(noon, quantity=9, subject="ann", dimensions={"solution": "s1"})]})
    tell(acme, at(noon, quantity=2, subject="bob", dimensions={"solution": "s2"}), at(noon, quantity=1, subject="ann"))
    tell(acme, at(noon, meter="gigabytes", quantity="0.125"))
    api.world.follow()

    def shares(by: str, **params: Any) -> dict[str, float]:
        return {each["value"]: each["quantity"] for each in shown(acme.client, by=by, **params)["data"]}

    assert shares("subject") == {"ann": 10, "bob": 2}
    assert shares("solution") == {"s1": 9, "s2": 2}
    assert shares("key") == {str(key_id): 9}
    assert shares("nothing") == {}
    meters = shown(acme.client, by="meter", meter=None)
    assert {each["meter"]: (each["quantity"], each["records"]) for each in meters["data"]} == {
        "calls": (12, 3),
        "gigabytes": (0.125, 1),
    }
    assert [each["meter"] for each in shown(acme.client, by="meter", meter="gigabytes")["data"]] == ["gigabytes"]
    for only, quantity in (("subject:ann", 10), ("solution:s2", 2), (f"key:{key_id}", 9), ("solution:s9", 0)):
        chart = shown(acme.client, only=only)
        assert chart["total"] == sum(step["quantity"] for step in chart["data"]) == quantity


def test_peaks_people_and_levels_are_no_sums(api, acme, noon):
    tell(
        acme,
        *(at(noon + n * DAY, meter="peak", quantity=quantity) for n, quantity in enumerate((1, 3, 2))),
        *(
            at(noon + n * DAY, meter="people", quantity=None, dimensions={"person": f"{who}@example.com"})
            for n, who in enumerate(("ann", "bob", "ann"))
        ),
        *(
            at(noon + n * DAY, meter="stored", quantity=10 * n + 10, subject=who)
            for n, who in enumerate(("a", "b", "a"))
        ),
    )
    api.world.follow()
    span = {"from_": noon - timedelta(hours=1), "to": noon + 3 * DAY}
    charts = {meter: shown(acme.client, meter=meter, **span) for meter in ("peak", "people", "stored")}
    steps = {meter: [step["quantity"] for step in chart["data"]] for meter, chart in charts.items()}
    assert steps == {"peak": [1, 3, 2, 0], "people": [1, 1, 1, 0], "stored": [10, 30, 50, 50]}
    assert {meter: chart["total"] for meter, chart in charts.items()} == {"peak": 3, "people": 2, "stored": 50}
    assert "ann@example.com" not in str(charts)
    levels = shown(acme.client, meter="stored", by="subject")["data"]
    assert [(each["value"], each["quantity"]) for each in levels] == [("a", 30), ("b", 20)]


def test_a_level_that_was_there_before_the_chart_begins_goes_up_and_down(api, acme, noon):
    hour = timedelta(hours=1)
    for after, who, quantity in ((0, "a", 10), (2, "a", 4), (2, "b", 7), (3, "b", 0)):
        tell(acme, at(noon + after * hour, meter="stored", quantity=quantity, subject=who))
    api.world.follow()
    for zone in ("UTC", "Asia/Kathmandu"):
        span = {"by": "hour", "from_": noon + hour, "to": noon + 4 * hour, "time_zone": zone}
        steps = shown(acme.client, meter="stored", **span)["data"]
        assert [(step["quantity"], step["records"]) for step in steps][:3] == [(10, 1), (11, 2), (4, 2)]
        only_b = shown(acme.client, meter="stored", only="subject:b", **span)["data"]
        assert [step["quantity"] for step in only_b][:3] == [0, 7, 0]


def test_the_vendor_sees_who_uses_most(api, noon):
    api.sell({"code": "shared", "name": "Shared", "aggregation": "sum"}, pro=months(9))
    one, other = api.customer("pro"), api.customer("pro")
    tell(one, at(noon, meter="shared", quantity=5))
    tell(other, at(noon, meter="shared", quantity=8))
    api.world.follow()
    shares = shown(api.vendor, meter="shared", by="organization")["data"]
    assert [(each["value"], each["quantity"]) for each in shares] == [
        (str(other.organization_id), 8),
        (str(one.organization_id), 5),
    ]
    refused(one.client.get("/usage", params={"meter": "shared", "by": "organization"}), 403, "not_allowed")
    mine = shown(api.vendor, meter="shared", organization_id=one.organization_id)
    assert mine["total"] == 5


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "meter"),
        ({"meter": "cals"}, "meter"),
        ({"meter": "calls", "by": "hour", "from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}, "from"),
        ({"meter": "calls", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"meter": "calls", "from": "2000-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"meter": "calls", "to": "0001-01-01T00:00:00Z"}, "to"),
        ({"meter": "calls", "from": "soon"}, "from"),
        ({"meter": "calls", "time_zone": "Mars/Olympus"}, "time_zone"),
        ({"meter": "calls", "only": "ann"}, "only"),
        ({"meter": "calls", "by": "subject", "only": "solution:s1"}, "only"),
        ({"by": "meter", "only": "solution:s1"}, "only"),
        ({"meter": "stored", "by": "solution"}, "by"),
        ({"meter": "stored", "only": "solution:s1"}, "only"),
        ({"meter": "calls", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_charted_is_refused(acme, params, field):
    error = refused(acme.client.get("/usage", params=params), 422, "invalid_request")
    assert [each["field"] for each in error["details"]["fields"]] == [field]


def test_the_vendor_sees_who_stores_most(api, acme, noon):
    other = api.customer("pro")
    tell(acme, *(at(noon, meter="stored", quantity=5, subject=who) for who in ("a", "b")))
    tell(acme, at(noon + DAY, meter="stored", quantity=6, subject="a"))
    tell(other, at(noon, meter="stored", quantity=7, subject="a"))
    api.world.follow()
    shares = shown(api.vendor, meter="stored", by="organization", to=noon + 2 * DAY)["data"]
    found = {each["value"]: each["quantity"] for each in shares}
    assert (found[str(acme.organization_id)], found[str(other.organization_id)]) == (11, 7)
    before = shown(api.vendor, meter="stored", by="organization", to=noon + timedelta(hours=1))["data"]
    assert {each["value"]: each["quantity"] for each in before}[str(acme.organization_id)] == 10


def test_a_chart_says_up_to_which_record_it_speaks(api, acme):
    taken = acme.client.post("/usage", json={"records": [record()]}).json()
    api.world.follow()
    chart = acme.client.get("/usage", params={"meter": "calls"})
    assert int(chart.headers["X-Log-Position"]) == taken["position"]


def test_records_come_in_pages_in_order_of_time(api, acme, noon):
    tell(acme, *(at(noon + timedelta(minutes=(7 * n) % 10), id=f"p{n}", subject="ann@x.test") for n in range(10)))
    tell(acme, {"id": "void", "voids": "p3"}, at(noon, id="other", meter="peak"), at(noon, id="bob", subject="bob"))
    seen: list[dict[str, Any]] = []
    params = {"meter": "calls", "of_subject": "ann@x.test", "limit": "4"}
    while True:
        page = acme.client.get("/usage/records", params=params).json()
        seen += page["data"]
        if not page["next"]:
            break
        params["after"] = page["next"]
    assert [each["at"] for each in seen] == sorted(each["at"] for each in seen)
    assert sorted(each["id"] for each in seen) == sorted([*(f"p{n}" for n in range(10)), "void"])
    by_id = {each["id"]: each for each in seen}
    assert (by_id["p3"]["voided_by"], by_id["void"]["voids"], by_id["p1"]["voided_by"]) == ("void", "p3", None)
    assert by_id["p1"]["subject"] == "ann@x.test"


def test_everything_that_is_counted_is_listed(api, acme):
    meters = {meter.pop("code"): meter for meter in acme.client.get("/meters").json()["data"]}
    assert meters["gigabytes"] == {
        "name": "Gigabytes",
        "aggregation": "sum",
        "unit": "GB",
        "decimals": 3,
        "dimensions": None,
        "counts": None,
    }
    assert meters["people"]["counts"] == "person" and "calls" in meters


def test_what_is_above_a_limit_that_bills_is_told_period_by_period(api: MeteredApi, monkeypatch):
    api.sell(*METERS, soft=months(100, hard=False, overage={"usd": "0.25"}))
    acme, other = api.customer("soft"), api.customer("soft")
    tell(acme, record(quantity=150))
    (quota,) = acme.client.get("/quotas").json()["data"]
    assert quota["overage"] == {"quantity": 50, "unit_price": "0.25", "currency": "usd", "amount": 13}
    api.world.services.overages.look([(acme.organization_id, "calls", api.world.now())])
    api.world.follow()
    (told,) = acme.client.get("/usage/overages").json()["data"]
    assert (told["status"], told["included"], told["amount"], told["meter"]) == ("running", 100, None, "calls")
    monkeypatch.setattr(api.world.clock, "ahead", timedelta(days=32))
    api.world.services.overages.measure(UUID(told["id"]))
    monkeypatch.undo()
    api.world.follow()
    (told,) = acme.client.get("/usage/overages", params={"meter": "calls"}).json()["data"]
    assert (told["status"], told["used"], told["overage"], told["amount"]) == ("settled", 150, 50, 13)
    assert told["unit_price"] == "0.25" and told["subscription_id"] is None
    assert other.client.get("/usage/overages").json()["data"] == []
    refused(
        acme.client.get("/usage/overages", params={"organization_id": str(other.organization_id)}), 404, "not_found"
    )
