"""What the sentences of domain/sentences.py say of licences and their seats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from domain import phrases as say
from domain.aggregate import Event
from domain.license import License
from domain.queue_ticket import QueueTicket
from domain.seat import CloseReason, Seat
from domain.seat_denial import Denial, SeatDenial

_LEFT = {
    CloseReason.EXPIRED: "fell free: its client was not heard from in time",
    CloseReason.RELEASED: "was given back",
    CloseReason.EVICTED: "was cleared by an administrator",
    CloseReason.SUSPENDED: "was cleared: the licence was suspended",
    CloseReason.RESIZED: "was cleared: the licence has fewer seats now",
    CloseReason.REVOKED: "was cleared: the licence was revoked",
    CloseReason.SWAPPED: "was handed over to another machine",
    CloseReason.BORROWED: "was taken along by its machine",
}


def _opened(event: Seat.SessionOpened) -> str:
    away = f", borrowed until {say.when(event.borrowed_until)}" if event.borrowed_until else ""
    above = ", above the seats that were bought" if event.overage else ""
    return f"Seat {event.seat} of licence {say.short(event.license_id)} was taken{away}{above}"


def _closed(event: Seat.SessionClosed) -> str:
    note = f" ({event.note})" if event.note else ""
    return f"Seat {event.seat} of licence {say.short(event.license_id)} {_LEFT[event.reason]}{note}"


_DENIED = {
    Denial.EXHAUSTED: "all its seats are taken ({limit})",
    Denial.USER: "its user holds as many as one may ({limit})",
    Denial.GROUP: "its group holds as many as it may ({limit})",
    Denial.RESERVED: "the free seats are reserved for others",
    Denial.QUEUE: "others wait for a seat",
    Denial.BORROWED: "as many seats are away as may be ({limit})",
    Denial.NOT_ALLOWED: "the rules leave it out",
    Denial.SUSPENDED: "the licence is suspended",
    Denial.EXPIRED: "the licence has expired",
    Denial.REVOKED: "the licence was revoked",
}


def _denied(event: SeatDenial.Denied) -> str:
    reason = _DENIED[event.reason].format(limit=event.limit)
    return f"Machine {event.fingerprint_digest[:8]}… got no seat of licence {say.short(event.license_id)}: {reason}"


def _queued(event: QueueTicket.Taken) -> str:
    first = f", with priority {event.priority}" if event.priority else ""
    return f"Somebody took a place in the queue for a seat of licence {say.short(event.license_id)}{first}"


LICENCES_AND_SEATS: Final[dict[type[Event], Callable[[Any], str]]] = {
    License.Issued: lambda e: f"Licence {e.key.hint} was issued: {say.granted(e.terms)}, {say.until(e.expires_at)}",
    License.GraceOpened: lambda e: f"{say.trouble(e.payment)}; the licence works {say.until(e.payment.until)}",
    License.PaymentSuspended: lambda e: f"{say.trouble(e.payment)}; the licence was suspended",
    License.PaymentRecovered: say.recovered,
    License.Suspended: lambda e: f"The vendor suspended the licence{say.because(e.reason)}",
    License.Reinstated: lambda e: f"The vendor reinstated the licence{say.because(e.reason)}",
    License.Revoked: lambda e: f"The licence was revoked for good{say.because(e.reason)}",
    License.Resized: lambda e: f"The vendor set the licence to {say.count(e.seats, 'seat')}{say.because(e.reason)}",
    License.PurchaseChanged: lambda e: f"The subscription now buys {say.granted(e.terms)}",
    License.Renewed: lambda e: f"The licence is paid and runs {say.until(e.expires_at)}",
    License.Extended: lambda e: (
        f"The vendor moved the licence's end, it now runs {say.until(e.expires_at)}{say.because(e.reason)}"
    ),
    License.Expired: lambda _: "The licence's time ran out",
    License.KeyRotated: lambda e: (
        f"The licence has a new key, {e.key.hint}; the old one stopped working{say.because(e.reason)}"
    ),
    License.Transferred: lambda e: f"The licence went over to organization {say.short(e.organization_id)}",
    License.MachineActivated: lambda e: f"Machine {e.fingerprint_digest[:8]}… was bound to the licence",
    License.MachineDeactivated: lambda e: f"Machine {e.fingerprint_digest[:8]}… was let go of by the licence",
    License.SeatRulesSet: lambda e: f"New rules say who may sit on the licence's seats{say.because(e.reason)}",
    Seat.SessionOpened: _opened,
    Seat.SessionClosed: _closed,
    SeatDenial.Denied: _denied,
    QueueTicket.Taken: _queued,
    QueueTicket.Collected: lambda e: f"The one who waited has a seat, by session {say.short(e.session_id)}",
    QueueTicket.Lapsed: lambda e: (
        "The place in the queue lapsed: the seat that was ready was not taken"
        if e.was_ready
        else "The place in the queue lapsed: nobody asked about it any more"
    ),
    QueueTicket.Left: lambda _: "The place in the queue was given up",
}
