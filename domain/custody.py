"""What may become of an organization's data: a deletion that was asked for, a legal hold."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, NotFound


class LegalHold(Conflict):
    code = "legal_hold"
    sentence = "Nothing of this organization may be deleted now."


class Custody(Aggregate):
    """One for each organization of which a deletion was asked for, or a hold placed; its id follows from it."""

    TOPIC = "custody"

    if TYPE_CHECKING:
        organization_id: UUID
        deletion_due: datetime | None
        deleted: bool
        held_because: str | None

    @classmethod
    def open(cls, *, id: UUID, organization_id: UUID, now: datetime) -> Custody:
        return cls.begin(cls.Opened, id=id, now=now, organization_id=organization_id)

    def schedule_deletion(self, due_at: datetime, *, asked_by: UUID, now: datetime) -> None:
        """An owner wants all of it gone; until then it can be stopped. Again: the first date stands."""
        if self.deleted:
            raise NotFound.of("organization", self.organization_id)
        if self.deletion_due is None:
            self.record(self.DeletionScheduled, now=now, due_at=due_at, asked_by=asked_by)

    def stop_deletion(self, *, now: datetime) -> None:
        if self.deletion_due is not None and not self.deleted:
            self.record(self.DeletionStopped, now=now)

    def delete(self, *, now: datetime) -> None:
        """What is known of it beside the log is erased from here on. `LegalHold`."""
        if self.held_because is not None:
            raise LegalHold()
        if not self.deleted:
            self.record(self.Deleted, now=now)

    def place_hold(self, reason: str, *, now: datetime) -> None:
        """A court or an authority may want what is kept of it: neither erasure nor retention takes anything."""
        if self.held_because is None:
            self.record(self.HoldPlaced, now=now, reason=reason)

    def lift_hold(self, reason: str, *, now: datetime) -> None:
        if self.held_because is not None:
            self.record(self.HoldLifted, now=now, reason=reason)

    class Opened(Created):
        TOPIC = "custody.opened"
        organization_id: UUID

        def apply(self, custody: Custody) -> None:
            custody.organization_id = self.organization_id
            custody.deletion_due = None
            custody.deleted = False
            custody.held_because = None

    class DeletionScheduled(Aggregate.Event):
        TOPIC = "custody.deletion_scheduled"
        due_at: datetime
        asked_by: UUID

        def apply(self, custody: Custody) -> None:
            custody.deletion_due = self.due_at

    class DeletionStopped(Aggregate.Event):
        TOPIC = "custody.deletion_stopped"

        def apply(self, custody: Custody) -> None:
            custody.deletion_due = None

    class Deleted(Aggregate.Event):
        TOPIC = "custody.deleted"

        def apply(self, custody: Custody) -> None:
            custody.deleted = True

    class HoldPlaced(Aggregate.Event):
        TOPIC = "custody.hold_placed"
        reason: str

        def apply(self, custody: Custody) -> None:
            custody.held_because = self.reason

    class HoldLifted(Aggregate.Event):
        TOPIC = "custody.hold_lifted"
        reason: str

        def apply(self, custody: Custody) -> None:
            custody.held_because = None
