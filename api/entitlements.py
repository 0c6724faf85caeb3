"""What an organization may do: the one place where gates and numbers are decided (contract §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Code
from api.parameters import known_parameters
from api.usage import Subject, account_of
from domain import durations
from domain.api_key import Scope
from domain.limit import Anchor, Each, LimitPeriod
from domain.rights import LimitInForce, Rights

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["usage"], dependencies=[Depends(known_parameters)])


class SourceAnswer(BaseModel):
    """Where the rights come from; `license_id` null: a plan that needs no purchase."""

    license_id: UUID | None
    product: str
    plan: str
    plan_version: int


class LimitInForceAnswer(BaseModel):
    """`amount` null: no end."""

    meter: str
    amount: int | None
    per: LimitPeriod
    each: Each
    hard: bool
    warn_at: float | None
    anchor: Anchor
    product: str
    plan: str


class EntitlementsAnswer(BaseModel):
    organization_id: UUID | None
    time_zone: str
    features: dict[str, bool | int]
    limits: list[LimitInForceAnswer]
    rate_limits: dict[str, str]
    late_usage: str
    sources: list[SourceAnswer]


class GateBody(Body):
    organization_id: UUID | None = None
    subject: Subject | None = None
    feature: Code
    count: int = Field(1, ge=1, le=10**9, description="So many there would be.")


class GateAnswer(BaseModel):
    """`value` is what the plan says of the feature: open or shut, or how many."""

    allowed: bool
    feature: str
    value: bool | int
    upgrade_url: str | None = Field(description="Where to get more; null when it is allowed.")


@router.get("/entitlements")
async def show_entitlements(
    organization_id: UUID | None = None,
    subject: Subject | None = Query(None, description="For the vendor: a subject that is no organization's."),
    caller: Caller = require(Scope.LICENSES_READ),
    services: Services = Depends(services_of),
) -> EntitlementsAnswer:
    """Features, limits and rates of all licences that work now, and of plans that need no purchase."""
    rights = await _rights(services, caller, organization_id, subject)
    return EntitlementsAnswer(
        organization_id=rights.account_id if subject is None or organization_id is not None else None,
        time_zone=rights.time_zone,
        features={name: feature.value for name, feature in sorted(rights.features.items())},
        limits=[_limit(limit) for limit in rights.limits],
        rate_limits={name: str(rate) for name, rate in sorted(rights.rates.items())},
        late_usage=durations.text(rights.late_usage),
        sources=[SourceAnswer(**_source(source)) for source in rights.sources],
    )


@router.post("/entitlements/check")
async def check_entitlement(
    body: GateBody, caller: Caller = require(Scope.LICENSES_READ), services: Services = Depends(services_of)
) -> GateAnswer:
    """May there be `count` of a feature? A feature that no licence lists is shut."""
    rights = await _rights(services, caller, body.organization_id, body.subject)
    feature, allowed = rights.features.get(body.feature), rights.allows(body.feature, body.count)
    return GateAnswer(
        allowed=allowed,
        feature=body.feature,
        value=feature.value if feature else False,
        upgrade_url=None if allowed else services.upgrade_url,
    )


async def _rights(services: Services, caller: Caller, organization_id: UUID | None, subject: str | None) -> Rights:
    account_id = await account_of(services, caller, organization_id, subject)
    return (await run_in_threadpool(services.rights_book.read, account_id)).rights


def _limit(limit: LimitInForce) -> LimitInForceAnswer:
    return LimitInForceAnswer(
        meter=limit.meter,
        amount=limit.amount,
        per=limit.per,
        each=limit.each,
        hard=limit.hard,
        warn_at=None if limit.warn_at is None else float(limit.warn_at),
        anchor=Anchor.SUBSCRIPTION if limit.counting.anchors else Anchor.CALENDAR,
        product=limit.product,
        plan=limit.plan,
    )


def _source(source: Any) -> dict[str, Any]:
    return {name: getattr(source, name) for name in SourceAnswer.model_fields}
