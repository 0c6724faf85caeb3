"""A plan is a pure function of its seed, and leaves nothing broken."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.faults.plan import LICENSES, LINKS, PROCESSES, SERVERS, Deed, Fault, Plan


def test_the_same_seed_makes_the_same_plan_and_another_seed_another_one():
    assert Plan.of(7, 60) == Plan.of(7, 60)
    assert Plan.of(7, 60).steps != Plan.of(8, 60).steps


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_over_in_time_and_nothing_is_broken_twice_at_once(seed):
    plan = Plan.of(seed, 60)
    assert all(step.at + step.seconds <= 60 for step in plan.steps)
    for target in {step.target for step in plan.steps}:
        for step, following in pairwise(step for step in plan.steps if step.target == target):
            assert step.at + step.seconds <= following.at


def test_every_process_and_server_is_killed_and_paused_in_a_long_run():
    done = {(step.what, step.target) for step in Plan.of(1, 600).steps}
    assert done >= {(what, target) for what in (Fault.KILL, Fault.PAUSE) for target in (*PROCESSES, *SERVERS)}
    assert {what for what, _ in done} == {*Fault, *Deed}
    assert {target for _, target in done} <= {*PROCESSES, *SERVERS, *LINKS, *LICENSES}


def test_it_is_told_step_by_step():
    plan = Plan.of(3, 30)
    assert len(str(plan).splitlines()) == 1 + len(plan.steps)
