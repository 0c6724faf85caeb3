"""Does what the plan says to the processes, servers and links, and puts everything right again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.counter import Counter, Teller, until
from tests.faults.history import Window
from tests.faults.installation import Installation
from tests.faults.plan import APIS, SERVERS, Fault, Plan, Step

_UP_WITHIN = 20.0
"""Seconds for an API to answer after it was started."""


class Saboteur:
    def __init__(self, place: Installation, counter: Counter) -> None:
        self._place = place
        self._counter = counter
        self._busy: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def perform(self, plan: Plan) -> None:
        """Every fault at its time; the end of it is part of it, so that nothing is broken when this returns."""
        async with asyncio.TaskGroup() as faults:
            for step in plan.steps:
                if isinstance(step.what, Fault):
                    faults.create_task(self._perform(step))

    async def _perform(self, step: Step) -> None:
        await asyncio.sleep(max(0.0, step.at - self._counter.now()))
        async with self._busy[step.target]:  # one that took longer than planned is waited for
            begin = self._counter.now()
            await self._deed(step)()
            self._counter.history.faults.append(Window(step.what, step.target, begin, self._counter.now()))

    def _deed(self, step: Step) -> Callable[[], Awaitable[None]]:
        target, seconds = step.target, step.seconds
        if ">" in target:
            return partial(self._harm_link, step.what, target, seconds)
        match step.what:
            case Fault.KILL if target in SERVERS:
                return partial(self._kill_server, target, seconds)
            case Fault.KILL:
                return partial(self._kill_process, target, seconds)
            case Fault.PAUSE:
                return partial(self._pause, target, seconds)
            case Fault.RESTORE:
                return partial(self._restore, seconds)
            case _:
                return partial(self._place.tell_valkey, "FLUSHALL")

    async def _kill_server(self, name: str, seconds: float) -> None:
        self._place.kill(name)
        await asyncio.sleep(seconds)
        await self._place.restart_server(name)

    async def _kill_process(self, name: str, seconds: float) -> None:
        self._place.kill(name)
        await asyncio.sleep(seconds)
        await self._place.start_process(name)
        if name in APIS:
            teller = Teller("saboteur", name)
            await until(partial(self._answers, teller), _UP_WITHIN)
            teller.voice.close()

    async def _answers(self, teller: Teller) -> bool:
        return (await self._counter.ask(teller, "/health/live"))[0] == 200

    async def _pause(self, name: str, seconds: float) -> None:
        self._place.pause(name)
        await asyncio.sleep(seconds)
        self._place.go_on(name)

    async def _restore(self, seconds: float) -> None:
        """As a server that saves now and then comes back after a crash: with what it had a while ago."""
        await self._place.tell_valkey("SAVE")
        await asyncio.sleep(seconds)
        self._place.kill("valkey")
        await self._place.restart_server("valkey", empty=False)

    async def _harm_link(self, what: Fault, name: str, seconds: float) -> None:
        link = self._place.links[name]
        if what is Fault.BREAK:
            link.break_all()
            return
        link.refuse() if what is Fault.REFUSE else link.hold()
        await asyncio.sleep(seconds)
        if what is Fault.SWALLOW:
            link.break_all()
        if what is Fault.REFUSE:
            await link.open()
        else:
            link.let_go()
