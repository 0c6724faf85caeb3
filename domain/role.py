"""What a member of an organization may do, and whose word counts when members are changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.api_key import OWNER_SCOPES, Scope


class Role(StrEnum):
    """From the most to the least: each may do all that the next one may."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    VIEWER = "viewer"

    def covers(self, other: Role) -> bool:
        """Whether it is as much as the other one, and so may give and take it."""
        return _ORDER.index(self) <= _ORDER.index(other)

    @property
    def scopes(self) -> frozenset[Scope]:
        """The rights that go with it; an owner's others (handing the organization over) no scope stands for."""
        return _SCOPES[self]

    @classmethod
    def least_with(cls, *scopes: Scope) -> Role | None:
        """The least role that has all these rights; None when they are the vendor's."""
        return next((role for role in reversed(_ORDER) if role.scopes.issuperset(scopes)), None)


_ORDER = tuple(Role)
_VIEWER = frozenset(
    {Scope.LICENSES_READ, Scope.SUBSCRIPTIONS_READ, Scope.INVOICES_READ, Scope.USAGE_READ, Scope.MEMBERS_READ}
)
_DEVELOPER = _VIEWER | {
    Scope.LICENSES_WRITE,
    Scope.USAGE_WRITE,
    Scope.API_KEYS,
    Scope.WEBHOOKS,
    Scope.TOKENS_READ,
    Scope.TOKENS_WRITE,
}
_SCOPES = {Role.OWNER: OWNER_SCOPES, Role.ADMIN: OWNER_SCOPES, Role.DEVELOPER: _DEVELOPER, Role.VIEWER: _VIEWER}


@dataclass(frozen=True)
class Authority:
    """On whose word members are changed. A person's role is the one that the organization knows at that moment; `role`
    is that of somebody who is no member: an organization's program, or the vendor."""

    role: Role
    user_id: UUID | None = None
