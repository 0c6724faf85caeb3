"""The event store in four verbs: fetch, add, change, save."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Mapper

from application.attribution import attribution
from domain.aggregate import Aggregate
from domain.errors import AlreadyRecorded, ConcurrentChange, NotFound

if TYPE_CHECKING:
    from adapters.database import Row
    from adapters.event_recorder import EventRecorder

A = TypeVar("A", bound=Aggregate)

_ATTEMPTS = 8


class Store(Application[UUID]):
    """Aggregates in, aggregates out; one save is one transaction over any number of them."""

    def __init__(self, recorder: EventRecorder, mapper: Mapper[UUID]) -> None:
        self._given_recorder = recorder
        self._given_mapper = mapper
        super().__init__()

    def construct_recorder(self) -> ApplicationRecorder:
        return self._given_recorder

    def construct_mapper(self) -> Mapper[UUID]:
        return self._given_mapper

    def fetch(self, kind: type[A], id: UUID, *, version: int | None = None) -> A:
        """The aggregate as it is (or as it was at `version`); `NotFound` when absent or of another type."""
        found = self.find(kind, id, version=version)
        if found is None:
            raise NotFound.of(kind.__name__.lower(), id)
        return found

    def find(self, kind: type[A], id: UUID, *, version: int | None = None) -> A | None:
        """Like `fetch`, with None for absent."""
        try:
            found: Any = self.repository.get(id, version=version, projector_func=_project)
        except AggregateNotFoundError:
            return None
        return found if isinstance(found, kind) else None

    def find_all(self, kind: type[A], ids: Iterable[UUID]) -> list[A]:
        """Those that exist and are of this type, in no order; one question for all of them."""
        return [each for each in self.look_at(ids).values() if isinstance(each, kind)]

    def look_at(self, ids: Iterable[UUID]) -> dict[UUID, Aggregate | None]:
        """Aggregates of any type by id, None for absent; one question for all of them."""
        found: dict[UUID, Any] = dict.fromkeys(ids)
        stored = self._given_recorder.select_streams(list(found)) if found else ()
        for id, events in groupby(map(self.mapper.to_domain_event, stored), lambda event: event.originator_id):
            found[id] = _project(None, events)
        return found

    def add(self, *new: Aggregate, rows: Sequence[Row] = ()) -> int:
        """Stores new aggregates; `AlreadyRecorded` when a stream (or a row) is there already. Answers the position."""
        try:
            return self.put(*new, rows=rows)
        except IntegrityError as error:
            raise AlreadyRecorded() from error

    def change(self, kind: type[A], id: UUID, decide: Callable[[A], None], *, rows: Sequence[Row] = ()) -> A:
        """Loads, lets `decide` act, saves; again with fresh state when somebody else was faster.

        `decide` may run several times and must do nothing but call the aggregate. Raises what it raises,
        `NotFound`, and `ConcurrentChange` after eight lost races.
        """
        for _ in range(_ATTEMPTS):
            aggregate = self.fetch(kind, id)
            decide(aggregate)
            if not aggregate.pending_events and not rows:
                return aggregate
            try:
                self.put(aggregate, rows=rows)
            except IntegrityError:
                continue
            return aggregate
        raise ConcurrentChange(retry_after=1)

    def put(self, *aggregates: Aggregate, rows: Sequence[Row] = ()) -> int:
        """Stores all pending events and the rows in one transaction; answers the position of the last event (0: none).

        Raises the library's `IntegrityError` on a version conflict: the aggregates are then spent, load them again.
        """
        by = attribution()
        stored = [self.mapper.to_stored_event(event) for each in aggregates for event in each.collect_events()]
        positions = self.recorder.insert_events(stored, rows=rows, actor=by.actor, cause=by.cause)
        return positions[-1] if positions else 0


def _project(aggregate: Any, events: Iterable[Any]) -> Any:
    """As the library's own does, which asks of each event whether it follows a protocol: a third of a stream's time."""
    for event in events:
        aggregate = event.mutate(aggregate)
    return aggregate
