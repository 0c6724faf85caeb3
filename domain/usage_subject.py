"""Somebody who uses something before being anybody's: a visitor, until an organization claims what it used."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict


class UsageSubject(Aggregate):
    """The id is a digest of the vendor's name for it, which is kept where it can be erased."""

    TOPIC = "usage_subject"

    if TYPE_CHECKING:
        organization_id: UUID

    @classmethod
    def claim(cls, *, id: UUID, organization_id: UUID, now: datetime) -> UsageSubject:
        """All it used and will use is the organization's."""
        return cls.begin(cls.Claimed, id=id, now=now, organization_id=organization_id)

    def claim_again(self, organization_id: UUID) -> None:
        """Nothing happens for the one that has it; `Conflict` for another."""
        if organization_id != self.organization_id:
            raise Conflict("This subject is another organization's already.")

    class Claimed(Created):
        TOPIC = "usage_subject.claimed"
        organization_id: UUID

        def apply(self, subject: UsageSubject) -> None:
            subject.organization_id = self.organization_id
