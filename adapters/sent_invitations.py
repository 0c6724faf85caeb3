"""To whom invitations were sent: erasable personal data beside the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from domain.role import Role


class SentInvitation(NamedTuple):
    """A row of `invitations`; `invited_by` None: a program or the vendor."""

    invitation_id: UUID
    organization_id: UUID
    email: str
    role: Role
    invited_by: UUID | None
    invited_at: datetime
    expires_at: datetime


_INVITATION = ", ".join(SentInvitation._fields)


class SentInvitations:
    """The only writer of `invitations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, invitation_id: UUID) -> SentInvitation | None:
        sql = f"select {_INVITATION} from invitations where invitation_id = %s"
        return _invitation(self._database.fetch_one(sql, (invitation_id,)))

    def to(self, organization_id: UUID, email: str) -> SentInvitation | None:
        """The organization's invitation to this address, in whatever case; also one that is out of date."""
        sql = f"select {_INVITATION} from invitations where organization_id = %s and lower(email) = lower(%s)"
        return _invitation(self._database.fetch_one(sql, (organization_id, email)))

    def to_address(self, email: str) -> Sequence[SentInvitation]:
        """Every organization's invitation to this address, the oldest first."""
        found = self._database.fetch_all(
            f"select {_INVITATION} from invitations where lower(email) = lower(%s) order by invited_at, invitation_id",
            (email,),
        )
        return [each for row in found if (each := _invitation(row))]

    def open(
        self, organization_id: UUID, now: datetime, *, after: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[SentInvitation]:
        """Those that can still be accepted, the oldest first."""
        found = self._database.fetch_all(
            f"select {_INVITATION} from invitations where organization_id = %(organization)s and expires_at > %(now)s"
            " and (%(at)s::timestamptz is null or (invited_at, invitation_id) > (%(at)s, %(id)s))"
            " order by invited_at, invitation_id limit %(limit)s",
            {
                "organization": organization_id,
                "now": now,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [each for row in found if (each := _invitation(row))]

    @staticmethod
    def enter(
        invitation_id: UUID,
        organization_id: UUID,
        *,
        email: str,
        role: Role,
        invited_by: UUID | None,
        now: datetime,
        expires_at: datetime,
    ) -> Row:
        """The row that is written in the transaction of the invitation; fails when the address has one already."""
        return (
            f"insert into invitations ({_INVITATION}) values (%s, %s, %s, %s, %s, %s, %s)",
            (invitation_id, organization_id, email, role, invited_by, now, expires_at),
        )

    @staticmethod
    def remove(invitation_id: UUID) -> Row:
        return "delete from invitations where invitation_id = %s", (invitation_id,)

    @staticmethod
    def erase(email: str) -> Row:
        """Forgets that this address was invited to anything."""
        return "delete from invitations where lower(email) = lower(%s)", (email,)

    @staticmethod
    def erase_of(organization_id: UUID) -> Row:
        """Forgets whom an organization has invited."""
        return "delete from invitations where organization_id = %s", (organization_id,)


def _invitation(row: dict[str, object] | None) -> SentInvitation | None:
    return SentInvitation(**{**row, "role": Role(row["role"])}) if row else None  # type: ignore[arg-type]
