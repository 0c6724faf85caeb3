"""What the log itself says of seats, past any read model: the last event of each seat's stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg.rows import DictRow

from adapters.database import Database
from adapters.event_codec import EventCodec
from domain.ids import seat_id, seat_id_hex
from domain.seat import Seat
from domain.seat_pool import SeatState, Sitting

_FIRST_LOOK = 64
_WIDEST_LOOK = 4096


class SeatLog:
    """Everything here asks Postgres: call it from a thread."""

    def __init__(self, database: Database, codec: EventCodec) -> None:
        self._database = database
        self._codec = codec

    def seats_of(self, at_least: Mapping[UUID, int]) -> dict[UUID, list[SeatState]]:
        """For each licence every seat from 1 to the highest that was ever used, and `at_least` to that number.

        Numbers are taken in turn, but the opening of a lower one may have failed while a higher one succeeded, so one
        absent number proves nothing: the search ends when the second half of what was looked at was never used.
        """
        found: dict[UUID, dict[int, SeatState]] = {license_id: {} for license_id in at_least}
        searched, looked_to, width = list(found), 0, _FIRST_LOOK
        while searched:
            numbers = range(looked_to + 1, looked_to + width + 1)
            for state in self._used((each, number) for each in searched for number in numbers):
                found[state.license_id][state.seat] = state
            looked_to += width
            last = {each: max(at_least[each], *found[each], 0) for each in searched}
            searched = [each for each in searched if looked_to - last[each] < width // 2]
            width = min(2 * width, _WIDEST_LOOK)
        return {
            each: [of.get(number) or SeatState(each, number, 0) for number in range(1, max(at_least[each], *of, 0) + 1)]
            for each, of in found.items()
        }

    def last_events(self, places: Iterable[tuple[UUID, int]]) -> list[SeatState]:
        """How each (licence, seat number) stands, in the order asked."""
        asked = list(places)
        used = {(state.license_id, state.seat): state for state in self._used(asked)}
        return [used.get(place) or SeatState(*place, 0) for place in asked]

    def _used(self, places: Iterable[tuple[UUID, int]]) -> Iterator[SeatState]:
        """Those of these (licence, seat number) that were ever used. Dozens are asked for each licence that is loaded,
        most of them for nothing: written as one text they take the driver a tenth of the time."""
        found = self._database.fetch_all(
            "select e.* from unnest(%s::uuid[]) as wanted (id) cross join lateral ("
            " select originator_id, originator_version, topic, state::text as state from stored_events"
            " where originator_id = wanted.id order by originator_version desc limit 1) e",
            ("{" + ",".join(seat_id_hex(license_id, seat) for license_id, seat in places) + "}",),
        )
        return (SeatState.after(self._event(row)) for row in found)

    def event_at(self, license_id: UUID, seat: int, version: int) -> Seat.SessionOpened | Seat.SessionClosed | None:
        """The event of a seat's stream at `version`, if it is stored."""
        row = self._database.fetch_one(
            "select originator_id, originator_version, topic, state::text as state from stored_events"
            " where originator_id = %s and originator_version = %s",
            (seat_id(license_id, seat), version),
        )
        return self._event(row) if row else None

    def opening_of(self, sitting: Sitting) -> Seat.SessionOpened | None:
        """The event that began this session, whether it sits still or not."""
        row = self._database.fetch_one(
            "select originator_id, originator_version, topic, state::text as state from stored_events"
            " where originator_id = %s and topic = %s and state ->> 'session_id' = %s",
            (seat_id(sitting.license_id, sitting.seat), Seat.SessionOpened.topic(), str(sitting.session_id)),
        )
        event = self._event(row) if row else None
        return event if isinstance(event, Seat.SessionOpened) else None

    def begun(self, streams: Sequence[UUID]) -> set[UUID]:
        """Those of these streams that the log has."""
        found = self._database.fetch_all(
            "select originator_id from stored_events where originator_id = any(%s) and originator_version = 1",
            (list(streams),),
        )
        return {row["originator_id"] for row in found}

    def _event(self, row: DictRow) -> Seat.SessionOpened | Seat.SessionClosed:
        stored = StoredEvent(row["originator_id"], row["originator_version"], row["topic"], row["state"].encode())
        event = self._codec.to_domain_event(stored)
        assert isinstance(event, Seat.SessionOpened | Seat.SessionClosed), f"{row['topic']} in the stream of a seat"
        return event
