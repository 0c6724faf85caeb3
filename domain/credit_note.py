"""A credit note: takes back a part of an invoice that was issued, or all of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.invoice_facts import CreditFigures, CreditIssue, CreditNoteStatus, Items
from domain.invoice_sums import Doubt, doubts_about_credit
from domain.provider_facts import Seen


class CreditNote(Aggregate):
    """Issued, then perhaps voided; of two reports at one height the newer wins. Its words for the customer are in
    `invoice_papers`."""

    TOPIC = "credit_note"

    if TYPE_CHECKING:
        organization_id: UUID
        invoice_id: UUID
        provider: str
        provider_id: str
        status: CreditNoteStatus
        figures: CreditFigures
        issue: CreditIssue
        items: Items
        seen: Seen

    @classmethod
    def report_first(
        cls,
        *,
        id: UUID,
        organization_id: UUID,
        invoice_id: UUID,
        provider: str,
        provider_id: str,
        status: CreditNoteStatus,
        figures: CreditFigures,
        issue: CreditIssue,
        items: Items,
        seen: Seen,
        now: datetime,
    ) -> CreditNote:
        return cls.begin(
            cls.Reported,
            id=id,
            now=now,
            organization_id=organization_id,
            invoice_id=invoice_id,
            provider=provider,
            provider_id=provider_id,
            status=status,
            figures=figures,
            issue=issue,
            items=items,
            seen=seen,
        )

    def report(
        self,
        status: CreditNoteStatus,
        figures: CreditFigures,
        issue: CreditIssue,
        items: Items,
        *,
        seen: Seen,
        now: datetime,
    ) -> bool:
        """Takes over a report that is higher up, or as high and newer. Answers whether it did."""
        if (status.rank, seen) <= (self.status.rank, self.seen):
            return False
        items = items.completed_by(self.items)
        if (figures, issue, items) != (self.figures, self.issue, self.items):
            self.record(self.Amended, now=now, figures=figures, issue=issue, items=items)
        became = self.Voided if status is not self.status else self.Confirmed
        self.record(became, now=now, seen=seen)
        return True

    def transfer(self, organization_id: UUID, *, now: datetime) -> None:
        """The customer turned out to be another organization's."""
        if organization_id != self.organization_id:
            self.record(self.Transferred, now=now, organization_id=organization_id)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Which of its sums do not hold."""
        return doubts_about_credit(self.figures, self.items)

    class Reported(Created):
        TOPIC = "credit_note.reported"
        organization_id: UUID
        invoice_id: UUID
        provider: str
        provider_id: str
        status: CreditNoteStatus
        figures: CreditFigures
        issue: CreditIssue
        items: Items
        seen: Seen

        def apply(self, note: CreditNote) -> None:
            note.organization_id = self.organization_id
            note.invoice_id = self.invoice_id
            note.provider = self.provider
            note.provider_id = self.provider_id
            note.status = self.status
            note.figures = self.figures
            note.issue = self.issue
            note.items = self.items
            note.seen = self.seen

    class Amended(Aggregate.Event):
        TOPIC = "credit_note.amended"
        figures: CreditFigures
        issue: CreditIssue
        items: Items

        def apply(self, note: CreditNote) -> None:
            note.figures = self.figures
            note.issue = self.issue
            note.items = self.items

    class Confirmed(Aggregate.Event):
        """A newer report without a change: an older one that comes late must not undo it."""

        TOPIC = "credit_note.confirmed"
        seen: Seen

        def apply(self, note: CreditNote) -> None:
            note.seen = self.seen

    class Voided(Aggregate.Event):
        TOPIC = "credit_note.voided"
        seen: Seen

        def apply(self, note: CreditNote) -> None:
            note.status = CreditNoteStatus.VOID
            note.seen = self.seen

    class Transferred(Aggregate.Event):
        TOPIC = "credit_note.transferred"
        organization_id: UUID

        def apply(self, note: CreditNote) -> None:
            note.organization_id = self.organization_id
