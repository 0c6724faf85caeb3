"""Machines that compete for seats, as badly behaved as machines are: they retry, repeat, dawdle, sleep, and lie about
the time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.faults.counter import Counter, Seat, Teller
from tests.faults.history import Call, Outcome

BEAT = 3.0
"""Seconds between two heartbeats, as the catalogue says."""


class Machine:
    """A desktop with a program that wants a seat of `license` again and again until it is told to stop.

    Its decisions follow from the seed and its name, as far as the answers it gets are the same.
    """

    def __init__(self, counter: Counter, name: str, license: str, seed: int) -> None:
        self.license = license
        self.seat: Seat | None = None
        self._counter = counter
        self._chance = Random(f"{seed} {name}")
        self._teller = Teller(name, self._chance.choice(list(counter.apis)))
        self._installed = 0
        self._skew = 0.0
        self._stopping = asyncio.Event()

    @property
    def fingerprint(self) -> str:
        return f"{self._teller.client}-{self._installed}"

    async def run(self) -> None:
        """Until `stop`; then most give their seat back and the others just fall silent."""
        await self._wait(4 * self._chance.random())
        while not self._stopping.is_set():
            if self.seat is None:
                await self._sit_down()
            else:
                await self._stay(self.seat)
        if self.seat is not None and self._chance.random() < 0.8:
            await self._counter.release(self._teller, self.seat)
        self._teller.voice.close()

    def stop(self) -> None:
        self._stopping.set()

    # a seat

    async def _sit_down(self) -> None:
        """One request, or the same one several times at once; when nothing comes of it, again after a while."""
        copies = self._chance.choice((2, 3)) if self._chance.random() < 0.08 else 1
        asked = [
            self._counter.acquire(self._teller, self.license, self.fingerprint, **self._manner()) for _ in range(copies)
        ]
        answers = await asyncio.gather(*asked)
        self.seat = next((seat for _, seat in answers if seat), None)
        if self.seat is None:
            await self._after_failure(answers[0][0], patience=7.0)

    async def _stay(self, seat: Seat) -> None:
        what = self._chance.choices(list(_HABITS), list(_HABITS.values()))[0]
        await what(self, seat)

    async def _beat(self, seat: Seat) -> None:
        await self._wait(BEAT * self._chance.uniform(0.8, 1.4))
        await self._renew(seat)

    async def _renew(self, seat: Seat) -> None:
        """As long as its own clock says that the lease lasts it tries again; after that it asks for a seat anew."""
        while not self._stopping.is_set():
            call = await self._counter.heartbeat(self._teller, seat, **self._manner())
            if call.outcome is Outcome.OK:
                return
            if call.status in (401, 410):
                await self._lose(seat)
                return
            if self._counter.now() + self._skew > seat.ends:
                self.seat = None
                return
            await self._after_failure(call, patience=1.0)

    async def _lose(self, seat: Seat) -> None:
        """It was told that its session is closed; some programs do not listen and say more."""
        self.seat = None
        if self._chance.random() < 0.2:
            await self._wait(self._chance.random())
            say = self._chance.choice((self._counter.heartbeat, self._counter.release))
            await say(self._teller, seat)

    # habits

    async def _beat_twice(self, seat: Seat) -> None:
        """The same message two or three times at once, on different ways."""
        await self._wait(BEAT)
        lease, copies = seat.leases[-1], self._chance.choice((2, 3))
        asked = (self._counter.heartbeat(self._teller, seat, lease, via=self._any_api()) for _ in range(copies))
        answers = await asyncio.gather(*asked)
        if any(call.status in (401, 410) for call in answers):
            await self._lose(seat)

    async def _beat_with_an_old_lease(self, seat: Seat) -> None:
        await self._wait(BEAT)
        await self._counter.heartbeat(self._teller, seat, self._chance.choice(seat.leases))

    async def _beat_late(self, seat: Seat) -> None:
        """A heartbeat that is long under way, perhaps beyond its lease; meanwhile nothing else is said."""
        await self._counter.heartbeat(self._teller, seat, dawdle=14 * self._chance.random() ** 2)

    async def _fall_asleep(self, seat: Seat) -> None:
        """The lid is closed, for less or more than a lease; afterwards it goes on as if nothing had happened, or the
        program was started anew and knows nothing."""
        await self._wait(self._chance.uniform(4, 22))
        if self._chance.random() < 0.4:
            self.seat = None
        else:
            await self._renew(seat)

    async def _leave(self, seat: Seat) -> None:
        """It gives the seat back, perhaps twice, perhaps with a heartbeat that comes after it or at the same time."""
        manner = self._manner()
        says: list[Callable[[], Awaitable[Call]]] = [lambda: self._counter.release(self._teller, seat, **manner)]
        if self._chance.random() < 0.3:
            says.append(lambda: self._counter.heartbeat(self._teller, seat, via=self._any_api()))
        if self._chance.random() < 0.3:
            says.append(lambda: self._counter.release(self._teller, seat, via=self._any_api()))
        if self._chance.random() < 0.5:
            await asyncio.gather(*(say() for say in says))
        else:
            for say in says:
                await say()
        self.seat = None
        await self._wait(5 * self._chance.random())

    async def _vanish(self, seat: Seat) -> None:
        """The machine is set up anew: another fingerprint, and nobody who would give the seat back."""
        self._installed += 1
        self.seat = None
        await self._wait(5 * self._chance.random())

    async def _set_the_clock(self, seat: Seat) -> None:
        """Ahead: it takes its lease for over and asks anew. Behind: it thinks that it has a lease long after it."""
        self._skew = self._chance.choice((-3600.0, -20.0, 0.0, 5.0, 20.0, 3600.0))
        if self._counter.now() + self._skew > seat.ends:
            self.seat = None

    # manners

    def _manner(self) -> dict[str, float]:
        """Now and then it hangs up before it can have an answer."""
        return {"patience": 0.05 * self._chance.random()} if self._chance.random() < 0.02 else {}

    def _any_api(self) -> str:
        return self._chance.choice(list(self._counter.apis))

    async def _after_failure(self, call: Call, *, patience: float) -> None:
        """Waits a little, longer when it was told no, and asks the other API next when there was no answer."""
        if call.outcome is not Outcome.REFUSED:
            others = [api for api in self._counter.apis if api != call.via]
            self._teller.via = self._chance.choice(others) if others else call.via
            patience = min(patience, 1.0)
        await self._wait(patience * self._chance.uniform(0.3, 1.3))

    async def _wait(self, seconds: float) -> None:
        """Or until it is told to stop."""
        if seconds > 0 and not self._stopping.is_set():
            waiting = asyncio.get_running_loop().create_task(self._stopping.wait())
            await asyncio.wait([waiting], timeout=seconds)
            waiting.cancel()


_HABITS = {
    Machine._beat: 80,
    Machine._beat_twice: 4,
    Machine._beat_with_an_old_lease: 4,
    Machine._beat_late: 3,
    Machine._fall_asleep: 4,
    Machine._leave: 3,
    Machine._vanish: 1,
    Machine._set_the_clock: 2,
}


def machines_of(counter: Counter, seed: int, clients: int) -> list[Machine]:
    """So many machines, more than there are seats on every licence, and the more crowded the smaller it is."""
    names = list(counter.licenses)
    shares = {name: counter.history.limits[name] + 8 for name in names}
    wanted = [name for name in names for _ in range(round(clients * shares[name] / sum(shares.values())))]
    return [Machine(counter, f"machine-{number:03}", license, seed) for number, license in enumerate(wanted, 1)]
