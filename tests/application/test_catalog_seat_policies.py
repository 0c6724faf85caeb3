"""Seat policies are terms of a plan: a change is told, makes the next version, and is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters import catalog_file
from adapters.bootstrap import Services
from application.catalog import Catalog
from application.catalog_change import Change, ChangeKind

STUDIO = (Path(__file__).parents[2] / "docs" / "catalogs" / "studio.yaml").read_text()


@pytest.fixture
def catalog(services: Services) -> Catalog:
    return services.catalog


def changes(catalog: Catalog, text: str) -> tuple[Change, ...]:
    """What applying the catalogue has changed."""
    return catalog.apply(catalog.read(text)).changes


def test_changed_seat_policies_make_a_version_and_are_told_field_by_field(catalog):
    assert len(changes(catalog, STUDIO)) == 4 and changes(catalog, STUDIO) == ()
    text = STUDIO.replace("design: {reserved: 2, limit: 6", "design: {reserved: 3, limit: 6")
    text = text.replace("interns: {limit: 2}", "guests: {limit: 1}").replace("PT8H", "PT10H")
    text = text.replace("leasing: user", "swap: false").replace("      queue: {}\n", "")
    found = catalog.diff(catalog.read(text))
    assert [(change.kind, change.code, change.version) for change in found] == [
        (ChangeKind.VERSION_PUBLISHED, plan, 2) for plan in ("studio-team", "studio-person", "studio-render")
    ]
    assert [set(change.details) for change in found] == [
        {
            'entitlements.resume: "PT8H" → "PT10H"',
            "entitlements.groups.design.reserved: 2 → 3",
            "entitlements.groups.guests: none → reserved 0, limit 1, priority 0",
            "entitlements.groups.interns: reserved 0, limit 2, priority 0 → none",
        },
        {'entitlements.leasing: "user" → "machine"', "entitlements.swap: yes → no"},
        {'entitlements.queue: length 100, patience "PT1M", collect "PT1M" → none'},
    ]


def test_the_order_of_groups_is_no_difference(catalog):
    changes(catalog, STUDIO)
    staff, interns = "        staff: {priority: 5}\n", "        interns: {limit: 2}\n"
    assert staff + interns in STUDIO
    assert changes(catalog, STUDIO.replace(staff + interns, interns + staff)) == ()


def test_a_plan_that_is_shown_says_all_its_policies_and_changes_nothing_when_applied(catalog):
    changes(catalog, STUDIO)
    (render,) = [plan for plan in catalog.show()["plans"] if plan["code"] == "studio-render"]
    policies = ("resume", "leasing", "seats_per_user", "groups", "queue", "borrow", "swap")
    assert {name: render["entitlements"][name] for name in policies} == {
        "resume": "PT0S",
        "leasing": "machine",
        "seats_per_user": None,
        "groups": {},
        "queue": {"length": 100, "patience": "PT1M", "collect": "PT1M"},
        "borrow": None,
        "swap": False,
    }
    assert changes(catalog, catalog_file.write(catalog.show())) == ()


def test_a_subscription_keeps_the_policies_it_was_bought_under(catalog):
    changes(catalog, STUDIO)
    changes(catalog, STUDIO.replace("seats_per_user: 2", "seats_per_user: 3"))
    plan = catalog.plan("studio-team")
    assert [terms.entitlements.seat_policy.seats_per_user for terms in plan.versions] == [2, 3]
