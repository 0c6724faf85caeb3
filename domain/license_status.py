"""How a licence stands, and what its holder is told when it does not work."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import LicenseExpired, LicenseRevoked, LicenseSuspended


class Status(StrEnum):
    ACTIVE = "active"
    GRACE = "grace"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def works(self) -> bool:
        return self in (Status.ACTIVE, Status.GRACE)

    def require_working(self) -> None:
        """`LicenseSuspended`, `LicenseExpired` or `LicenseRevoked` when it does not work."""
        if not self.works:
            raise _REFUSALS[self]()


_REFUSALS = {
    Status.SUSPENDED: LicenseSuspended,
    Status.EXPIRED: LicenseExpired,
    Status.REVOKED: LicenseRevoked,
}
