"""Subscriptions as the provider last reported them (contract §6)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Line, Moment
from api.paging import Listing, Page, page_of
from api.parameters import known_parameters
from application.subscription_document import subscription_document
from domain.api_key import Scope
from domain.provider_facts import SubscriptionStatus
from domain.subscription import Subscription
from projections.positions import position_of
from projections.subscriptions import list_subscriptions

if TYPE_CHECKING:
    from adapters.bootstrap import Services

router = APIRouter(tags=["billing"], dependencies=[Depends(known_parameters)])


class PeriodAnswer(BaseModel):
    start: Moment
    end: Moment


class ProviderAnswer(BaseModel):
    name: str
    id: str

    @classmethod
    def of(cls, thing: Any) -> Self:
        return cls(name=thing.provider, id=thing.provider_id)


class PendingChangeAnswer(BaseModel):
    """What the subscription becomes later. It can be withdrawn: `DELETE /subscriptions/{id}/change`."""

    plan: str
    plan_version: int
    price: str
    seats: int
    reason: Literal["scheduled", "awaiting_payment"]
    at: Moment = Field(description="When it takes effect; of one that awaits its payment, until when that is awaited.")
    invoice_id: UUID | None = Field(description="The invoice that has to be paid; its `pay_url` says where.")


class SubscriptionAnswer(BaseModel):
    id: UUID
    organization_id: UUID
    plan: str
    plan_version: int
    price: str
    seats: int
    status: SubscriptionStatus
    current_period: PeriodAnswer
    trial_end: Moment | None
    cancel_at: Moment | None
    ended_at: Moment | None
    pending_change: PendingChangeAnswer | None
    provider: ProviderAnswer


class SubscriptionListing(Listing):
    data: list[SubscriptionAnswer]


@router.get("/subscriptions")
def show_subscriptions(
    status: SubscriptionStatus | None = None,
    provider_id: Line | None = Query(None, description="The provider's id, e.g. `sub_…`."),
    organization_id: UUID | None = None,
    caller: Caller = require(Scope.SUBSCRIPTIONS_READ),
    page: Page = Depends(page_of),
    services: Services = Depends(services_of),
) -> SubscriptionListing:
    """Subscriptions, newest first."""
    narrowed = caller.narrow(organization_id)
    with services.database.connection() as connection:
        position = position_of(connection, "subscriptions")
        found = list_subscriptions(
            connection,
            status=status,
            provider_id=provider_id,
            organization_id=narrowed,
            after=page.after_number,
            limit=page.take,
        )
    return SubscriptionListing(
        **page.answer(found, cursor=lambda row: (row["position"],), show=_item, position=position)
    )


@router.get("/subscriptions/{subscription_id}")
def show_subscription(
    subscription_id: UUID, caller: Caller = require(Scope.SUBSCRIPTIONS_READ), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """One subscription, from the log."""
    subscription = services.store.fetch(Subscription, subscription_id)
    caller.must_see(subscription.organization_id, "subscription", subscription_id)
    return subscription_answer(services, subscription)


def subscription_answer(services: Services, subscription: Subscription) -> SubscriptionAnswer:
    """From the log."""
    purchase = subscription.purchase
    plan = services.catalog.published(purchase.plan, purchase.plan_version).terms
    return SubscriptionAnswer(**subscription_document(subscription, plan))


def _item(row: dict[str, Any]) -> SubscriptionAnswer:
    return SubscriptionAnswer(
        **{
            **row,
            "id": row["subscription_id"],
            "current_period": _period(row["period_start"], row["period_end"]),
            "provider": ProviderAnswer(name=row["provider"], id=row["provider_id"]),
        }
    )


def _period(start: datetime, end: datetime) -> PeriodAnswer:
    return PeriodAnswer(start=start, end=end)
