"""What a read model is: tables, and for each event the statements it causes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import psycopg

from domain.aggregate import Event
from projections.log import Recorded

Statement = tuple[str, Sequence[Any] | Mapping[str, Any]]
Handler = Callable[[Recorded], Iterable[Statement]]


class Consumer(Protocol):
    """Anything that follows the log: gets events of its `topics` in order, inside the position's transaction."""

    name: str
    topics: frozenset[str] | None  # None: every topic

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None: ...


class ReadModel:
    """Tables that are built from the log and from nothing else; they can be dropped and built again.

    Subclasses give `name`, `ddl` (unqualified `create table` and `create index` statements), `tables`, and
    `handlers`. A handler is a pure function of one recorded event, so that building is repeatable; it must not read.
    """

    name: ClassVar[str]
    ddl: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    handlers: ClassVar[Mapping[type[Event], Handler]]

    def __init__(self) -> None:
        self._by_topic = {event_class.topic(): handler for event_class, handler in self.handlers.items()}
        self.topics: frozenset[str] | None = frozenset(self._by_topic)

    @property
    def digest(self) -> str:
        """Changes when the tables change: then the read model has to be built again."""
        return hashlib.sha256(self.ddl.encode()).hexdigest()[:16]

    def statements(self, recorded: Recorded) -> Iterable[Statement]:
        return self._by_topic[recorded.topic](recorded)

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        with connection.pipeline(), connection.cursor() as cursor:
            for recorded in batch:
                for sql, params in self.statements(recorded):
                    cursor.execute(sql, params)
