"""Node-locked licences: given machines, when they come and go, then so many and no more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.entitlements import Entitlements
from domain.errors import ActivationsExhausted, Conflict, LicenseRevoked, LicenseSuspended, MachinesExhausted
from domain.license import License
from domain.license_terms import Key, Terms
from domain.machines import FILE_HOLDS

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LOCKED = Terms("coditect", "locked", 1, 1, Entitlements(seats=1, machines=2))


def licensed(machines: int | None = 2) -> License:
    terms = replace(LOCKED, entitlements=replace(LOCKED.entitlements, machines=machines))
    return License.issue(
        id=UUID(int=1),
        organization_id=UUID(int=2),
        subscription_id=None,
        key=Key(1, "d" * 64, "CODI-…-7K2QX"),
        terms=terms,
        expires_at=None,
        now=NOW,
    )


def facts(license: License) -> list[str]:
    return [type(event).__name__ for event in license.pending_events][1:]


def test_a_machine_is_bound_once_however_often_it_asks():
    license = licensed()
    for _ in range(3):
        license.activate_machine("a", now=NOW)
    assert facts(license) == ["MachineActivated"]
    assert set(license.machines.bound) == {"a"}


def test_no_more_machines_than_the_plan_allows():
    license = licensed()
    license.activate_machine("a", now=NOW)
    license.activate_machine("b", now=NOW)
    with pytest.raises(MachinesExhausted) as refused:
        license.activate_machine("c", now=NOW)
    assert refused.value.details == {"limit": 2, "used": 2}


def test_a_machine_that_was_let_go_makes_room():
    license = licensed()
    license.activate_machine("a", now=NOW)
    license.activate_machine("b", now=NOW)
    license.deactivate_machine("a", now=NOW)
    license.activate_machine("c", now=NOW)
    assert set(license.machines.bound) == {"b", "c"}


def test_letting_go_of_a_stranger_is_no_news():
    license = licensed()
    license.deactivate_machine("a", now=NOW)
    assert facts(license) == []


def moved_on(license: License, *machines: str, now: datetime = NOW) -> None:
    """Each in turn is activated (downloads its file) and let go of."""
    for machine in machines:
        license.activate_machine(machine, now=now)
        license.deactivate_machine(machine, now=now)


def test_activating_and_letting_go_in_turn_makes_no_files_without_end():
    license = licensed()
    moved_on(license, "a", "b", "c", "d")
    with pytest.raises(ActivationsExhausted) as refused:
        license.activate_machine("e", now=NOW + DAY)
    assert refused.value.retry_after == (FILE_HOLDS - DAY).total_seconds() + 1


def test_a_machine_that_counts_already_may_come_back():
    license = licensed()
    moved_on(license, "a", "b", "c", "d")
    license.activate_machine("a", now=NOW + DAY)
    assert set(license.machines.bound) == {"a"}


def test_a_released_machine_counts_until_its_file_has_run_out():
    license = licensed()
    moved_on(license, "a", "b", "c", "d")
    license.activate_machine("e", now=NOW + FILE_HOLDS)
    assert set(license.machines.bound) == {"e"}


def test_the_smallest_licence_may_move_twice():
    license = licensed(machines=1)
    moved_on(license, "a", "b", "c")
    with pytest.raises(ActivationsExhausted):
        license.activate_machine("d", now=NOW)


def test_a_plan_that_binds_no_machine_has_nothing_to_activate():
    with pytest.raises(Conflict, match="not bound to machines"):
        licensed(machines=None).activate_machine("a", now=NOW)


def test_a_licence_that_does_not_work_binds_none_but_lets_go():
    license = licensed()
    license.activate_machine("a", now=NOW)
    license.suspend(reason="fraud", now=NOW)
    with pytest.raises(LicenseSuspended):
        license.activate_machine("b", now=NOW)
    license.deactivate_machine("a", now=NOW)
    license.revoke(reason="fraud", now=NOW)
    with pytest.raises(LicenseRevoked):
        license.activate_machine("a", now=NOW)


STEPS = some.lists(
    some.tuples(some.sampled_from("abcdefgh"), some.booleans(), some.sampled_from([0, 0, 1, 9])),
    min_size=20,
    max_size=60,
)


@given(STEPS, some.integers(1, 2))
def test_whatever_happens_few_files_hold_at_any_time(steps, limit):
    """Each bound machine fetches a file at the last moment: at no time do more hold than the bound says."""
    license, now = licensed(limit), NOW
    held_until: dict[str, datetime] = {}
    for machine, comes, days in steps:
        now += days * DAY
        held_until |= {each: now + FILE_HOLDS for each in license.machines.bound}
        with suppress(MachinesExhausted, ActivationsExhausted):
            (license.activate_machine if comes else license.deactivate_machine)(machine, now=now)
        held_until |= {each: now + FILE_HOLDS for each in license.machines.bound}
        assert len(license.machines.bound) <= limit
        assert sum(until > now for until in held_until.values()) <= limit + max(limit, 2)
