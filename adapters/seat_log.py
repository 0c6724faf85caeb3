"""What the log itself says of seats, past any read model: the last event of each seat's stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
        found: dict[UUID, list[SeatState]] = {license_id: [] for license_id in at_least}
        searched, width = list(found), _FIRST_LOOK
        while searched:
            looks = [(each, len(found[each]) + number) for number in range(1, width + 1) for each in searched]
            for state in self.last_events(looks):
                found[state.license_id].append(state)
            searched = [each for each in searched if not self._is_whole(found[each], at_least[each], width)]
            width = min(2 * width, _WIDEST_LOOK)
        return {each: states[: max(_highest(states), at_least[each])] for each, states in found.items()}

    @staticmethod
    def _is_whole(states: Sequence[SeatState], at_least: int, width: int) -> bool:
        return len(states) - max(_highest(states), at_least) >= width // 2

    def last_events(self, places: Iterable[tuple[UUID, int]]) -> list[SeatState]:
        """How each (licence, seat number) stands, in the order asked."""
        asked = [(seat_id_hex(license_id, seat), license_id, seat) for license_id, seat in places]
        found = self._database.fetch_all(
            "select e.* from unnest(%s::uuid[]) as wanted (id) cross join lateral ("
            " select originator_id, originator_version, topic, state::text as state from stored_events"
            " where originator_id = wanted.id order by originator_version desc limit 1) e",
            ([stream for stream, _, _ in asked],),
        )
        states = {row["originator_id"].hex: SeatState.after(self._event(row)) for row in found}
        return [states.get(stream) or SeatState(license_id, seat, 0) for stream, license_id, seat in asked]

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


def _highest(states: Sequence[SeatState]) -> int:
    """The highest number that was ever used, 0 when none was."""
    return next((each.seat for each in reversed(states) if each.version), 0)
