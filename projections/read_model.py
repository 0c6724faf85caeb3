"""What a read model is: tables, and for each event the statements it causes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import psycopg

from domain.aggregate import Event
from projections.log import EVENTS, Log, Recorded

Statement = tuple[str, Sequence[Any] | Mapping[str, Any]]
Handler = Callable[[Recorded], Iterable[Statement]]

OWN = "organization_id = usher_organization()"
OF_OWN_LICENSES = "tenant_has_license(license_id)"
EVERYBODYS = "true"


_WALL = """;
    alter table {table} enable row level security;
    create policy tenant on {table} for select to usher_tenant using ({rows});
    grant select on {table} to usher_tenant"""


class Consumer(Protocol):
    """Anything that follows the log: gets events of its `topics` in order, inside the position's transaction."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> frozenset[str] | None:
        """None: every topic."""

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None: ...


@runtime_checkable
class Teller(Protocol):
    """A follower that tells somebody over the network. It is called outside of any transaction, and again with the same
    events when it fails, when its process dies before the position has moved, or when two processes tell at once."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> frozenset[str] | None: ...

    def tell(self, batch: Sequence[Recorded]) -> None: ...


Follower = Consumer | Teller


class ReadModel:
    """Tables that are built from the log and from nothing else; they can be dropped and built again.

    Subclasses give `name`, `ddl` (unqualified `create table` and `create index` statements), `tables`, and
    `handlers`. A handler is a pure function of one recorded event, so that building is repeatable; it must not read.

    Statements run in the order of the events. Those whose SQL is listed in `gathered` are kept back, and each runs
    once at the end of the batch with all its parameters as arrays, in the order of the list: for what happens
    thousands of times a second, and only where that order gives the same tables. Arrays cost half when they are sent
    in binary: `%b::uuid[]`.

    `tenants_see` says of each table that requests for an organization may read, which rows (decision 20): `OWN`,
    `OF_OWN_LICENSES` or `EVERYBODYS`. A condition must name no other read model's table: that could not be swapped
    then.
    """

    name: ClassVar[str]
    ddl: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    handlers: ClassVar[Mapping[type[Event], Handler]]
    gathered: ClassVar[tuple[str, ...]] = ()
    log: ClassVar[Log] = EVENTS
    tenants_see: ClassVar[Mapping[str, str]] = {}
    version: ClassVar[int] = 1
    """Raise it when a handler changes what it writes: then the tables are built again, though of the same shape."""

    def __init__(self) -> None:
        self._by_topic = {event_class.topic(): handler for event_class, handler in self.handlers.items()}
        self.topics: frozenset[str] | None = frozenset(self._by_topic)

    @property
    def making(self) -> str:
        """The DDL of the tables, with the wall around them: it goes with them when they are swapped."""
        return self.ddl + "".join(_WALL.format(table=table, rows=rows) for table, rows in self.tenants_see.items())

    @property
    def digest(self) -> str:
        """Of the tables' shape and of `version`: when it changes, the read model has to be built again."""
        return hashlib.sha256(f"{self.making}\n{self.version}".encode()).hexdigest()[:16]

    def statements(self, recorded: Recorded) -> Iterable[Statement]:
        return self._by_topic[recorded.topic](recorded)

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[Recorded]) -> None:
        """Writes what a batch of events (all of its topics) means."""
        kept: dict[str, list[Any]] = defaultdict(list)
        with connection.pipeline(), connection.cursor() as cursor:
            for recorded in batch:
                for sql, params in self.statements(recorded):
                    if sql in self.gathered:
                        kept[sql].append(params)
                    else:
                        cursor.execute(sql, params)
            for sql in self.gathered:
                if kept[sql]:
                    cursor.execute(sql, [list(column) for column in zip(*kept[sql], strict=True)])


def insert(table: str, **columns: Any) -> Statement:
    """A new row."""
    names, marks = ", ".join(columns), ", ".join(f"%({name})s" for name in columns)
    return f"insert into {table} ({names}) values ({marks})", columns


def update(table: str, key: str, recorded: Recorded, **columns: Any) -> list[Statement]:
    """New values in the row of the aggregate that the event happened to; `key` is the column of its id."""
    changes = ", ".join(f"{name} = %({name})s" for name in columns)
    return [(f"update {table} set {changes} where {key} = %(stream_id)s", {**columns, "stream_id": recorded.stream_id})]
