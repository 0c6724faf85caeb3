"""What the log says of seats, whatever numbers were used and however often."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from domain.seat import CloseReason, Seat
from domain.seat_pool import SeatState
from tests.seat_world import World

LICENSE, OWNER = uuid4(), uuid4()


@pytest.fixture
def world(database_url: str, empty_redis_url: str) -> Iterator[World]:
    world = World(database_url, empty_redis_url)
    yield world
    world.close()


def store(world: World, *events: Seat.SessionOpened | Seat.SessionClosed) -> None:
    world.store.recorder.insert_events([world.codec.to_stored_event(event) for event in events])


def opening(world: World, seat: int, version: int = 1) -> Seat.SessionOpened:
    return Seat.SessionOpened.at(
        version,
        license_id=LICENSE,
        seat=seat,
        now=world.clock.now(),
        organization_id=OWNER,
        session_id=UUID(int=seat * 1000 + version),
        fingerprint_digest="d" * 43,
        lease_seconds=360,
    )


def seats(world: World, at_least: int = 0) -> list[SeatState]:
    return world.seat_log.seats_of({LICENSE: at_least})[LICENSE]


def used(states: list[SeatState]) -> list[int]:
    return [state.seat for state in states if state.version]


def test_a_licence_that_nobody_used_has_no_seats(world):
    assert seats(world) == []
    assert [state.version for state in seats(world, at_least=3)] == [0, 0, 0]


def test_a_seat_stands_as_its_last_event_says(world):
    first = opening(world, 1)
    closed = SeatState.after(first).closed(CloseReason.RELEASED, world.clock.now())
    again = opening(world, 1, version=3)
    store(world, first, closed, opening(world, 2))
    assert [(each.version, each.session_id) for each in seats(world)] == [
        (2, None),
        (1, UUID(int=2001)),
    ]
    store(world, again)
    (state,) = world.seat_log.last_events([(LICENSE, 1)])
    assert (state.version, state.session_id, state.holder) == (3, again.session_id, "d" * 43)
    assert (state.organization_id, state.opened_at) == (OWNER, again.timestamp)


def test_seats_are_answered_in_the_order_asked(world):
    store(world, opening(world, 3), opening(world, 1))
    asked = [(LICENSE, 3), (LICENSE, 2), (LICENSE, 1), (uuid4(), 1)]
    assert [each.version for each in world.seat_log.last_events(asked)] == [1, 0, 1, 0]


@pytest.mark.parametrize("numbers", [[1], [64], [1, 60], [*range(1, 61), 70], [*range(1, 100), 150], range(1, 1300)])
def test_holes_in_the_numbers_end_no_search(world, numbers):
    events = [opening(world, number) for number in numbers]
    for start in range(0, len(events), 500):
        store(world, *events[start : start + 500])
    states = seats(world)
    assert [state.seat for state in states] == list(range(1, max(numbers) + 1))
    assert used(states) == sorted(numbers)


def test_an_event_is_found_by_its_version(world):
    first = opening(world, 1)
    store(world, first)
    assert world.seat_log.event_at(LICENSE, 1, 1) == first
    assert world.seat_log.event_at(LICENSE, 1, 2) is None


def test_licences_are_read_together_each_as_far_as_it_goes(world):
    others = uuid4()
    store(world, *(opening(world, number) for number in range(1, 101)))
    found = world.seat_log.seats_of({LICENSE: 0, others: 2})
    assert [len(found[LICENSE]), [each.version for each in found[others]]] == [100, [0, 0]]
    assert {each.license_id for each in found[LICENSE]} == {LICENSE}
