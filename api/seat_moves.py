"""A machine hands its seat on: swap it to another machine, borrow it for days, give a borrowed one back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import APIKeyHeader
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.access import ruled
from api.auth import holder_of, opened_by, services_of
from api.bodies import Body, Time, Token
from api.parameters import known_parameters
from api.seats import AcquireAnswer, Desktop, Fingerprint, caller_of, lease_of, seat_answer
from domain import durations

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["seats"], dependencies=[Depends(known_parameters)])

_documented = APIKeyHeader(
    name="Authorization", auto_error=False, scheme_name="lease", description="`Lease …`, the lease of the session."
)
_GONE: dict[int | str, dict[str, Any]] = {410: {"description": "The seat session has ended; details.reason says why"}}
_TAKEN: dict[int | str, dict[str, Any]] = {
    201: {"model": AcquireAnswer, "description": "The session that has the seat now"},
    200: {"model": AcquireAnswer, "description": "This was done before"},
} | _GONE


@ruled(holder_of("lease"))
def lease_header(request: Request, _: Any = Depends(_documented)) -> str:
    """Dependency: the lease that is presented. `LeaseInvalid`."""
    return lease_of(request)


class SwapBody(Desktop):
    """The machine that is to have the seat; `user` names the person where people hold the seats."""

    fingerprint: Fingerprint


class BorrowBody(Desktop):
    """For so long, or until then. With `return_key` the seat can be given back without a network."""

    duration: Annotated[str, StringConstraints(max_length=64), AfterValidator(durations.parse)] | None = None
    until: Time | None = None
    return_key: str | None = Field(None, max_length=64, description="Raw Ed25519 public key in base64url.")

    @model_validator(mode="after")
    def _one_end(self) -> BorrowBody:
        if (self.duration is None) == (self.until is None):
            raise ValueError("name either duration or until")
        return self


class ReturnBody(Body):
    statement: Token = Field(description='Compact JWS (EdDSA) of {"sid", "iat", "act": "return"}.')


@router.post("/licenses/sessions/{session_id}/swap", status_code=201, responses=_TAKEN)
async def swap_seat(
    session_id: UUID,
    body: SwapBody,
    request: Request,
    lease: str = Depends(lease_header),
    services: Services = Depends(services_of),
) -> Response:
    """The seat goes to another machine in one step: nobody else can take it in between."""
    caller = caller_of(request, body)
    return seat_answer(await services.seat_moves.swap(session_id, lease, body.fingerprint, caller))


@router.post("/licenses/sessions/{session_id}/borrow", status_code=201, responses=_TAKEN)
async def borrow_seat(
    session_id: UUID,
    body: BorrowBody,
    request: Request,
    lease: str = Depends(lease_header),
    services: Services = Depends(services_of),
) -> Response:
    """The machine keeps its seat until then without heartbeats; the lease in the answer lasts as long."""
    until: Any = body.until or body.duration
    caller = caller_of(request, body)
    return seat_answer(await services.seat_moves.borrow(session_id, lease, until, body.return_key, caller))


@router.post("/licenses/sessions/{session_id}/return", status_code=204, dependencies=[opened_by("signed return")])
async def return_seat(session_id: UUID, body: ReturnBody, services: Services = Depends(services_of)) -> None:
    """A borrowed seat is given back by what its machine signed, whoever brings it; again: no effect."""
    await services.seat_moves.give_back(session_id, body.statement)
