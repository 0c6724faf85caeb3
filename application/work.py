"""One unit of work: aggregates loaded once, changed by many rules, saved in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.store import Store
from domain.aggregate import Aggregate
from domain.errors import ConcurrentChange, NotFound
from domain.license import License

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from application.license_guard import LicenseGuard

A = TypeVar("A", bound=Aggregate)
T = TypeVar("T")

_ATTEMPTS = 8


class Work:
    """Everybody who asks for an id gets the same object. Nothing is stored until `save`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[UUID, Aggregate | None] = {}
        self._seen: dict[UUID, int] = {}
        self.rows: list[Row] = []

    def find(self, kind: type[A], id: UUID) -> A | None:
        if id not in self._loaded:
            self._look({id: self._store.find(kind, id)})
        found = self._loaded[id]
        return found if isinstance(found, kind) else None

    def expect(self, ids: Iterable[UUID]) -> None:
        """These will probably be asked for: reads them at once. What else is asked for is read when it is."""
        self._look(self._store.look_at(id for id in ids if id not in self._loaded))

    def fetch(self, kind: type[A], id: UUID) -> A:
        found = self.find(kind, id)
        if found is None:
            raise NotFound.of(kind.__name__.lower(), id)
        return found

    def add(self, new: A) -> A:
        self._loaded[new.id] = new
        return new

    def drop(self) -> None:
        """Forgets every change, not what was looked at: what is decided instead holds for that."""
        self._loaded = {id: each for id, each in self._loaded.items() if each is None or not each.pending_events}
        self.rows.clear()

    def changed(self, kind: type[A]) -> list[A]:
        """The aggregates of a kind that have something to store."""
        return [each for each in self._loaded.values() if isinstance(each, kind) and each.pending_events]

    @property
    def pending(self) -> tuple[Aggregate, ...]:
        """Whatever has something to store."""
        return tuple(each for each in self._loaded.values() if each is not None and each.pending_events)

    @property
    def touched(self) -> tuple[UUID, ...]:
        """The streams that have something to store."""
        return tuple(each.id for each in self.pending)

    def save(self) -> int:
        """Stores all of it or nothing; the library's `IntegrityError` when somebody was faster: begin again.

        Also when somebody changed what was only looked at: a decision holds for what it has seen, or not at all.
        """
        changed = self.pending
        if not changed and not self.rows:
            return 0
        return self._store.put(*changed, rows=[*self.rows, self._still_as_seen()])

    def _still_as_seen(self) -> Row:
        """Last of the rows: it takes the log's lock, and whoever holds that must not wait for a row."""
        changed = set(self.touched)
        seen = {id: version for id, version in self._seen.items() if id not in changed}
        return "select require_unchanged(%s::uuid[], %s::bigint[])", (list(seen), list(seen.values()))

    def _look(self, found: Mapping[UUID, Aggregate | None]) -> None:
        self._loaded.update(found)
        self._seen = {id: each.version if each else 0 for id, each in found.items()} | self._seen


class Works:
    """Runs units of work; licences that lose something are held tight before the save and made known after it."""

    def __init__(self, store: Store, guard: LicenseGuard, clock: Clock) -> None:
        self._store = store
        self._guard = guard
        self._clock = clock

    def run(self, decide: Callable[[Work, datetime], T]) -> T:
        """Decides on fresh state and saves all of it; when somebody was faster, again: `decide` may run several times.

        Raises what `decide` raises (then nothing is stored), and `ConcurrentChange` after eight lost races.
        """
        for _ in range(_ATTEMPTS):
            work = Work(self._store)
            decided = decide(work, self._clock.now())
            licenses = work.changed(License)
            self._guard.tighten(licenses)
            try:
                work.save()
            except IntegrityError:
                continue
            self._guard.refresh(licenses)
            return decided
        raise ConcurrentChange(retry_after=1)
