"""The follower that turns facts into errands: what has to be done outside the log, entered with the position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from domain.aggregate import Event
from domain.ids import message_id
from projections.log import Recorded
from projections.read_model import Statement

Put = Callable[[UUID, str, UUID, int], Statement]
"""The statement that enters an errand: its id, its task, and the fact (stream and version) it is because of."""


class Dispatcher:
    """Each fact has its errands once: their ids are derived from it, and they are entered in the transaction that
    moves the position. `errands_of` names the tasks that follow from an event of one of the `kinds`."""

    name = "dispatcher"

    def __init__(self, kinds: Iterable[type[Event]], errands_of: Callable[[Any], list[str]], put: Put) -> None:
        self.topics: frozenset[str] | None = frozenset(kind.topic() for kind in kinds)
        self._errands_of = errands_of
        self._put = put
        self._entered: list[UUID] = []

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        with connection.pipeline():
            for recorded in batch:
                stream, version = recorded.stream_id, recorded.stored.originator_version
                for task in self._errands_of(recorded.event):
                    id = message_id(stream, version, task)
                    connection.execute(*self._put(id, task, stream, version))
                    self._entered.append(id)

    def entered(self) -> list[UUID]:
        """The errands entered since the last call, for hints to workers. After a transaction that failed some may not
        exist: then a worker finds nothing to do."""
        entered, self._entered = self._entered, []
        return entered
