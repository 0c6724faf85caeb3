"""How everything stands, for dashboards (contract §2)."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from api.auth import require, services_of
from api.bodies import Moment
from api.parameters import known_parameters
from domain.api_key import Scope
from projections.overview import overview
from projections.positions import places

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["admin"], dependencies=[require(Scope.ADMIN), Depends(known_parameters)])

_READ = ("overview", "licenses", "seats", "subscriptions", "invoices", "provider_events")


class LicenseCounts(BaseModel):
    """Licences by their status now."""

    active: int
    grace: int
    suspended: int
    expired: int
    revoked: int


class SeatCounts(BaseModel):
    """Of licences that work; those without a limit count neither in `limit` nor in `left`."""

    limit: int = Field(description="Overage included.")
    used: int
    left: int
    licenses_without_limit: int


class RenewalCounts(BaseModel):
    """Subscriptions whose period ends soon and that go on."""

    in_7_days: int
    in_30_days: int = Field(description="Those of the next 7 days included.")


class OpenInvoices(BaseModel):
    """What is owed in one currency."""

    currency: str
    count: int
    amount: int = Field(description="In minor units.")


class WebhookCounts(BaseModel):
    """Webhooks that are not finished."""

    received: int
    deferred: int
    failed: int


class DayCounts(BaseModel):
    """What happened on one day of UTC."""

    day: datetime.date
    licenses_issued: int
    seats_opened: int
    seats_closed: int
    payments_failed: int


class OverviewAnswer(BaseModel):
    at: Moment = Field(description="The engine's time of this overview.")
    licenses: LicenseCounts
    seats: SeatCounts
    renewals: RenewalCounts
    open_invoices: list[OpenInvoices]
    provider_events: WebhookCounts | None = Field(description="null when narrowed to one organization.")
    days: list[DayCounts] = Field(description="The last 30, today first.")


@router.get("/admin/overview")
def show_overview(
    response: Response, organization_id: UUID | None = None, services: Services = Depends(services_of)
) -> OverviewAnswer:
    """Licences by status, seats taken and left, renewals due, what is owed, webhooks that wait, and the last 30 days;
    of everything or of one organization."""
    now = services.clock.now()
    with services.database.connection() as connection:
        reached = min((place.position for place in places(connection, _READ).values()), default=0)
        found = overview(connection, now=now, organization_id=organization_id)
    response.headers["X-Log-Position"] = str(reached)
    return OverviewAnswer(at=now, **found)
