"""Places in queues that nobody asks about are ended by whoever keeps time."""

from __future__ import annotations

from datetime import timedelta

from adapters.queue_tickets import QueueTickets
from domain.queue_ticket import QueueTicket, TicketEnd
from domain.seat_line import Waiting
from tests.workers.conftest import until
from workers import scheduler


def test_a_place_that_nobody_asks_about_lapses(services, processes):
    now, license_id = services.clock.now(), services.clock.new_id()
    facts = {"license_id": license_id, "organization_id": services.clock.new_id(), "fingerprint_digest": "d" * 43}
    over, asked = (QueueTicket.take(id=services.clock.new_id(), now=now, **facts) for _ in range(2))
    for ticket, patience in ((over, 60), (asked, 3600)):
        waiting = Waiting(ticket.id, license_id, (), False, now + timedelta(seconds=patience))
        row = QueueTickets.taking(waiting, str(ticket.id), 0, now, most=9)
        services.store.add(ticket, rows=[row])
    services.clock.advance(timedelta(minutes=2))
    processes.start(scheduler)
    until(lambda: services.store.fetch(QueueTicket, over.id).end)
    assert services.store.fetch(QueueTicket, over.id).end is TicketEnd.LAPSED
    assert services.store.fetch(QueueTicket, asked.id).end is None
    assert services.database.fetch_one("select actor from stored_events order by notification_id desc limit 1") == {
        "actor": "worker:queue"
    }
