"""How often a caller may call (docs/rate-limits.md): each key, and each person, as the organization's plans say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request

from api.errors import rate_headers
from domain.errors import RateLimited
from domain.rate import DEFAULT_RATES, VENDOR_RATES, Rate, RateClass

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from api.auth import Caller


async def count_call(request: Request, caller: Caller, kind: RateClass) -> None:
    """Counts a request once; `RateLimited` when it is one too many. The answer's headers say what is left."""
    if "rate" in request.scope:
        return
    services: Services = request.scope["app"].state.services
    who = caller.actor if caller.organization_id is None else f"{caller.actor}:{caller.organization_id}"
    allowance = await services.call_rates.take(f"{who}:{kind}", await _rate(services, caller, kind))
    request.scope["rate"] = rate_headers(allowance)
    if allowance.retry_after:
        refusal = RateLimited(retry_after=allowance.retry_after)
        refusal.allowance = allowance
        raise refusal


async def _rate(services: Services, caller: Caller, kind: RateClass) -> Rate:
    if caller.sees_all:
        return VENDOR_RATES[kind]
    if caller.organization_id is None:
        return DEFAULT_RATES[kind]
    known = services.rights_book.known(caller.organization_id)
    if known is None or known.holds_until <= services.clock.now():
        known = await run_in_threadpool(services.rights_book.remembered, caller.organization_id)
    return known.rights.rate(kind) or DEFAULT_RATES[kind]
