"""Who suspends, resizes and evicts while everything breaks, as the plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.faults.counter import Counter, Teller
from tests.faults.history import Kind, Outcome
from tests.faults.machines import Machine
from tests.faults.plan import LICENSES, Deed, Plan, Step

_AGAIN = 1.0
"""Seconds after which a change that must be is tried again."""


class Administrator:
    def __init__(self, counter: Counter, machines: Sequence[Machine]) -> None:
        self._counter = counter
        self._machines = machines

    async def perform(self, plan: Plan) -> None:
        """Every deed at its time; each licence works and has its seats again afterwards, unless a call of which nobody
        heard the end is late."""
        async with asyncio.TaskGroup() as deeds:
            for step in plan.steps:
                if isinstance(step.what, Deed):
                    deeds.create_task(self._perform(step))

    async def restore(self) -> None:
        """When no call is under way any more: each licence works and has its seats."""
        teller = Teller("administrator", sorted(self._counter.apis)[0])
        for license, seats in LICENSES.items():
            await self._insist(teller, Kind.REINSTATE, license)
            await self._insist(teller, Kind.RESIZE, license, seats)
        teller.voice.close()

    async def _perform(self, step: Step) -> None:
        await asyncio.sleep(max(0.0, step.at - self._counter.now()))
        teller = Teller("administrator", sorted(self._counter.apis)[step.share < 0.5])
        match step.what:
            case Deed.EVICT:
                await self._evict(teller, step)
            case Deed.SUSPEND:
                await self._counter.change(teller, Kind.SUSPEND, step.target)
                await asyncio.sleep(step.seconds)
                await self._insist(teller, Kind.REINSTATE, step.target)
            case Deed.SHRINK:
                seats = LICENSES[step.target]
                fewer = max(1, min(seats - 1, round(seats * step.share)))
                await self._counter.change(teller, Kind.RESIZE, step.target, fewer)
                await asyncio.sleep(step.seconds)
                await self._insist(teller, Kind.RESIZE, step.target, seats)
        teller.voice.close()

    async def _evict(self, teller: Teller, step: Step) -> None:
        sitting = [each.seat for each in self._machines if each.seat and each.license == step.target]
        if sitting:
            await self._counter.evict(teller, sitting[int(step.share * len(sitting))])

    async def _insist(self, teller: Teller, kind: Kind, license: str, seats: int = 0) -> None:
        """Until it is done, by whichever API answers."""
        while (await self._counter.change(teller, kind, license, seats)).outcome is not Outcome.OK:
            await asyncio.sleep(_AGAIN)
            teller.via = next(api for api in self._counter.apis if api != teller.via)
