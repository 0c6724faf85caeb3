"""Who is a member of which organization, with which role: what the log says of it, at once after it was stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from adapters.database import Database, Row
from adapters.remembered import Remembered
from domain.role import Role


class Membership(NamedTuple):
    """A row of `memberships`."""

    organization_id: UUID
    user_id: UUID
    role: Role
    joined_at: datetime


class KnownMember(NamedTuple):
    """A member with what `people` says of it."""

    user_id: UUID
    role: Role
    joined_at: datetime
    email: str
    full_name: str


_MEMBERSHIP = ", ".join(Membership._fields)
_KNOWN = "select m.user_id, m.role, m.joined_at, p.email, p.full_name from memberships m join people p using (user_id)"


class Memberships:
    """The only writer of `memberships`."""

    def __init__(self, database: Database, remembered: Remembered) -> None:
        self._database = database
        self._remembered = remembered

    def recall_role(self, organization_id: UUID, user_id: UUID, otherwise: Any) -> Any:
        """What `remember_role` would answer, if no database has to be asked for it; else `otherwise`."""
        return self._remembered.recall(_key(organization_id, user_id), otherwise)

    def remember_role(self, organization_id: UUID, user_id: UUID) -> Role | None:
        """As `role_of`, and the next time without asking, until it changes (adapters/remembered.py)."""
        look = partial(self.role_of, organization_id, user_id)
        role: Role | None = self._remembered.ask(_key(organization_id, user_id), look)
        return role

    def changed(self, organization_id: UUID, user_id: UUID) -> None:
        """To be called after a change is stored: in this process it counts from now on, in others a moment later."""
        self._remembered.forget(_key(organization_id, user_id))

    def role_of(self, organization_id: UUID, user_id: UUID) -> Role | None:
        """None when the person is no member."""
        found = self._database.fetch_one(
            "select role from memberships where organization_id = %s and user_id = %s", (organization_id, user_id)
        )
        return Role(found["role"]) if found else None

    def has_address(self, organization_id: UUID, email: str) -> bool:
        """Whether a member has this address, in whatever case."""
        sql = f"{_KNOWN} where m.organization_id = %s and lower(p.email) = lower(%s)"
        return self._database.fetch_one(sql, (organization_id, email)) is not None

    def of_user(self, user_id: UUID) -> list[Membership]:
        """Of one person, the oldest first."""
        found = self._database.fetch_all(
            f"select {_MEMBERSHIP} from memberships where user_id = %s order by joined_at, organization_id", (user_id,)
        )
        return [Membership(**{**row, "role": Role(row["role"])}) for row in found]

    def member(self, organization_id: UUID, user_id: UUID) -> KnownMember | None:
        """One member; None when the person is none."""
        found = self._database.fetch_one(
            f"{_KNOWN} where m.organization_id = %s and m.user_id = %s", (organization_id, user_id)
        )
        return _member(found) if found else None

    def members(
        self, organization_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[KnownMember]:
        """In the order in which they came."""
        found = self._database.fetch_all(
            f"{_KNOWN} where m.organization_id = %(organization)s"
            " and (%(at)s::timestamptz is null or (m.joined_at, m.user_id) > (%(at)s, %(id)s))"
            " order by m.joined_at, m.user_id limit %(limit)s",
            {
                "organization": organization_id,
                "at": after[0] if after else None,
                "id": after[1] if after else None,
                "limit": limit,
            },
        )
        return [_member(row) for row in found]

    @staticmethod
    def put(organization_id: UUID, user_id: UUID, role: Role, now: datetime) -> Row:
        """A new member, or another role of one that there is."""
        return (
            "insert into memberships (organization_id, user_id, role, joined_at) values (%s, %s, %s, %s)"
            " on conflict (organization_id, user_id) do update set role = excluded.role",
            (organization_id, user_id, role, now),
        )

    @staticmethod
    def remove(organization_id: UUID, user_id: UUID) -> Row:
        return "delete from memberships where organization_id = %s and user_id = %s", (organization_id, user_id)


def _member(row: dict[str, Any]) -> KnownMember:
    return KnownMember(**{**row, "role": Role(row["role"])})


def _key(organization_id: UUID, user_id: UUID) -> str:
    """As the trigger of `memberships` tells it."""
    return f"membership:{organization_id}:{user_id}"
