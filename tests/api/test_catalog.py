"""What is sold, from the outside: plans for everybody, the catalogue file for the vendor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.api.people_engine import refused

FILE = Path("docs/catalogs/coditect.yaml").read_bytes()
STUDIO = Path("docs/catalogs/studio.yaml").read_bytes()
YAML = {"Content-Type": "application/yaml"}


def applied(admin, file=FILE, **options):
    response = admin.call("PUT", "/admin/catalog", content=file, headers=YAML, **options)
    assert response.status_code == 200, response.text
    return response.json()


def test_applying_a_catalogue_says_what_changed_and_twice_is_once(admin):
    first = applied(admin)
    assert first["versions"] == {"starter": 1, "pro": 1, "enterprise": 1} and first["dry_run"] is False
    assert any(change["code"] == "pro" and change["sentence"] for change in first["changes"])
    assert applied(admin)["changes"] == []


def test_a_dry_run_says_the_same_and_changes_nothing(admin, client):
    dry = applied(admin, params={"dry_run": "true"})
    assert dry["dry_run"] is True and dry["versions"] == {"starter": 1, "pro": 1, "enterprise": 1}
    refused(client.get("/plans/pro"), 404, "not_found")


def test_a_catalogue_may_come_as_json(admin, client):
    content = json.dumps(yaml.safe_load(FILE)).encode()
    response = admin.call("PUT", "/admin/catalog", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 200, response.text
    assert client.get("/plans/pro").json()["prices"][0]["amount"] == 9900


def test_a_wrong_catalogue_is_refused_with_line_and_path(admin):
    wrong = FILE.replace(b"seats: 10\n", b"seats: ten\n")
    error = refused(admin.call("PUT", "/admin/catalog", content=wrong, headers=YAML), 422, "invalid_request")
    (problem,) = error["details"]["problems"]
    assert problem["path"] == "plans[1].entitlements.seats"
    assert b"seats: ten" in wrong.splitlines()[problem["line"] - 1]


@pytest.mark.parametrize(
    "file", [b"", b"\x00", b"[" * 5000, b"a: &a [*a]", b"\xff\xfe", b"version: 1\nproducts: []\nplans: []\n"]
)
def test_nonsense_is_refused_and_nothing_is_stored(admin, services, file):
    before = services.store.recorder.max_notification_id()
    refused(admin.call("PUT", "/admin/catalog", content=file, headers=YAML), 422, "invalid_request")
    assert services.store.recorder.max_notification_id() == before


def test_another_kind_of_file_is_refused(admin):
    response = admin.call("PUT", "/admin/catalog", content=FILE, headers={"Content-Type": "application/xml"})
    assert refused(response, 422, "invalid_request")["details"]["fields"][0]["field"] == "Content-Type"


def test_only_the_vendor_applies_catalogues(client, ann):
    refused(client.call("PUT", "/admin/catalog", content=FILE, headers=YAML), 401, "not_authenticated")
    refused(ann.client.call("PUT", "/admin/catalog", content=FILE, headers=YAML), 403, "not_allowed")


def test_everybody_sees_the_plans_by_price(admin, client, caught_up):
    applied(admin)
    caught_up()
    response = client.get("/plans")
    assert [plan["code"] for plan in response.json()["data"]] == ["starter", "pro", "enterprise"]
    assert int(response.headers["X-Log-Position"]) > 0


def test_a_plan_says_the_same_alone_and_in_the_list(admin, client, caught_up):
    applied(admin, FILE.replace(b"overage: 0\n", b"overage: 0.25\n"))
    caught_up()
    listed = {plan["code"]: plan for plan in client.get("/plans").json()["data"]}
    for code in listed:
        assert client.get(f"/plans/{code}").json() == listed[code]
    assert listed["pro"]["entitlements"]["overage"] == 0.25
    assert listed["pro"]["entitlements"]["payment_grace"] == ["P7D", "P3D"]


def test_everybody_sees_how_a_plans_seats_are_shared_out(admin, client, caught_up):
    applied(admin, STUDIO)
    caught_up()
    listed = {plan["code"]: plan for plan in client.get("/plans").json()["data"]}
    for code in listed:
        assert client.get(f"/plans/{code}").json() == listed[code]
    policies = ("resume", "leasing", "seats_per_user", "groups", "queue", "borrow", "swap")
    assert {name: listed["studio-team"]["entitlements"][name] for name in policies} == {
        "resume": "PT8H",
        "leasing": "machine",
        "seats_per_user": 2,
        "groups": {
            "design": {"reserved": 2, "limit": 6, "priority": 9},
            "interns": {"reserved": 0, "limit": 2, "priority": 0},
            "staff": {"reserved": 0, "limit": None, "priority": 5},
        },
        "queue": {"length": 50, "patience": "PT1M", "collect": "PT2M"},
        "borrow": {"longest": "P7D", "keep": 3},
        "swap": True,
    }
    person = listed["studio-person"]["entitlements"]
    assert (person["leasing"], person["queue"], person["groups"]) == ("user", None, {})
    assert listed["studio-render"]["entitlements"]["borrow"] is None


def test_plans_come_in_pages(admin, client, caught_up):
    applied(admin)
    caught_up()
    codes, after = [], None
    while True:
        page = client.get("/plans", params={"limit": 1, **({"after": after} if after else {})}).json()
        codes += [plan["code"] for plan in page["data"]]
        if (after := page["next"]) is None:
            break
    assert codes == ["starter", "pro", "enterprise"]


def test_plans_can_be_narrowed_to_a_product(admin, client, caught_up):
    applied(admin)
    applied(admin, Path("docs/catalogs/contextkit.yaml").read_bytes())
    caught_up()
    found = client.get("/plans", params={"product": "coditect"}).json()["data"]
    assert {plan["product"] for plan in found} == {"coditect"} and len(found) == 3


def test_a_withdrawn_plan_is_known_but_not_on_sale(admin, client, caught_up):
    applied(admin)
    without_pro = yaml.safe_load(FILE)
    without_pro["plans"] = [plan for plan in without_pro["plans"] if plan["code"] != "pro"]
    applied(admin, yaml.safe_dump(without_pro).encode())
    caught_up()
    assert client.get("/plans/pro").json()["withdrawn"] is True
    assert "pro" not in {plan["code"] for plan in client.get("/plans").json()["data"]}


def test_a_parameter_that_is_not_known_is_refused(client):
    error = refused(client.get("/plans", params={"prodcut": "coditect"}), 422, "invalid_request")
    assert error["details"]["fields"] == [{"field": "prodcut", "message": "unknown query parameter"}]
