"""One round: load, faults, recovery, and then whether the promise was kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.seat_periods import TRUST
from tests.faults.administrator import Administrator
from tests.faults.checker import Rules, Violation, violations
from tests.faults.counter import Counter, Licence, Seat, Teller, until
from tests.faults.history import Call, Closed, History, Opened, Outcome
from tests.faults.installation import LEASE, Installation
from tests.faults.machines import BEAT, machines_of
from tests.faults.plan import APIS, LICENSES, Plan
from tests.faults.saboteur import Saboteur

READY_WITHIN = 30.0
"""Seconds after the last fault within which every part of the engine says that it is well, wherever seats are kept."""
BACK_WITHIN = 75.0
"""Seconds after the last fault within which seats are kept in Redis again: it is given a minute to prove itself steady
when it was not before."""
FILLED_WITHIN = TRUST.total_seconds() + LEASE + 20.0
"""Seconds after that within which every licence can be filled: the seats of those who fell silent have come back, also
when they are kept in Postgres, which must wait for what Redis can have promised."""
_CALM = 5.0
"""Seconds of load after the last fault."""


@dataclass
class Round:
    """What came of one. `troubles`: what did not come right again, in sentences. `ended_at`: when the last fault was
    over; `ready_after`, `back_after`: how long after that all was well, and seats were seen to be kept in Redis."""

    plan: Plan
    history: History
    violations: list[Violation] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    ended_at: float = 0.0
    ready_after: float = 0.0
    back_after: float = 0.0
    filled_after: float = 0.0
    verified: dict[str, Any] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        return not self.violations and not self.troubles


async def play(place: Installation, plan: Plan, *, clients: int, rules: Rules) -> Round:
    """Runs the plan against a well engine and judges it."""
    licenses = await asyncio.to_thread(place.sell)
    history = History(dict(LICENSES), LEASE)
    apis = {api: place.links[f"clients>{api}"].address for api in APIS}
    counter = Counter(history, apis, licenses, place.settings.admin_key)
    round = Round(plan, history)
    began = datetime.now().timestamp() - counter.now()
    await _run(place, plan, counter, round, clients)
    await _fill(counter, round)
    await _until_ready(counter, round, round.ended_at + BACK_WITHIN - counter.now())
    round.back_after = counter.now() - round.ended_at
    await _read_log(place, licenses, history, began)
    round.verified = await place.verify()
    if not round.verified["ok"]:
        round.troubles.append(f"`usher events verify` says {round.verified}")
    round.violations = await asyncio.to_thread(violations, history, rules)
    return round


async def _run(place: Installation, plan: Plan, counter: Counter, round: Round, clients: int) -> None:
    machines = machines_of(counter, plan.seed, clients)
    running = [asyncio.create_task(machine.run()) for machine in machines]
    saboteur, administrator = Saboteur(place, counter), Administrator(counter, machines)
    try:
        await asyncio.gather(saboteur.perform(plan), administrator.perform(plan), asyncio.sleep(plan.seconds))
        round.ended_at = counter.now()
        round.ready_after = await _until_ready(counter, round, READY_WITHIN, may_differ="redis")
        await asyncio.sleep(_CALM)
        await administrator.restore()
    finally:
        for machine in machines:
            machine.stop()
        await asyncio.gather(*running)


async def _until_ready(counter: Counter, round: Round, within: float, may_differ: str = "") -> float:
    """Seconds until both APIs say that all is well, whatever they say of the part `may_differ`."""
    began, tellers = counter.now(), [Teller("operator", api) for api in APIS]
    last: list[Any] = []

    async def are_ready() -> bool:
        last[:] = await asyncio.gather(*(counter.ask(teller, "/health/ready") for teller in tellers))
        checks = [said["checks"] if said else {"api": "no answer"} for _, said in last]
        return all(state == "ok" for each in checks for part, state in each.items() if part != may_differ)

    if not await until(are_ready, within):
        round.troubles.append(f"not ready {counter.now() - began:.0f} s after the last fault: {last}")
    for teller in tellers:
        teller.voice.close()
    return counter.now() - began


# --- every licence can be filled, exactly ---


async def _fill(counter: Counter, round: Round) -> None:
    began = counter.now()
    await asyncio.gather(*(_fill_one(counter, round, each) for each in counter.licenses.values()))
    round.filled_after = counter.now() - began


async def _fill_one(counter: Counter, round: Round, license: Licence) -> None:
    """New machines take all the seats there are; one more is refused, and the read model counts them all."""
    limit, teller = LICENSES[license.name], Teller("filler", "api-1")
    seats: dict[int, Seat] = {}
    deadline = counter.now() + FILLED_WITHIN
    try:
        while len(seats) < limit:
            missing = [number for number in range(limit) if number not in seats]
            taken = await asyncio.gather(*(_take(counter, teller, license, number) for number in missing))
            seats |= {number: seat for number, (_, seat) in zip(missing, taken, strict=True) if seat}
            if counter.now() > deadline:
                calls = [call for call, _ in taken]
                round.troubles.append(_not_filled(license, len(seats), limit, calls))
                return
            if len(seats) < limit:
                await asyncio.sleep(BEAT)
                await asyncio.gather(*(counter.heartbeat(teller, seat) for seat in seats.values()))
        await _expect_full(counter, round, teller, license)
    finally:
        await asyncio.gather(*(counter.release(teller, seat) for seat in seats.values()))
        teller.voice.close()


async def _take(counter: Counter, teller: Teller, license: Licence, number: int) -> tuple[Call, Seat | None]:
    return await counter.acquire(teller, license.name, f"filler-of-{license.name}-{number}", via=APIS[number % 2])


async def _expect_full(counter: Counter, round: Round, teller: Teller, license: Licence) -> None:
    limit = LICENSES[license.name]
    for api in APIS:
        call, _ = await counter.acquire(teller, license.name, f"one-too-many-at-{api}", via=api)
        if call.code != "seats_exhausted":
            round.troubles.append(f"{license.name} is full, and one more was answered {call.status} {call.code}")

    async def is_counted() -> bool:
        status, said = await counter.ask(teller, f"/api/v1/licenses/{license.id}")
        return status == 200 and said["seats"] == {"limit": limit, "used": limit}

    if not await until(is_counted, 5.0):
        round.troubles.append(f"the read model does not count the {limit} seats of {license.name}")


def _not_filled(license: Licence, filled: int, limit: int, calls: list[Call]) -> str:
    said = sorted({f"{call.status} {call.code}" for call in calls if call.outcome is not Outcome.OK})
    return f"{license.name} could be filled to {filled} of {limit} seats within {FILLED_WITHIN:.0f} s: {said}"


# --- what the log has ---


async def _read_log(place: Installation, licenses: list[Licence], history: History, began: float) -> None:
    names = {each.id: each.name for each in licenses}
    for row in await asyncio.to_thread(place.seat_events, licenses):
        state = row["state"]
        at = datetime.fromisoformat(state["timestamp"]).timestamp() - began
        if row["topic"] == "seat.session_opened":
            history.opened.append(Opened(state["session_id"], names[state["license_id"]], state["seat"], at))
        else:
            history.closed.append(Closed(state["session_id"], state["reason"], at))
