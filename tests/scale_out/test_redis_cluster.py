"""Seats kept by a real cluster: while its slots move, while a master dies, clients keep what they renewed in time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from redis.crc import key_slot

from adapters.seat_keys import keys_of
from application.seats import Acquired, Seats
from domain.errors import LicenseSuspended, SeatsExhausted, SessionClosed, Unavailable
from tests.scale_out.valkey_cluster import Node, ValkeyCluster, until, valkey_cluster
from tests.seat_world import LEASE, Sold, World, acquire

LICENSES, SEATS, MACHINES, PROCESSES = 40, 2, 3, 2
"""Each licence has a machine more than seats."""
MOMENT = timedelta(seconds=1)
T = TypeVar("T")


@pytest.fixture(scope="module")
def replicated() -> Iterator[ValkeyCluster]:
    """Three masters with a replica each; a test may kill one master, each another."""
    with valkey_cluster(3, 3) as cluster:
        yield cluster


def world_on(cluster: ValkeyCluster, database_url: str) -> World:
    return World(database_url, cluster.url)


class Crowd:
    """Machines that sit down, renew and leave, until they are told to stop; what fails for a moment is asked again."""

    def __init__(self, sold: list[Sold]) -> None:
        self.sold = sold
        self.beats = self.refused = self.put_off = 0
        self._is_over = False

    async def live(self, world: World, trouble: Callable[[], Awaitable[None]]) -> None:
        async with AsyncExitStack() as stack:
            processes = [await stack.enter_async_context(world.open_seats()) for _ in range(PROCESSES)]
            machines = [self._machine(sold, number, processes) for sold in self.sold for number in range(MACHINES)]
            await asyncio.gather(self._trouble(trouble), self._reaper(processes[0]), *machines)

    async def _trouble(self, trouble: Callable[[], Awaitable[None]]) -> None:
        try:
            await trouble()
            before = self.beats
            while self.beats < before + LICENSES:  # the service is back
                await asyncio.sleep(0.01)
        finally:
            self._is_over = True

    async def _machine(self, sold: Sold, number: int, processes: list[Seats]) -> None:
        dice = random.Random(f"{sold.key}{number}")
        while not self._is_over:
            try:
                sat = await self._insist(acquire, dice.choice(processes), sold, number)
            except SeatsExhausted:
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            await self._sit(sat, dice, processes)

    async def _sit(self, sat: Acquired, dice: random.Random, processes: list[Seats]) -> None:
        """A renewal that says that the session ended fails the test: each was in time."""
        lease = sat.lease
        for _ in range(dice.randrange(1, 8)):
            await asyncio.sleep(dice.uniform(0, 0.2))
            lease = (await self._insist(dice.choice(processes).heartbeat, sat.session_id, lease)).lease
            self.beats += 1
        await self._insist(dice.choice(processes).release, sat.session_id, lease)

    async def _reaper(self, seats: Seats) -> None:
        while not self._is_over:
            await self._insist(seats.endings.expire_lapsed)
            await asyncio.sleep(0.2)

    async def _insist(self, ask: Callable[..., Awaitable[T]], *what: Any) -> T:
        def put_off() -> None:
            self.put_off += 1

        return await insist(ask, *what, put_off=put_off)


async def insist(ask: Callable[..., Awaitable[T]], *what: Any, put_off: Callable[[], None] = lambda: None) -> T:
    """As a client does: what is unavailable for a moment is asked again."""
    while True:
        try:
            return await ask(*what)
        except Unavailable:
            put_off()
            await asyncio.sleep(0.05)


def slots_of(sold: list[Sold]) -> list[int]:
    return sorted({key_slot(keys_of(each.id).license.encode()) for each in sold})


def another(cluster: ValkeyCluster, than: Node) -> Node:
    return next(node for node in cluster.masters if node is not than)


def check(world: World) -> None:
    """From the log alone: no seat held twice, no session closed that was renewed, none above its licence's limit."""
    assert world.check_log(LICENSES * SEATS) == 0, "everybody left"
    history = world.history()
    assert {seat for seat, *_ in history} <= set(range(1, SEATS + 1))
    assert {why for _, _, what, why in history if what == "closed"} == {"released"}


@pytest.mark.parametrize("move", [ValkeyCluster.move, ValkeyCluster.move_at_once], ids=["key by key", "at once"])
def test_nobody_loses_a_seat_while_slots_move(cluster, database_url, move):
    world = world_on(cluster, database_url)
    crowd = Crowd([world.sell(seats=SEATS) for _ in range(LICENSES)])

    async def move_a_third() -> None:
        for slot in slots_of(crowd.sold)[::3]:
            await asyncio.to_thread(move, cluster, slot, another(cluster, cluster.owner(slot)))

    asyncio.run(crowd.live(world, move_a_third))
    check(world)
    assert crowd.beats > LICENSES and crowd.refused
    world.close()


def hand_over(master: Node, heir: Node) -> None:
    """As before maintenance."""
    heir.ask("CLUSTER", "FAILOVER")
    until(lambda: heir.is_master)


def stand_still(master: Node, heir: Node) -> None:
    """It wakes up as a master that is none any more."""
    master.pause()
    until(lambda: heir.is_master)
    master.resume()
    until(lambda: not master.is_master)


def die(master: Node, heir: Node) -> None:
    """As in a power cut."""
    master.kill()
    until(lambda: heir.is_master)


@pytest.mark.parametrize("fail", [hand_over, stand_still, die])
def test_nobody_loses_a_seat_when_a_replica_takes_over(replicated, database_url, fail):
    world = world_on(replicated, database_url)
    crowd = Crowd([world.sell(seats=SEATS) for _ in range(LICENSES)])

    async def trouble() -> None:
        while crowd.beats < LICENSES:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(fail, *replicated.pair(0))

    asyncio.run(crowd.live(world, trouble))
    check(world)
    assert crowd.put_off or fail is hand_over
    world.close()


def test_a_renewal_that_died_with_its_master_still_keeps_its_seat(replicated, database_url):
    """The replica that takes over has not heard of it, and would give the seat to the next."""
    world = world_on(replicated, database_url)
    sold = at_home(world, replicated, number=1)
    master, replica = replicated.pair(1)

    async def story(seats: Seats) -> None:
        sat = [await acquire(seats, sold, number) for number in range(SEATS)]
        with unheard_by(replica, master):
            world.clock.ahead += LEASE - MOMENT
            leases = [(await seats.heartbeat(each.session_id, each.lease)).lease for each in sat]
            master.kill()
        until(lambda: replica.is_master)
        world.clock.ahead += 2 * MOMENT  # what the replica knows of has lapsed
        await insist(seats.endings.expire_lapsed)
        with pytest.raises(SeatsExhausted):
            await insist(acquire, seats, sold, SEATS)
        for each, lease in zip(sat, leases, strict=True):
            await insist(seats.heartbeat, each.session_id, lease)

    world.with_seats(story)
    assert world.check_log(SEATS) == SEATS
    world.close()


def test_what_was_taken_away_stays_so_though_the_replica_has_not_heard_of_it(replicated, database_url):
    world = world_on(replicated, database_url)
    sold = at_home(world, replicated, number=2)
    master, replica = replicated.pair(2)

    async def story(seats: Seats) -> None:
        sat = await acquire(seats, sold, 1)
        with unheard_by(replica, master):
            world.change(sold, lambda license, now: license.suspend(reason="unpaid", now=now))
            await seats.loading.publish(sold.id)
            await seats.release(sat.session_id, sat.lease)
            master.kill()
        until(lambda: replica.is_master)
        with pytest.raises(LicenseSuspended):
            await insist(acquire, seats, sold, 1)
        with pytest.raises(SessionClosed):
            await insist(seats.heartbeat, sat.session_id, sat.lease)

    world.with_seats(story)
    assert world.check_log(SEATS) == 0
    world.close()


def at_home(world: World, cluster: ValkeyCluster, number: int) -> Sold:
    """A licence whose keys are with the master of that number."""
    sold = world.sell(seats=SEATS)
    while cluster.owner(slots_of([sold])[0]) is not cluster.masters[number]:
        sold = world.sell(seats=SEATS)
    return sold


@contextmanager
def unheard_by(replica: Node, master: Node) -> Iterator[None]:
    """What the master is told meanwhile does not reach its replica."""
    until(lambda: replica.ask("ROLE")[4] == master.ask("ROLE")[1])
    replica.pause()
    master.ask("CLIENT", "KILL", "TYPE", "replica")
    try:
        yield
    finally:
        replica.resume()
