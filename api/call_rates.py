"""How often a caller may call (docs/rate-limits.md): each key, and each person, as the organization's plans say; what
needs no account, each licence and each grant; and who is known by nothing, each network address."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.errors import answered, rate_headers
from domain.errors import LicenseKeyInvalid, NotAuthenticated, RateLimited
from domain.rate import DEFAULT_RATES, STRANGER_RATE, VENDOR_RATES, Rate, RateClass

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from api.auth import Caller


async def count_call(request: Request, caller: Caller, kind: RateClass) -> None:
    """Counts a request once; `RateLimited` when it is one too many. The answer's headers say what is left."""
    if "rate" in request.scope:
        return
    services: Services = request.scope["app"].state.services
    who = caller.actor if caller.organization_id is None else f"{caller.actor}:{caller.organization_id}"
    await count_as(request, f"{who}:{kind}", await _rate(services, caller, kind))


async def count_as(request: Request, who: str, rate: Rate) -> None:
    """Counts a request as one of `who`, which names one of a kind, e.g. `license:<id>`. `RateLimited`."""
    services: Services = request.scope["app"].state.services
    allowance = await services.call_rates.take(who, rate)
    request.scope["rate"] = rate_headers(allowance)
    if allowance.retry_after:
        refusal = RateLimited(retry_after=allowance.retry_after)
        refusal.allowance = allowance
        raise refusal


async def count_stranger(request: Request) -> None:
    """Counts a call that showed what opens nothing, by its address, of which only a digest is kept. `RateLimited`."""
    address = request.client.host if request.client else "unknown"
    await count_as(request, f"address:{hashlib.sha256(address.encode()).hexdigest()[:32]}", STRANGER_RATE)


async def refuse_stranger(request: Request, error: Exception) -> Response:
    """The answer to a credential that does not hold: 401, and 429 to who comes with one after the other. Leases, queue
    tickets and second factors have limits of their own, or cost nothing to refuse."""
    if type(error) not in (NotAuthenticated, LicenseKeyInvalid):
        return answered(request, error)
    try:
        await count_stranger(request)
    except RateLimited as refusal:
        return answered(request, refusal)
    return answered(request, error)


async def _rate(services: Services, caller: Caller, kind: RateClass) -> Rate:
    if caller.sees_all:
        return VENDOR_RATES[kind]
    if caller.organization_id is None:
        return DEFAULT_RATES[kind]
    known = services.rights_book.known(caller.organization_id)
    if known is None or known.holds_until <= services.clock.now():
        known = await run_in_threadpool(services.rights_book.remembered, caller.organization_id)
    return known.rights.rate(kind) or DEFAULT_RATES[kind]
