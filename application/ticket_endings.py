"""Tickets end: their time is over, or their holders wait no longer. The row goes with the event."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from application.store import Store
from domain.queue_ticket import QueueTicket, TicketEnd
from domain.seat_line import Waiting

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.queue_tickets import QueueTickets

_BATCH = 200


class TicketEndings:
    """For threads. Any number may end the same ticket: the log has one end, whoever is second changes nothing."""

    def __init__(self, store: Store, tickets: QueueTickets, clock: Clock) -> None:
        self._store = store
        self._tickets = tickets
        self._clock = clock

    def lapse_overdue(self) -> int:
        """Ends every ticket that nobody asked about in time, or took the seat of; answers how many."""
        lapsed = 0
        while found := self._tickets.overdue(self._clock.now(), _BATCH):
            lapsed_now = self._lapse(found)
            lapsed += lapsed_now
            if not lapsed_now or len(found) < _BATCH:
                break
        return lapsed

    def end_of(self, ticket_id: UUID) -> TicketEnd | None:
        """How a ticket ended; one whose time is over is ended here. None while it waits. `NotFound`."""
        waiting = self._tickets.find(ticket_id)
        if waiting is not None and waiting.ends_at > self._clock.now():
            return None
        if waiting is not None:
            self._lapse([waiting])
        return self._store.fetch(QueueTicket, ticket_id).end

    def leave(self, ticket_id: UUID) -> None:
        """Its holder waits no longer; a ticket that has ended stays as it ended. `NotFound`."""
        ticket = self._store.fetch(QueueTicket, ticket_id)
        if ticket.end is None:
            ticket.leave(now=self._clock.now())
            with suppress(IntegrityError):
                self._store.put(ticket, rows=[self._tickets.ending(ticket_id)])

    def _lapse(self, overdue: Sequence[Waiting]) -> int:
        """All in one transaction; one by one when somebody else was faster with one of them."""
        now, lapsed = self._clock.now(), list[QueueTicket]()
        for waiting in overdue:
            ticket = self._store.find(QueueTicket, waiting.ticket_id)
            if ticket is not None and ticket.end is None:
                ticket.lapse(was_ready=waiting.is_ready, now=now)
                lapsed.append(ticket)
        if not lapsed:
            return 0
        try:
            self._store.put(*lapsed, rows=[self._tickets.ending(each.id, due=now) for each in lapsed])
        except IntegrityError:
            return sum(self._lapse([each]) for each in overdue) if len(overdue) > 1 else 0
        return len(lapsed)
