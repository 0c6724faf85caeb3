"""Seats over HTTP: acquire, heartbeat, release (contract §9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from api.auth import holder_of
from api.bodies import Body, text
from api.errors import rate_headers
from api.hot import HotRoute, answer_json, operation, read_body
from domain.caller import Caller
from domain.errors import LeaseInvalid

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.seats import Acquired, Renewed


def _printable(fingerprint: str) -> str:
    if not fingerprint.isprintable():
        raise ValueError("must be printable characters")
    return fingerprint


Fingerprint = Annotated[str, StringConstraints(min_length=10, max_length=128), AfterValidator(_printable)]
LicenseKeyText = text(100)


class Desktop(Body):
    """What helps people to recognise a machine."""

    hostname: text(255) | None = None  # type: ignore[valid-type]
    platform: text(100) | None = None  # type: ignore[valid-type]
    app_version: text(100) | None = None  # type: ignore[valid-type]
    user: text(255) | None = None  # type: ignore[valid-type]


class AcquireBody(Desktop):
    """`fingerprint` names the machine, the same each time. `user` names the person where people hold the seats."""

    license_key: LicenseKeyText
    fingerprint: Fingerprint


class SeatsAnswer(BaseModel):
    """`limit` null: no end."""

    limit: int | None
    used: int


class AcquireAnswer(BaseModel):
    session_id: UUID
    seat: int
    lease: str
    expires_at: datetime
    heartbeat_interval: int
    seats: SeatsAnswer
    overage: bool = Field(description="More seats are taken than were bought.")


class HeartbeatAnswer(BaseModel):
    lease: str
    expires_at: datetime
    heartbeat_interval: int


async def acquire(request: Request) -> Response:
    """A seat for this machine: 201 a new session, 200 the one it has."""
    body = await read_body(request, AcquireBody)
    acquired = await _services(request).seats.acquire(body.license_key, body.fingerprint, caller_of(request, body))
    request.scope["quiet"] = True  # the log of events has it, with this request as its cause; refusals are logged
    return seat_answer(acquired)


def caller_of(request: Request, told: Desktop) -> Caller:
    """Who asks, as far as the machine and the connection say."""
    client = request.client
    return Caller(
        address=client.host if client else None,
        user_agent=(request.headers.get("user-agent") or "")[:500] or None,
        hostname=told.hostname,
        user=told.user,
        platform=told.platform,
        app_version=told.app_version,
    )


async def heartbeat(request: Request) -> Response:
    """Another lease for a session that still has its seat."""
    renewed: Renewed = await _services(request).seats.heartbeat(session_id_of(request), lease_of(request))
    content = {
        "lease": renewed.lease,
        "expires_at": renewed.expires_at,
        "heartbeat_interval": _seconds(renewed.heartbeat_interval),
    }
    request.scope["quiet"] = True
    return answer_json(content, headers=rate_headers(renewed.allowance) if renewed.allowance else None)


async def release(request: Request) -> Response:
    """Gives the seat back; again: no effect."""
    await _services(request).seats.release(session_id_of(request), lease_of(request))
    request.scope["quiet"] = True
    return Response(status_code=204)


def seat_answer(acquired: Acquired) -> Response:
    """201 for a new session, 200 for one there was."""
    content = {
        "session_id": acquired.session_id,
        "seat": acquired.seat,
        "lease": acquired.lease,
        "expires_at": acquired.expires_at,
        "heartbeat_interval": _seconds(acquired.heartbeat_interval),
        "seats": {"limit": acquired.limit, "used": acquired.used},
        "overage": acquired.overage,
    }
    headers = rate_headers(acquired.allowance) if acquired.allowance else None
    return answer_json(content, 201 if acquired.new else 200, headers)


def _services(request: Request) -> Services:
    services: Services = request.scope["app"].state.services
    return services


def session_id_of(request: Request) -> UUID:
    try:
        return UUID(request.path_params["session_id"])
    except ValueError:
        raise LeaseInvalid() from None


def lease_of(request: Request) -> str:
    scheme, _, lease = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "lease" or not 0 < len(lease) <= 8192:
        raise LeaseInvalid()
    return lease.strip()


def _seconds(interval: timedelta) -> int:
    return int(interval.total_seconds())


def routes(base: str) -> list[HotRoute]:
    """The three routes below `base`, the most frequent first."""
    one = f"{base}/licenses/sessions/{{session_id}}"
    return [
        HotRoute(
            "PATCH",
            f"{one}/heartbeat",
            heartbeat,
            rule=holder_of("lease"),
            operation=operation(
                "Keep the seat",
                {200: ("The next lease", HeartbeatAnswer)},
                security="lease",
                refusals=(401, 410, 422, 429, 503),
                path=["session_id"],
            ),
            models=[HeartbeatAnswer],
        ),
        HotRoute(
            "POST",
            f"{base}/licenses/acquire",
            acquire,
            rule=holder_of("licence key, in the body"),
            operation=operation(
                "Take a seat",
                {201: ("A new session", AcquireAnswer), 200: ("This machine sits already", AcquireAnswer)},
                body=AcquireBody,
                refusals=(401, 403, 422, 429, 503),
            ),
            models=[AcquireBody, AcquireAnswer],
        ),
        HotRoute(
            "DELETE",
            one,
            release,
            rule=holder_of("lease"),
            operation=operation(
                "Give the seat back",
                {204: ("The session has ended", None)},
                security="lease",
                refusals=(401, 422, 503),
                path=["session_id"],
            ),
            models=[],
        ),
    ]
