"""Waiting for a seat over HTTP: take a place, ask about it by long poll, give it up. Collecting is to acquire."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from api.access import ruled
from api.auth import holder_of, opened_by, services_of
from api.errors import rate_headers
from api.hot import answer_json
from api.parameters import known_parameters
from api.seats import AcquireBody, caller_of
from application.seat_queue import LONGEST_WAIT, Place
from domain.errors import TicketInvalid

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(prefix="/licenses/queue", tags=["seats"], dependencies=[Depends(known_parameters)])

_documented = APIKeyHeader(
    name="Authorization", auto_error=False, scheme_name="ticket", description="`Ticket …`, as the place was given."
)
_CLIENT_IS_GONE = 499

Wait = Annotated[
    float,
    Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False, description="Seconds to wait for the seat to be ready."),
]


class PlaceAnswer(BaseModel):
    """`place` counts from 1. Ask again within `poll_within` seconds, or the place is lost. When `ready`, a seat is kept
    until `collect_until`: acquire it."""

    ticket_id: UUID
    state: Literal["waiting", "ready"]
    place: int
    poll_within: int
    collect_until: datetime | None


class TicketAnswer(PlaceAnswer):
    """`ticket` is the credential with which to ask."""

    ticket: str


_PLACE: dict[int | str, dict[str, Any]] = {
    200: {"model": PlaceAnswer, "description": "How the ticket stands"},
    410: {"description": "The place in the queue is gone; details.reason says why"},
}
_TAKEN: dict[int | str, dict[str, Any]] = {
    201: {"model": TicketAnswer, "description": "A new place"},
    200: {"model": TicketAnswer, "description": "This holder waits already"},
}


@ruled(holder_of("ticket"))
def ticket_of(request: Request, _: Any = Depends(_documented)) -> str:
    """Dependency: the ticket that is shown. `TicketInvalid`."""
    scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "ticket":
        raise TicketInvalid()
    return ticket.strip()


@router.post("", status_code=201, responses=_TAKEN, dependencies=[opened_by("licence key, in the body")])
async def take_place(body: AcquireBody, request: Request, services: Services = Depends(services_of)) -> Response:
    """A place in the queue for a seat, for whoever may acquire one and has none."""
    request.scope["quiet"] = True
    return _answer(await services.seat_queue.take(body.license_key, body.fingerprint, caller_of(request, body)))


@router.get("/{ticket_id}", responses=_PLACE)
async def ask(
    ticket_id: UUID,
    request: Request,
    wait: Wait = 0,
    ticket: str = Depends(ticket_of),
    services: Services = Depends(services_of),
) -> Response:
    """Answers when a seat is ready, or after `wait` seconds; the place is kept meanwhile."""
    request.scope["quiet"] = True
    asking = asyncio.ensure_future(services.seat_queue.poll(ticket_id, ticket, wait))
    leaving = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
        return _answer(asking.result()) if asking.done() else Response(status_code=_CLIENT_IS_GONE)
    finally:
        asking.cancel()
        leaving.cancel()


@router.delete("/{ticket_id}", status_code=204)
async def leave(ticket_id: UUID, ticket: str = Depends(ticket_of), services: Services = Depends(services_of)) -> None:
    """Gives the place up; again: no effect."""
    await services.seat_queue.leave(ticket_id, ticket)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(place: Place) -> Response:
    standing = place.standing
    content: dict[str, Any] = {
        "ticket_id": place.ticket_id,
        "state": "ready" if standing.is_ready else "waiting",
        "place": standing.place,
        "poll_within": max(0, round((standing.ends_at - place.now).total_seconds())),
        "collect_until": standing.ends_at if standing.is_ready else None,
    }
    if place.ticket:
        content["ticket"] = place.ticket
    headers = rate_headers(place.allowance) if place.allowance else None
    return answer_json(content, 201 if place.new else 200, headers)
