"""Usage over HTTP (contract §10): records taken in, and the question whether something may be used now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response

from api.access import of_member
from api.auth import identify
from api.bodies import Body, Time
from api.call_rates import count_call
from api.errors import rate_headers
from api.hot import HotRoute, answer_json, operation, read_body
from api.quantities import Amount, Quantity
from api.standing import LimitStanding, remaining, standing_document
from application.quotas import Verdict, Wanted
from application.usage_intake import Caller as Teller
from domain import durations
from domain.api_key import Scope
from domain.errors import InvalidRequest, RateLimited
from domain.limit import Each
from domain.meter import shown
from domain.rate import RateClass
from domain.rights import LimitInForce
from domain.usage import MOST_RECORDS, Told
from domain.usage_errors import QuotaExceeded

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from api.auth import Caller

MOST_CHECKS = 20
_WRITES = of_member(Scope.USAGE_WRITE, rate=RateClass.INTAKE)
_LONGEST = timedelta(hours=1)
RecordId = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
MeterCode = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Dimensions = dict[
    Annotated[str, StringConstraints(min_length=1, max_length=64)], Annotated[str, StringConstraints(max_length=128)]
]


class RecordBody(Body):
    """What was used. One that `voids` another record of the account cancels it, and says nothing else."""

    id: RecordId = Field(description="Yours: the same record again, however much later, is counted once.")
    meter: MeterCode | None = None
    quantity: Amount | None = Field(None, description="0 to 10^12; a meter that counts takes none.")
    at: Time | None = Field(None, description="When it was used; without it, now.")
    organization_id: UUID | None = Field(None, description="For the vendor: whose use it is.")
    subject: Subject | None = Field(None, description="Who used it; alone, somebody who is no organization's yet.")
    key_id: UUID | None = Field(None, description="The organization's API key; without it, the one of this call.")
    dimensions: Dimensions = Field(default_factory=dict, max_length=10)
    reservation: UUID | None = Field(None, description="What was reserved for it, and is used now.")
    voids: RecordId | None = Field(None, description="The id of the record to cancel.")


class UsageBody(Body):
    records: list[RecordBody] = Field(min_length=1, max_length=MOST_RECORDS, description="All of them or none.")


class UsageTaken(BaseModel):
    """`position` is that of the last of them in the usage log."""

    accepted: int
    duplicates: int
    position: int


class CheckOne(Body):
    meter: MeterCode
    quantity: Amount = Field(Decimal(1), ge=0, le=10**12)
    dimensions: Dimensions = Field(default_factory=dict, max_length=10)


class CheckBody(Body):
    """Either one `meter`, or several `checks` that are answered, and reserved, together or not at all."""

    organization_id: UUID | None = None
    subject: Subject | None = None
    key_id: UUID | None = None
    meter: MeterCode | None = None
    quantity: Amount = Field(Decimal(1), ge=0, le=10**12)
    dimensions: Dimensions = Field(default_factory=dict, max_length=10)
    checks: list[CheckOne] | None = Field(None, min_length=1, max_length=MOST_CHECKS)
    reserve: bool = Field(False, description="Hold it, until its records come or `reserve_for` is over.")
    reserve_for: str = Field("PT1M", max_length=20, description="PT1S to PT1H.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.meter is None) == (self.checks is None):
            raise ValueError("give either meter or checks")
        return self

    @property
    def asked(self) -> list[CheckOne]:
        if self.checks is not None:
            return self.checks
        assert self.meter is not None
        return [CheckOne.model_construct(meter=self.meter, quantity=self.quantity, dimensions=self.dimensions)]

    @property
    def lasting(self) -> timedelta | None:
        """How long it is to be reserved. `InvalidRequest` when that is not sane."""
        if not self.reserve:
            return None
        try:
            lasting = durations.parse(self.reserve_for)
        except ValueError:
            lasting = timedelta(0)
        if not timedelta(seconds=1) <= lasting <= _LONGEST:
            raise InvalidRequest.field("reserve_for", "must be an ISO 8601 duration from PT1S to PT1H")
        return lasting


class CheckAnswer(BaseModel):
    """`remaining` after what was reserved; null: no end, or several meters."""

    allowed: bool
    remaining: Quantity | None
    over: bool = Field(description="It is more than a soft limit.")
    reservation: UUID | None = None
    reserved_until: datetime | None = None
    limits: list[LimitStanding]


async def record_usage(request: Request) -> Response:
    """Durably stored before the answer."""
    caller = await _caller(request)
    body = await read_body(request, UsageBody)
    told = [Told(**{name: getattr(each, name) for name in Told._fields}) for each in body.records]
    taken = await _services(request).usage_intake.record(told, Teller(caller.organization_id, caller.key_id))
    request.scope["quiet"] = True
    return answer_json(taken._asdict(), 202)


async def check_usage(request: Request) -> Response:
    """200 when all of it may be used now; 402 when a limit of the plan forbids it, 429 when a rate does."""
    caller = await _caller(request)
    body = await read_body(request, CheckBody)
    services, lasting = _services(request), body.lasting
    account_id = await account_of(services, caller, body.organization_id, body.subject, body.key_id)
    subject = services.subject_digests.digest(body.subject) if body.subject is not None else None
    key_id = body.key_id or (caller.key_id if caller.organization_id is not None else None)
    wanted = [
        Wanted(each.meter, each.quantity, subject, key_id, _value(services, each.meter, each.dimensions))
        for each in body.asked
    ]
    verdict = await services.quotas.check(account_id, wanted, reserve_for=lasting)
    require_allowed(services, verdict)
    request.scope["quiet"] = True
    content = {
        "allowed": True,
        "remaining": remaining(verdict.lines) if body.meter is not None else None,
        "over": any(line.is_over(answer, is_reserved=lasting is not None) for line, answer in verdict.lines),
        "limits": [standing_document(*each) for each in verdict.lines],
    }
    if verdict.reservation is not None:
        content |= {"reservation": verdict.reservation, "reserved_until": verdict.lapses_at}
    paced = min(verdict.answer.allowances, key=lambda each: each.remaining, default=None)
    return answer_json(content, headers=rate_headers(paced) if paced else None)


def require_allowed(services: Services, verdict: Verdict) -> None:
    """`QuotaExceeded` or `RateLimited`, with what a person or a program can do about it."""
    for line, answer in verdict.lines:
        if answer.is_exceeded:
            asked = shown(line.standing.limit.terms.quantity(line.quantity))
            details = {**standing_document(line, answer), "requested": asked, "upgrade_url": services.upgrade_url}
            raise QuotaExceeded(_sentence(line.standing.limit, details), details=details)
    for allowance in verdict.answer.allowances:
        if allowance.retry_after:
            refusal = RateLimited(retry_after=allowance.retry_after)
            refusal.allowance = allowance
            raise refusal


def _sentence(limit: LimitInForce, details: Mapping[str, Any]) -> str:
    """What the plan allows, and what to do."""
    whom = "" if limit.each is Each.ORGANIZATION else f" each {limit.each}"
    left = f"{details['remaining']:,} {'is' if details['remaining'] == 1 else 'are'} left"
    allowed = f"The plan allows{whom} {details['limit']:,} {limit.meter}"
    if details["period"]["end"] is None:
        return f"{allowed} in all; {left}. Use less or upgrade."
    return f"{allowed} each {limit.per}; {left}. Wait for the next period or upgrade."


async def account_of(
    services: Services,
    caller: Caller,
    organization_id: UUID | None,
    subject: str | None,
    key_id: UUID | None = None,
) -> UUID:
    """Whose use a request is about. `NotFound` for what is not there for the caller."""
    accounts = services.usage_accounts
    await accounts.learn([organization_id] if caller.sees_all else [], [key_id])
    account_id = accounts.account(caller.organization_id, organization_id, subject)
    if key_id is not None:
        accounts.require_key(account_id, key_id)
    return account_id


async def _caller(request: Request) -> Caller:
    caller = await identify(request)
    await count_call(request, caller, _WRITES.rate)
    _WRITES.check(caller)
    return caller


def _value(services: Services, meter: str, dimensions: Mapping[str, str]) -> UUID | None:
    """Of a meter that counts distinct values, the one that is asked about."""
    terms = services.offer.meter(meter)
    value = dimensions.get(terms.counts) if terms and terms.counts else None
    return services.subject_digests.digest(value) if value else None


def _services(request: Request) -> Services:
    services: Services = request.scope["app"].state.services
    return services


def routes(base: str) -> list[HotRoute]:
    return [
        HotRoute(
            "POST",
            f"{base}/usage",
            record_usage,
            rule=_WRITES,
            operation=operation(
                "Record what was used",
                {202: ("Stored: new ones, and ones that were there before", UsageTaken)},
                body=UsageBody,
                security="credential",
                refusals=(401, 403, 404, 409, 422, 429, 503),
                tag="usage",
            ),
            models=[UsageBody, UsageTaken],
        ),
        HotRoute(
            "POST",
            f"{base}/usage/check",
            check_usage,
            rule=_WRITES,
            operation=operation(
                "May this be used now?",
                {200: ("Yes", CheckAnswer)},
                body=CheckBody,
                security="credential",
                refusals=(401, 402, 403, 404, 422, 429, 503),
                tag="usage",
            ),
            models=[CheckBody, CheckAnswer],
        ),
    ]
