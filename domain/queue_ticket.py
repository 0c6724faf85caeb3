"""A place in the queue for a licence's seats: taken once, ended once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import TicketClosed


class TicketEnd(StrEnum):
    """What became of a ticket; a client reads it in the answer 410."""

    COLLECTED = "collected"
    LAPSED = "lapsed"
    LEFT = "left"


class QueueTicket(Aggregate):
    """Somebody waits for a seat. A stream of two events: the ticket is version 1, its one end is version 2, so two
    who would end it in different ways meet the primary key of the log."""

    TOPIC = "queue_ticket"

    if TYPE_CHECKING:
        license_id: UUID
        organization_id: UUID
        fingerprint_digest: str
        holder: str
        priority: int
        groups: tuple[str, ...]
        end: TicketEnd | None
        session_id: UUID | None
        was_ready: bool

    @classmethod
    def take(cls, *, id: UUID, now: datetime, **facts: Any) -> QueueTicket:
        """`facts` are the fields of `Taken`."""
        return cls.begin(cls.Taken, id=id, now=now, **facts)

    def collect(self, session_id: UUID, *, now: datetime) -> None:
        """Its holder sits down. `TicketClosed` when it has ended, here and below."""
        self._require_open()
        self.record(self.Collected, now=now, session_id=session_id)

    def lapse(self, *, was_ready: bool, now: datetime) -> None:
        """Nobody asked about it in time or, when it `was_ready`, took the seat in time."""
        self._require_open()
        self.record(self.Lapsed, now=now, was_ready=was_ready)

    def leave(self, *, now: datetime) -> None:
        """Its holder waits no longer."""
        self._require_open()
        self.record(self.Left, now=now)

    def _require_open(self) -> None:
        if self.end is not None:
            raise TicketClosed(self.end)

    class Taken(Created):
        """A place was taken. `fingerprint_digest` and `holder` are as in `Seat.SessionOpened`; `priority` and `groups`
        are the holder's by the licence's rules at this moment."""

        TOPIC = "queue_ticket.taken"
        license_id: UUID
        organization_id: UUID
        fingerprint_digest: str
        holder: str = ""
        priority: int = 0
        groups: tuple[str, ...] = ()

        def apply(self, ticket: QueueTicket) -> None:
            ticket.license_id = self.license_id
            ticket.organization_id = self.organization_id
            ticket.fingerprint_digest = self.fingerprint_digest
            ticket.holder = self.holder
            ticket.priority = self.priority
            ticket.groups = self.groups
            ticket.end = None
            ticket.session_id = None
            ticket.was_ready = False

    class Collected(Aggregate.Event):
        """Its holder has a seat: stored together with the opening of that session."""

        TOPIC = "queue_ticket.collected"
        session_id: UUID

        @classmethod
        def of(cls, ticket_id: UUID, session_id: UUID, now: datetime) -> QueueTicket.Collected:
            """The event built without loading the ticket (the hot path)."""
            build: Any = cls
            event: QueueTicket.Collected = build(ticket_id, 2, now, session_id=session_id)
            return event

        def apply(self, ticket: QueueTicket) -> None:
            ticket.end = TicketEnd.COLLECTED
            ticket.session_id = self.session_id

    class Lapsed(Aggregate.Event):
        """`was_ready`: a seat was kept for it, and goes to the next one."""

        TOPIC = "queue_ticket.lapsed"
        was_ready: bool

        def apply(self, ticket: QueueTicket) -> None:
            ticket.end = TicketEnd.LAPSED
            ticket.was_ready = self.was_ready

    class Left(Aggregate.Event):
        TOPIC = "queue_ticket.left"

        def apply(self, ticket: QueueTicket) -> None:
            ticket.end = TicketEnd.LEFT
