"""Slots of limits in Postgres: none is given twice, and none is lost, whatever numbers the seats have."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.seat_claims import SeatClaims, refused_claim
from domain.ids import seat_id
from domain.seat_access import Claim
from domain.seat_pool import Sitting
from tests.seat_world import World

LICENSE = UUID(int=1)
GROUP = "group:design"


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


class House:
    """Seats of one licence, opened and closed by hand; the log has a bare row for each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._versions: dict[int, int] = {}
        self.claims = SeatClaims(world.database)

    def sit(self, seat: int, most: int, holder: str = "", replaces: UUID | None = None) -> Sitting:
        """Raises the violation when the limit is full."""
        sitting = Sitting(LICENSE, seat, uuid4())
        version = self._versions.get(seat, 0) + 1 + (replaces is not None)
        holder, now = holder or f"machine-{seat}", self._world.clock.now()
        rows = self.claims.rows([Claim(GROUP, most)], sitting, version, holder, now, replaces=replaces)
        with self._world.database.transaction() as connection:
            for sql, params in rows:
                connection.execute(sql, params)
            for number in range(self._versions.get(seat, 0) + 1, version + 1):
                self._store(connection, seat, number)
        self._versions[seat] = version
        return sitting

    def leave(self, sitting: Sitting) -> None:
        self._versions[sitting.seat] += 1
        with self._world.database.transaction() as connection:
            self._store(connection, sitting.seat, self._versions[sitting.seat])

    def taken(self, **asked: Any) -> int:
        return self.claims.taken(LICENSE, [GROUP], **asked).get(GROUP, 0)

    @staticmethod
    def _store(connection: Any, seat: int, version: int) -> None:
        connection.execute(
            "select append_events(array[%s]::uuid[], array[%s]::bigint[], array['seat.test'], array['{}'], array[''],"
            " array[''])",
            (seat_id(LICENSE, seat), version),
        )


@pytest.fixture
def house(world) -> House:
    return House(world)


def is_full(house: House, seat: int, most: int, **how: Any) -> bool:
    with pytest.raises(psycopg.errors.ExclusionViolation) as violation:
        house.sit(seat, most, **how)
    refused = refused_claim(violation.value)
    return refused is not None and refused.name == GROUP


@pytest.mark.parametrize("most", [1, 2, 3, 40])
@pytest.mark.parametrize("first_seat", [1, 2, 1000])
def test_as_many_sit_as_the_limit_says_whatever_seats_they_have(house, most, first_seat):
    for seat in range(first_seat, first_seat + most):
        house.sit(seat, most)
    assert house.taken() == most
    assert is_full(house, first_seat + most, most)
    assert is_full(house, 1 + most if first_seat > 1 else 5000, most)


def test_members_who_come_and_go_for_long_lose_no_slot_and_pass_no_limit(house):
    dice = random.Random(7)
    most, sitting, free = 4, [], list(range(1, 31))
    for _ in range(400):
        if sitting and dice.random() < 0.5:
            left = sitting.pop(dice.randrange(len(sitting)))
            house.leave(left)
            free.append(left.seat)
        elif len(sitting) < most:
            sitting.append(house.sit(free.pop(dice.randrange(len(free))), most))
        else:
            assert is_full(house, dice.choice(free), most)
        assert house.taken() == len(sitting)


def test_a_slot_in_the_middle_that_is_free_again_is_found_among_hundreds(house):
    seats = {seat: house.sit(1000 + seat, 300) for seat in range(300)}
    assert is_full(house, 5000, 300)
    house.leave(seats[137])
    house.sit(5000, 300)
    assert is_full(house, 5001, 300)


def test_the_session_that_ends_in_the_same_transaction_makes_room(house):
    first = house.sit(9, 1)
    assert is_full(house, 8, 1)
    second = house.sit(9, 1, replaces=first.session_id)
    assert house.taken() == 1
    assert house.taken(besides="machine-9") == 0
    assert house.taken(lapsed=[9]) == 0
    house.leave(second)
    assert house.taken() == 0


def test_a_limit_that_was_lowered_lets_nobody_in_until_enough_have_left(house):
    seats = [house.sit(seat, 4) for seat in range(1, 5)]
    assert is_full(house, 9, 2)
    for sitting in seats[2:]:
        house.leave(sitting)
    assert is_full(house, 9, 2)
    house.leave(seats[0])
    house.sit(9, 2)


def test_only_limits_that_may_be_reached_are_counted(house):
    claims = [Claim(GROUP, 3), Claim("user:ada", 2), Claim("group:endless", 1_000_000)]
    assert house.claims.near(LICENSE, claims) == []
    house.sit(1, 3), house.sit(2, 3)
    assert house.claims.near(LICENSE, claims) == []
    house.sit(3, 3)
    assert house.claims.near(LICENSE, claims) == [GROUP]


def test_who_sleeps_is_told_in_the_order_of_sleep(house):
    for seat in (1, 2, 3):
        house.sit(seat, 3)
    found = house.claims.asleep(LICENSE, [GROUP, "user:ada"], [3, 1, 77], besides="nobody")
    assert found == {GROUP: [3, 1]}
    assert house.claims.asleep(LICENSE, [GROUP], [3, 1], besides="machine-3") == {GROUP: [1]}
