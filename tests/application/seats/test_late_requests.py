"""A request whose process stood still comes back when its client has long gone on without it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.seat_world import Sold, World, acquire


async def while_one_stands_still(world: World, sold: Sold, meanwhile: Any) -> Any:
    """Machine 1 asks a process that stops right before it stores; `meanwhile(other)` happens; then it goes on. Answers
    what the first process had to say in the end."""
    async with world.open_seats() as still, world.open_seats() as other:
        append, goes_on, stands = still._recording._log.append, asyncio.Event(), asyncio.Event()

        async def late(*args: Any, **kwargs: Any) -> int:
            stands.set()
            await goes_on.wait()
            return await append(*args, **kwargs)

        still._recording._log.append = late  # type: ignore[method-assign]
        asked = asyncio.create_task(acquire(still, sold, 1))
        await stands.wait()
        await meanwhile(other)
        goes_on.set()
        return await asked


@pytest.mark.parametrize("others", [0, 1])
def test_a_session_that_has_ended_is_never_opened_again(world, others):
    sold = world.sell(seats=3)
    ended = []

    async def meanwhile(other: Any) -> None:
        sat = await acquire(other, sold, 1)
        ended.append(sat.session_id)
        await other.release(sat.session_id, sat.lease)
        for machine in range(others):
            await acquire(other, sold, 10 + machine)

    late = asyncio.run(while_one_stands_still(world, sold, meanwhile))
    assert late.session_id not in ended
    assert world.check_log(3) == 1 + others


def test_a_session_that_goes_on_is_answered_to_both(world):
    sold = world.sell(seats=3)
    sat = []

    async def meanwhile(other: Any) -> None:
        sat.append(await acquire(other, sold, 1))

    late = asyncio.run(while_one_stands_still(world, sold, meanwhile))
    assert late.session_id == sat[0].session_id
    assert world.check_log(3) == 1
