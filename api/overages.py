"""What was used above limits that bill, and what it costs (docs/usage.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Code, Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from api.quantities import Quantity
from api.standing import LimitSpan
from domain.api_key import Scope
from domain.limit import LimitPeriod
from domain.meter import shown
from projections.overages import list_overages
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["usage"], dependencies=[Depends(known_parameters)])


class OverageStatus(StrEnum):
    """RUNNING: the period is not over. SETTLED: its bill is made. CLOSED: what came late is billed, too."""

    RUNNING = "running"
    SETTLED = "settled"
    CLOSED = "closed"


class OverageAnswer(BaseModel):
    """`used`, `overage` and `amount` are null while the period runs: GET /quotas has them then."""

    id: UUID
    organization_id: UUID
    subscription_id: UUID | None
    product: str
    plan: str
    meter: str
    per: LimitPeriod
    period: LimitSpan
    closes_at: Moment = Field(description="Until then late records are taken in.")
    status: OverageStatus
    included: Quantity
    used: Quantity | None
    overage: Quantity | None
    unit_price: str = Field(description="Of each unit above, in minor units.")
    currency: str
    amount: int | None = Field(description="In minor units, all lines of the period together.")


class OverageListing(Listing):
    data: list[OverageAnswer]


@router.get("/usage/overages")
def list_usage_overages(
    meter: Code | None = None,
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.USAGE_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> OverageListing:
    """Periods in which more was used than is included, newest first."""
    narrowed = caller.narrow(organization_id)
    with services.database.connection() as connection:
        position = position_of(connection, "overages")
        found = list_overages(
            connection, meter=meter, organization_id=narrowed, after=page.after_number, limit=page.take
        )
    return OverageListing(**page.answer(found, cursor=lambda row: (row["position"],), show=_item, position=position))


def _item(row: dict[str, Any]) -> OverageAnswer:
    measured = {name: None if row[name] is None else shown(row[name]) for name in ("used", "overage")}
    return OverageAnswer(
        **{
            **row,
            **measured,
            "id": row["overage_id"],
            "period": {"start": row["period_start"], "end": row["period_end"]},
            "unit_price": f"{row['unit_price'].normalize():f}",
        }
    )
