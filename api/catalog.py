"""What is sold (contract §4): plans for everybody, the catalogue file for the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from api.auth import ANYBODY_ALWAYS, require, services_of
from api.bodies import Code
from api.licenses import LimitAnswer
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.catalog_document import plan_document
from domain.api_key import Scope
from domain.errors import InvalidRequest
from domain.plan import Interval
from domain.seat_policy import Leasing
from projections.plans import list_plans
from projections.positions import position_of

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["catalogue"], dependencies=[Depends(known_parameters)])

_TYPES = ("application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml", "application/json")
_FILE = {media_type: {"schema": {"type": "string"}} for media_type in _TYPES[:-1]}
_FILE["application/json"] = {"schema": {"type": "object"}}


class GroupAnswer(BaseModel):
    reserved: int
    limit: int | None
    priority: int


class QueueAnswer(BaseModel):
    length: int
    patience: str
    collect: str


class BorrowAnswer(BaseModel):
    longest: str
    keep: int


class EntitlementsAnswer(BaseModel):
    """As in the catalogue file; durations are ISO 8601."""

    seats: int | Literal["quantity"]
    overage: float | Literal["unlimited"]
    lease: str
    heartbeat: str
    offline_grace: str
    payment_grace: list[str]
    license_term: str
    machines: int | None
    features: dict[str, bool | int]
    limits: dict[str, LimitAnswer]
    rate_limits: dict[str, str]
    resume: str
    leasing: Leasing
    seats_per_user: int | None
    groups: dict[str, GroupAnswer]
    queue: QueueAnswer | None = Field(description="None: there is no queue.")
    borrow: BorrowAnswer | None = Field(description="None: seats are not borrowed.")
    swap: bool


class PriceAnswer(BaseModel):
    code: str
    amount: int = Field(description="In minor units, for one unit of the plan.")
    currency: str
    interval: Interval
    interval_count: int
    stripe_price: str | None


class NoticesAnswer(BaseModel):
    """How long before it comes a customer is reminded of something, ISO 8601."""

    trial: list[str]
    renewal: list[str] | None = Field(
        None, description="None: 30 and 7 days before periods of half a year or more, not before shorter ones."
    )
    ending: list[str]


class PlanAnswer(BaseModel):
    code: str
    product: str
    name: str
    version: int
    trial_days: int
    entitlements: EntitlementsAnswer
    prices: list[PriceAnswer] = Field(description="None: the price is negotiated.")
    notices: NoticesAnswer
    withdrawn: bool = Field(description="Not sold any more; running subscriptions keep it.")


class PlanListing(Listing):
    data: list[PlanAnswer]


class ChangeAnswer(BaseModel):
    kind: str
    code: str
    version: int | None
    details: list[str]
    sentence: str


class AppliedAnswer(BaseModel):
    dry_run: bool
    changes: list[ChangeAnswer]
    versions: dict[str, int] = Field(description="Plan code → the version it then has.")


@router.get("/plans", dependencies=[ANYBODY_ALWAYS])
def show_plans(
    product: Code | None = None, page: Page = Depends(page_of), services: Services = Depends(services_of)
) -> PlanListing:
    """The plans on sale by their lowest price, negotiated ones last. Public."""
    after = None if page.after is None else (int(page.after[0]), str(page.after[1]))
    with services.database.connection() as connection:
        position = position_of(connection, "plans")
        found = list_plans(connection, product=product, after=after, limit=page.take)
    return PlanListing(
        **page.answer(found, cursor=lambda row: (row["price_order"], row["code"]), show=_item, position=position)
    )


@router.get("/plans/{code}", dependencies=[ANYBODY_ALWAYS])
def show_plan(code: Annotated[Code, Path()], services: Services = Depends(services_of)) -> PlanAnswer:
    """One plan under its current version, also when it is withdrawn. Public."""
    plan = services.catalog.plan(code)
    terms = plan_document(plan.code, plan.product, plan.current)
    return PlanAnswer(**terms, version=plan.current_version, withdrawn=plan.withdrawn)


@router.put(
    "/admin/catalog",
    tags=["admin"],
    dependencies=[require(Scope.ADMIN)],
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
async def apply_catalog(
    request: Request,
    dry_run: bool = Query(False, description="Only say what would change."),
    services: Services = Depends(services_of),
) -> AppliedAnswer:
    """Makes the catalogue of the file's products what the file says; a second time it changes nothing.

    Published plan versions are never edited: changed terms make the next version. Errors name line and path.
    """
    media_type = request.headers.get("content-type", _TYPES[0]).partition(";")[0].strip().lower()
    if media_type not in _TYPES:
        raise InvalidRequest.field("Content-Type", f"send the file as one of {', '.join(_TYPES)}")
    body = await request.body()
    return await run_in_threadpool(_apply, services, body, dry_run)


def _apply(services: Services, body: bytes, dry_run: bool) -> AppliedAnswer:
    applied = services.catalog.apply(services.catalog.read(body), dry_run=dry_run)
    return AppliedAnswer(**applied.document)


def _item(row: dict[str, Any]) -> PlanAnswer:
    return PlanAnswer(**{**row, "version": row["current_version"]})
