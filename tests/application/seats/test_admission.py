"""What a process remembers of licences' rules: enough to spare the pool a question, never too much, never for ever."""

from __future__ import annotations

import asyncio
from uuid import UUID

from application.seat_admission import Entrant, Request, SeatAdmission
from application.seats import Seats
from domain.caller import Caller
from domain.errors import SeatNotAllowed
from domain.lease import fingerprint_digest
from domain.seat_access import OPEN_TO_ALL, Bidder, SeatAccess, SeatRules
from domain.seat_pool import Bid
from tests.seat_world import World, outcome

THOUSANDS = SeatAccess(rules=SeatRules(exclude=tuple(f"user:{number}" for number in range(10_000))))


async def nobody_lapsed(_: UUID) -> list[int]:
    return []


def test_the_lists_of_many_large_licences_are_not_all_kept_in_memory(world):
    admission = SeatAdmission(world.claims, world.users, None, world.clock)
    licences = [UUID(int=number) for number in range(1, 61)]
    for each in licences:
        admission.learn(Entrant(Bid(each, "key", "m", each), Bidder("m"), OPEN_TO_ALL), THOUSANDS)

    async def remembered(license_id: UUID) -> bool:
        entrant = await admission.enter(Request(license_id, "key", "m", "", license_id), nobody_lapsed)
        return entrant.access is THOUSANDS

    known = [asyncio.run(remembered(each)) for each in licences]
    assert known == [False] * 10 + [True] * 50


def test_rules_that_change_while_everybody_asks_are_followed_in_every_process(world: World):
    """Whatever a process remembers, nobody is turned away or let in by rules that are over."""
    sold = world.sell(seats=100)
    machine = f"machine:{fingerprint_digest('fingerprint-of-machine-1')}"

    def rule(**rules: tuple[str, ...]) -> None:
        world.change(sold, lambda one, now: one.set_seat_rules(SeatRules(**rules), reason="x", now=now))
        world.work.publish(sold.id)

    async def ask(seats: Seats) -> object:
        return await seats.acquire(sold.key, "fingerprint-of-machine-1", Caller())

    async def is_let_in(seats: Seats) -> bool:
        try:
            taken = await ask(seats)
        except SeatNotAllowed:
            return False
        await seats.release(taken.session_id, taken.lease)
        return True

    async def story() -> None:
        async with world.open_seats() as here, world.open_seats() as there:
            for _ in range(3):
                for rules, expected in (
                    ({"include": ("user:somebody else",)}, False),
                    ({"include": (machine,)}, True),
                    ({"exclude": (machine,)}, False),
                    ({}, True),
                ):
                    await asyncio.to_thread(rule, **rules)
                    assert [await is_let_in(each) for each in (here, there)] == [expected, expected]

    asyncio.run(story())


def test_a_crowd_and_new_rules_at_once_end_with_the_rules(world: World):
    sold = world.sell(seats=100)
    machines = [f"machine:{fingerprint_digest(f'fingerprint-of-machine-{number}')}" for number in range(40)]

    def close_the_door() -> None:
        rules = SeatRules(include=tuple(machines[:10]))
        world.change(sold, lambda one, now: one.set_seat_rules(rules, reason="x", now=now))
        world.work.publish(sold.id)

    async def ask(seats: Seats, number: int) -> object:
        try:
            return await outcome(seats.acquire(sold.key, f"fingerprint-of-machine-{number}", Caller()))
        except SeatNotAllowed as refused:
            return refused

    async def story() -> None:
        async with world.open_seats() as here, world.open_seats() as there:
            crowd = [ask((here, there)[number % 2], number) for number in range(40)]
            await asyncio.gather(asyncio.to_thread(close_the_door), *crowd)
            afterwards = [await ask(here, number) for number in range(40)]
            assert all(isinstance(each, SeatNotAllowed) for each in afterwards[10:])
            assert not any(isinstance(each, SeatNotAllowed) for each in afterwards[:10])

    asyncio.run(story())
    world.check_log(40)
