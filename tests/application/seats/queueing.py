"""What the stories of queues share: processes with a queue, and machines that wait in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from adapters.queue_tickets import QueueTickets
from adapters.rate_limit import RateLimit
from adapters.ticket_seal import TicketSeals
from application.queue_rounds import QueueRounds, Standing
from application.seat_queue import Place, SeatQueue
from application.seats import Acquired, Seats
from application.ticket_endings import TicketEndings
from domain.errors import SeatsExhausted
from domain.seat_policy import QueueRules
from tests.seat_world import PLENTY, SERVER_SECRETS, SOMEBODY, Sold, World

RULES = QueueRules()


@dataclass
class Process:
    """What one process of the engine does for those who want a seat of a licence."""

    world: World
    sold: Sold
    seats: Seats
    queue: SeatQueue
    endings: TicketEndings
    tickets: dict[int, Place] = field(default_factory=dict)

    async def acquire(self, machine: int, user: str | None = None) -> Acquired:
        return await self.seats.acquire(self.sold.key, named(machine), SOMEBODY._replace(user=user))

    async def take(self, machine: int, user: str | None = None) -> Standing:
        """A place for the machine; remembered for `ask` and `leave`."""
        place = await self.queue.take(self.sold.key, named(machine), SOMEBODY._replace(user=user))
        self.tickets[machine] = place
        return place.standing

    async def ask(self, machine: int, wait: float = 0) -> Standing:
        place = self.tickets[machine]
        return (await self.queue.poll(place.ticket_id, place.ticket, wait)).standing

    async def leave(self, machine: int) -> None:
        place = self.tickets[machine]
        await self.queue.leave(place.ticket_id, place.ticket)

    async def release(self, sat: Acquired) -> None:
        await self.seats.release(sat.session_id, sat.lease)

    async def axis_refused(self, machine: int, user: str | None = None) -> str:
        """Acquires, and is refused for want of a seat: why."""
        try:
            await self.acquire(machine, user)
        except SeatsExhausted as refusal:
            return str(refusal.details.get("axis", "license"))
        raise AssertionError(f"machine {machine} was seated")


def named(machine: int) -> str:
    return f"fingerprint-of-machine-{machine}"


@asynccontextmanager
async def open_process(world: World, sold: Sold, *, every: float = 0.05, **rates: Any) -> AsyncIterator[Process]:
    async with world.open_seats() as seats:
        tickets, client = QueueTickets(world.database), redis.Redis.from_url(world.redis_url)
        endings = TicketEndings(world.store, tickets, world.clock)
        queue = SeatQueue(
            seats=seats,
            rounds=QueueRounds(seats._pool, seats.loading, tickets, world.claims, world.clock, every=every),
            endings=endings,
            tickets=tickets,
            claims=world.claims,
            admission=seats._admission,
            log=seats._recording._log,
            seals=TicketSeals(SERVER_SECRETS),
            rate_limit=RateLimit(client, world.database),
            clock=world.clock,
            **{"takes": PLENTY, "polls": PLENTY, **rates},
        )
        yield Process(world, sold, seats, queue, endings)
        client.close()


def play(world: World, sold: Sold, story: Callable[..., Awaitable[Any]], *, processes: int = 1, **options: Any) -> Any:
    """Runs `story(process, …)` over as many processes as one event loop holds."""

    async def run() -> Any:
        opened = [open_process(world, sold, **options) for _ in range(processes)]
        made = [await each.__aenter__() for each in opened]
        try:
            return await story(*made)
        finally:
            for each in opened:
                await each.__aexit__(None, None, None)

    return asyncio.run(run())


def topics(world: World) -> list[str]:
    """What happened to tickets and seats, in log order."""
    rows = world.database.fetch_all(
        "select topic from stored_events where topic ~ '^(queue_ticket|seat)[.]' order by notification_id"
    )
    return [row["topic"] for row in rows]


async def until(holds: Callable[[], Any]) -> None:
    """Waits for what another task does."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)
