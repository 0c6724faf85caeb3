"""Read models built from a log in a schema of their own, where nobody sees them until they are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from projections.follower import apply, connect
from projections.log import EVENTS, Decode, log_of
from projections.read_model import ReadModel

BUILDING = "hashtextextended('building', 0)"
"""Held by everybody who builds: meanwhile nothing is rolled up that they may have passed by."""
Progress = Callable[[int, int], None]
"""Called with (position reached, position to reach) after every batch."""


class UnderWay(Exception):
    """Somebody else builds in this schema now."""

    def __init__(self, schema: str) -> None:
        super().__init__(f"{schema} is being built by another process; wait for it to end")


class Building:
    """Empty tables of some read models of one log in `schema`, filled from it batch by batch.

    Use `opened`. What a killed process left in the schema is dropped by the next one that opens it.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], decode: Decode, schema: str, read_models: Sequence[ReadModel]
    ) -> None:
        self.connection = connection
        self.schema = schema
        self.log = next(map(log_of, read_models), EVENTS)
        self._reader = self.log.reader(decode)
        self._reached = {read_model.name: 0 for read_model in read_models}
        self._read_models = {read_model.name: read_model for read_model in read_models}

    @classmethod
    @contextmanager
    def opened(
        cls, database_url: str, decode: Decode, schema: str, read_models: Sequence[ReadModel], *, wait: bool = False
    ) -> Iterator[Building]:
        """Makes the schema anew and drops it at the end. `UnderWay` when it is in use, unless told to `wait`."""
        with connect(database_url, schema=schema) as connection:
            _take(connection, schema, wait)
            building = cls(connection, decode, schema, read_models)
            building._drop()
            building._make()
            try:
                yield building
            finally:
                if not connection.closed:
                    building._drop()
                    connection.execute("select pg_advisory_unlock_all()")  # else the next one to build may be sooner

    def build(self, until: int, progress: Progress) -> None:
        """Brings all read models up to a position; each batch is read and decoded once for all of them."""
        reached = min(self._reached.values())
        while reached < until:
            with self.connection.transaction():
                reached = self._build_batch(list(self._read_models.values()), reached, until)
            progress(reached, until)

    def bring(self, read_model: ReadModel, until: int) -> None:
        """Brings one of them on to a position, inside the caller's transaction."""
        reached = self._reached[read_model.name]
        while reached < until:
            reached = self._build_batch([read_model], reached, until)

    def mark(self) -> dict[str, int]:
        """Where each stands; give it to `back_to` when the transaction that came after was rolled back."""
        return dict(self._reached)

    def back_to(self, mark: dict[str, int]) -> None:
        self._reached = dict(mark)

    def _build_batch(self, read_models: Sequence[ReadModel], after: int, until: int) -> int:
        batch = self._reader.read(self.connection, after, until)
        reached = batch[-1].position if batch else until
        for read_model in read_models:
            apply(self.connection, read_model, batch)
            self._reached[read_model.name] = reached
        return reached

    def _make(self) -> None:
        with self.connection.transaction():
            self.connection.execute(sql.SQL("create schema {}").format(sql.Identifier(self.schema)))
            for read_model in self._read_models.values():
                self.connection.execute(read_model.making.encode())

    def _drop(self) -> None:
        self.connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(self.schema)))


def _take(connection: psycopg.Connection[Any], schema: str, wait: bool) -> None:
    """The locks fall with the connection, however its process ends."""
    connection.execute(f"select pg_advisory_lock_shared({BUILDING})")
    if wait:
        connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (schema,))
        return
    got = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (schema,)).fetchone()
    if got != (True,):
        raise UnderWay(schema)
