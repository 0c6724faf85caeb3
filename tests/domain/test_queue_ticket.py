from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.errors import TicketClosed
from domain.queue_ticket import QueueTicket, TicketEnd

NOW = datetime(2027, 1, 1, tzinfo=UTC)
TICKET, LICENSE, OWNER, SESSION = (UUID(int=number) for number in range(4))


def taken() -> QueueTicket:
    facts = {"license_id": LICENSE, "organization_id": OWNER, "fingerprint_digest": "d" * 43}
    return QueueTicket.take(id=TICKET, now=NOW, priority=5, groups=("design",), **facts)


ENDINGS = {
    TicketEnd.COLLECTED: lambda ticket: ticket.collect(SESSION, now=NOW),
    TicketEnd.LAPSED: lambda ticket: ticket.lapse(was_ready=True, now=NOW),
    TicketEnd.LEFT: lambda ticket: ticket.leave(now=NOW),
}


def test_a_ticket_that_is_taken_waits():
    ticket = taken()
    assert (ticket.license_id, ticket.organization_id, ticket.priority, ticket.groups) == (
        LICENSE,
        OWNER,
        5,
        ("design",),
    )
    assert (ticket.version, ticket.end, ticket.holder) == (1, None, "")


@pytest.mark.parametrize("end", TicketEnd)
def test_a_ticket_ends_once_and_stays_as_it_ended(end):
    ticket = taken()
    ENDINGS[end](ticket)
    assert (ticket.end, ticket.version) == (end, 2)
    for other in ENDINGS.values():
        with pytest.raises(TicketClosed) as refusal:
            other(ticket)
        assert refusal.value.details == {"reason": end}
    assert ticket.version == 2


def test_the_end_that_is_built_without_loading_the_ticket_is_the_one_that_it_would_record():
    ticket = taken()
    ticket.collect(SESSION, now=NOW)
    assert ticket.pending_events[-1] == QueueTicket.Collected.of(TICKET, SESSION, NOW)
    assert (ticket.session_id, ticket.was_ready) == (SESSION, False)
