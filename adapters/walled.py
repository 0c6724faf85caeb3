"""The wall between tenants that stands when the application's own checks fail (docs/decisions/0020-tenant-wall.md).

Once a request is confined to an organization, whatever it reads through this database is read by the role
`usher_tenant`, to which PostgreSQL shows that organization's rows only. Everybody else (the vendor, workers,
followers) passes through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from adapters.database import Database
from domain.errors import NotFound

ROLE = "usher_tenant"
_organization: ContextVar[UUID | None] = ContextVar("organization", default=None)


class Walled(Database):
    """Shares the connections of `plain`, which sees everything."""

    def __init__(self, plain: Database) -> None:
        self.url = plain.url
        self._plain = plain

    @staticmethod
    def confine(organization_id: UUID) -> None:
        """From here on, in this task and the threads it asks, only what is this organization's can be read, and nothing
        be written: that is done through the plain database, beside the events that say so."""
        _organization.set(organization_id)

    def must_be_within(self, organization_id: UUID | None) -> None:
        """For what is read past the wall: `NotFound` when the request is confined to another organization."""
        if self.confined_to not in (None, organization_id):
            raise NotFound.of("organization", organization_id)

    @property
    def confined_to(self) -> UUID | None:
        return _organization.get()

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[DictRow]]:
        """A connection; when confined, inside a transaction of the tenant's role. `Unavailable` as ever."""
        with self._plain.connection() as connection:
            organization_id = self.confined_to
            if organization_id is None:
                yield connection
                return
            connection.execute(enter(organization_id), prepare=False)  # there are as many texts as organizations
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.execute("commit", prepare=False)

    def close(self) -> None:
        """Nothing: the connections are another's."""


def enter(organization_id: UUID) -> bytes:
    """Begins a tenant's transaction, with which role and setting end. One message: it is paid for by every list."""
    return f"begin; set local role {ROLE}; set local usher.organization = '{organization_id}'".encode()
