"""Grants of tokens for solutions: one row each, moved on by each refresh in a single statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.remembered import Remembered
from domain.token_grant import TokenGrant


class Grant(NamedTuple):
    """A row of `token_grants`; `generation` is the one refresh token that is good, counted from 1."""

    grant_id: UUID
    organization_id: UUID
    license_id: UUID
    product: str
    scopes: list[str]
    lifetime: timedelta
    generation: int
    expires_at: datetime
    revoked_at: datetime | None


_GRANT = ", ".join(Grant._fields)


class TokenGrants:
    """The only writer of `token_grants`."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database = database
        self._remembered = remembered

    def recall_is_live(self, grant_id: UUID) -> bool | None:
        """What `is_live` would answer, if no database has to be asked for it; else None."""
        found: bool | None = self._remembered.recall(f"token_grant:{grant_id}", None)
        return found

    def is_live(self, grant_id: UUID) -> bool:
        """Whether the grant is there and not revoked; the next time without asking, until it changes."""
        found: bool = self._remembered.ask(f"token_grant:{grant_id}", partial(self._is_live, grant_id))
        return found

    def _is_live(self, grant_id: UUID) -> bool:
        found = self.find(grant_id)
        return found is not None and found.revoked_at is None

    def find(self, grant_id: UUID) -> Grant | None:
        row = self._database.fetch_one(f"select {_GRANT} from token_grants where grant_id = %s", (grant_id,))
        return Grant(**row) if row else None

    def advance(self, grant_id: UUID, *, generation: int, expires_at: datetime) -> Grant | None:
        """The grant one generation on; None when `generation` is not the current one, or it is revoked.

        The row decides between two who come with the same token: the second finds the generation gone.
        """
        row = self._database.fetch_one(
            "update token_grants set generation = generation + 1, expires_at = %s"
            f" where grant_id = %s and generation = %s and revoked_at is null returning {_GRANT}",
            (expires_at, grant_id, generation),
        )
        return Grant(**row) if row else None

    def changed(self, grant_id: UUID) -> None:
        """To be called after a revocation is stored: here it counts from now on, in other processes a moment later."""
        self._remembered.forget(f"token_grant:{grant_id}")

    def purge(self, now: datetime) -> int:
        """Deletes grants whose tokens have all expired; answers how many."""
        return self._database.execute("delete from token_grants where expires_at <= %s", (now,))

    @staticmethod
    def enter(grant: TokenGrant, *, lifetime: timedelta, expires_at: datetime) -> Row:
        return (
            "insert into token_grants (grant_id, organization_id, license_id, product, scopes, lifetime, issued_at,"
            " expires_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(grant.id, grant.organization_id, grant.license_id, grant.product, list(grant.scopes), lifetime),
                *(grant.created_on, expires_at),
            ),
        )

    @staticmethod
    def revoke(grant_id: UUID, now: datetime) -> Row:
        return "update token_grants set revoked_at = coalesce(revoked_at, %s) where grant_id = %s", (now, grant_id)
