"""What is done about quotas by hand: grants, resets, reservations given back, subjects that become somebody's
(contract §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Code, Line, Moment
from api.idempotency import RepeatableRoute
from api.parameters import known_parameters
from api.quantities import Quantity
from api.standing import LimitSpan
from api.usage import Subject, account_of
from application.quota_admin import Meant
from domain.api_key import Scope
from domain.errors import NotAllowed, NotFound
from domain.limit import LimitPeriod
from domain.meter import shown
from domain.quota import Quota

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["usage"], route_class=RepeatableRoute, dependencies=[Depends(known_parameters)])


class MeantBody(Body):
    """Which limits, in their present period: those of the meter that count for the whole organization, or with
    `subject` or `key_id` those of each subject or key. `reason` stays in the history for ever: no personal data."""

    organization_id: UUID | None = Field(None, description="Without it, `subject` is one that is no organization's.")
    subject: Subject | None = None
    key_id: UUID | None = None
    meter: Code
    per: LimitPeriod | None = Field(None, description="Only the limit of this period.")
    reason: Line


class GrantBody(MeantBody):
    amount: int = Field(ge=1, le=10**15)


class QuotaChange(BaseModel):
    """In this period: what was granted on top, and what of the use was set back."""

    meter: str
    per: LimitPeriod
    granted: Quantity
    forgiven: Quantity
    period: LimitSpan


class QuotaChanges(BaseModel):
    data: list[QuotaChange]


class ClaimBody(Body):
    subject: Subject
    organization_id: UUID


class ClaimAnswer(BaseModel):
    subject: str
    organization_id: UUID
    claimed_at: Moment


@router.post("/admin/quotas/grant")
async def grant_quota(
    body: GrantBody, caller: Caller = require(Scope.ADMIN), services: Services = Depends(services_of)
) -> QuotaChanges:
    """So much more until the period ends."""
    meant = await _meant(services, caller, body)
    return _changes(await run_in_threadpool(services.quota_admin.grant, meant, body.amount, reason=body.reason))


@router.post("/admin/quotas/reset")
async def reset_quota(
    body: MeantBody, caller: Caller = require(Scope.ADMIN), services: Services = Depends(services_of)
) -> QuotaChanges:
    """What was used in the period up to now counts no more."""
    meant = await _meant(services, caller, body)
    return _changes(await run_in_threadpool(services.quota_admin.reset, meant, reason=body.reason))


@router.post("/usage/subjects/claim")
async def claim_subject(
    body: ClaimBody, caller: Caller = require(Scope.USAGE_WRITE), services: Services = Depends(services_of)
) -> ClaimAnswer:
    """A subject has registered: what it used, and uses under its old name, is the organization's. For the vendor."""
    if not caller.sees_all:
        raise NotAllowed("Only the vendor says who a subject has become.")
    await account_of(services, caller, body.organization_id, None)
    claimed = await run_in_threadpool(services.usage_subjects.claim, body.subject, body.organization_id)
    return ClaimAnswer(subject=body.subject, organization_id=claimed.organization_id, claimed_at=claimed.created_on)


@router.delete("/usage/reservations/{reservation_id}", status_code=204)
async def release_reservation(
    reservation_id: UUID,
    organization_id: UUID | None = None,
    subject: Subject | None = Query(None, description="For the vendor: a subject that is no organization's."),
    caller: Caller = require(Scope.USAGE_WRITE),
    services: Services = Depends(services_of),
) -> None:
    """What was reserved is not needed. One that has lapsed, or was used, is not there any more."""
    account_id = await account_of(services, caller, organization_id, subject)
    if not await run_in_threadpool(services.quota_work.release, account_id, reservation_id):
        raise NotFound.of("reservation", reservation_id)


async def _meant(services: Services, caller: Caller, body: MeantBody) -> Meant:
    account_id = await account_of(services, caller, body.organization_id, body.subject, body.key_id)
    of_organization = body.organization_id is not None
    subject = services.subject_digests.digest(body.subject) if body.subject and of_organization else None
    return Meant(account_id, body.meter, body.per, subject, body.key_id)


def _changes(quotas: list[Quota]) -> QuotaChanges:
    return QuotaChanges(
        data=[
            QuotaChange(
                meter=quota.meter,
                per=quota.per,
                granted=quota.granted,
                forgiven=shown(quota.forgiven),
                period=LimitSpan(start=quota.period_start, end=quota.period_end),
            )
            for quota in quotas
        ]
    )
