"""One unit of work: aggregates loaded once, changed by many rules, saved in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from application.store import Store
from domain.aggregate import Aggregate
from domain.errors import NotFound

if TYPE_CHECKING:
    from adapters.database import Row

A = TypeVar("A", bound=Aggregate)


class Work:
    """Everybody who asks for an id gets the same object. Nothing is stored until `save`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[UUID, Aggregate | None] = {}
        self.rows: list[Row] = []

    def find(self, kind: type[A], id: UUID) -> A | None:
        if id not in self._loaded:
            self._loaded[id] = self._store.find(kind, id)
        found = self._loaded[id]
        return found if isinstance(found, kind) else None

    def fetch(self, kind: type[A], id: UUID) -> A:
        found = self.find(kind, id)
        if found is None:
            raise NotFound.of(kind.__name__.lower(), id)
        return found

    def add(self, new: A) -> A:
        self._loaded[new.id] = new
        return new

    def changed(self, kind: type[A]) -> list[A]:
        """The aggregates of a kind that have something to store."""
        return [each for each in self._loaded.values() if isinstance(each, kind) and each.pending_events]

    @property
    def touched(self) -> tuple[UUID, ...]:
        """The streams that have something to store."""
        return tuple(each.id for each in self._loaded.values() if each is not None and each.pending_events)

    def save(self) -> int:
        """Stores all of it or nothing; the library's `IntegrityError` when somebody was faster: begin again."""
        changed = [each for each in self._loaded.values() if each is not None and each.pending_events]
        return self._store.put(*changed, rows=self.rows)
