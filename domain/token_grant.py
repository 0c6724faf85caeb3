"""A customer's permission to use one solution (product) with tokens, under one licence."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created

if TYPE_CHECKING:
    from datetime import datetime


class RevokedReason(StrEnum):
    """REUSED: a refresh token came a second time, so somebody has it who should not."""

    REVOKED = "revoked"
    REUSED = "reused"


class TokenGrant(Aggregate):
    """From the first pair of tokens until it is revoked or nobody refreshes it. Refreshes are no events: each would
    only say that time has passed (see adapters/token_grants.py)."""

    TOPIC = "token_grant"

    if TYPE_CHECKING:
        organization_id: UUID
        license_id: UUID
        product: str
        scopes: tuple[str, ...]
        revoked: RevokedReason | None

    @classmethod
    def issue(
        cls,
        *,
        id: UUID,
        organization_id: UUID,
        license_id: UUID,
        product: str,
        scopes: tuple[str, ...],
        now: datetime,
    ) -> TokenGrant:
        bound = {"organization_id": organization_id, "license_id": license_id, "product": product}
        return cls.begin(cls.Issued, id=id, now=now, scopes=scopes, **bound)

    def revoke(self, *, reason: RevokedReason = RevokedReason.REVOKED, now: datetime) -> None:
        """Ends it for good; twice is once."""
        if self.revoked is None:
            self.record(self.Revoked, now=now, reason=reason)

    class Issued(Created):
        TOPIC = "token_grant.issued"
        organization_id: UUID
        license_id: UUID
        product: str
        scopes: tuple[str, ...]

        def apply(self, grant: TokenGrant) -> None:
            grant.organization_id, grant.license_id = self.organization_id, self.license_id
            grant.product, grant.scopes = self.product, self.scopes
            grant.revoked = None

    class Revoked(Aggregate.Event):
        TOPIC = "token_grant.revoked"
        reason: RevokedReason

        def apply(self, grant: TokenGrant) -> None:
            grant.revoked = self.reason
