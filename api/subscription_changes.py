"""Changing a running subscription (contract §6): previewed, then made as it was shown, or refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.auth import Caller, require, services_of
from api.bodies import Body, Code, Moment, Token
from api.buying import ASKS
from api.idempotency import RepeatableRoute
from api.invoice_answers import MoneyAnswer
from api.limits import admit
from api.parameters import known_parameters
from api.subscriptions import PeriodAnswer, SubscriptionAnswer, subscription_answer
from application.subscription_changes import When, Wish
from domain.api_key import Scope
from domain.ids import license_id_for
from domain.subscription import Subscription
from projections.seats import seats_used

if TYPE_CHECKING:
    from adapters.bootstrap import Services
    from application.subscription_changes import Preview
    from domain.invoice_facts import Line

router = APIRouter(
    tags=["buying"],
    prefix="/subscriptions/{subscription_id}",
    route_class=RepeatableRoute,
    dependencies=[Depends(known_parameters)],
)


class WishBody(Body):
    price: Code | None = Field(None, description="The code of another price on sale; without it the price stays.")
    seats: int | None = Field(None, description="So many in all; without it as many units as now.")
    when: When = When.NOW
    end_trial: bool = Field(False, description="The trial ends now, and the first period is paid.")

    @property
    def wish(self) -> Wish:
        return Wish(self.price, self.seats, self.when, self.end_trial)


class ChangeBody(WishBody):
    preview: Token | None = Field(None, description="`preview` of a preview: it is charged as shown, or refused.")


class CancelBody(Body):
    when: When = When.PERIOD_END


class PreviewLineAnswer(BaseModel):
    description: str
    quantity: Decimal | None
    amount: MoneyAnswer = Field(description="Before discounts, and before taxes that come on top; a credit is below 0.")
    period: PeriodAnswer | None
    proration: bool


class SeatsAnswer(BaseModel):
    now: int
    then: int
    used: int = Field(description="Taken at this moment.")
    ending: int = Field(description="Sessions that would be ended, the newest first, since there is no seat for them.")


class PreviewAnswer(BaseModel):
    """What a change would cost, by the provider's own lines. Nothing is charged for looking."""

    preview: str = Field(description="Give it to `…/change` with the same wish.")
    expires_at: Moment
    when: When
    takes_effect_at: Moment
    plan: str
    plan_version: int
    price: str
    seats: SeatsAnswer
    proration_date: Moment
    due_now: MoneyAnswer = Field(description="What is charged at once; 0 when the next invoice brings it.")
    lines: list[PreviewLineAnswer]
    lines_complete: bool
    subtotal: MoneyAnswer
    discount: MoneyAnswer
    tax: MoneyAnswer
    total: MoneyAnswer = Field(description="Of the invoice that the lines are of; below 0 it becomes a credit.")
    amount_due: MoneyAnswer = Field(description="What of it has to be paid, credits of the customer considered.")


def own_subscription(
    subscription_id: UUID,
    caller: Caller = require(Scope.SUBSCRIPTIONS_WRITE),
    services: Services = Depends(services_of),
) -> UUID:
    """The id of a subscription that the caller may change; another's is not there."""
    subscription = services.store.fetch(Subscription, subscription_id)
    caller.must_see(subscription.organization_id, "subscription", subscription_id)
    admit(services, ASKS, str(subscription.organization_id))
    return subscription_id


@router.post("/preview")
def preview_change(
    body: WishBody, id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> PreviewAnswer:
    """What a change would cost and do. Nothing is charged, nothing changes."""
    previewed = services.subscription_changes.preview(id, body.wish)
    return _preview(services, id, body.when, previewed)


@router.post("/change")
def change_subscription(
    body: ChangeBody, id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """Another price or other seats, now (the rest of the period is made up for and charged) or from the next period on.

    402 when the card does not pay: the change then waits for its payment at `details.pay_url`, or is withdrawn.
    """
    changed = services.subscription_changes.change(id, body.wish, body.preview)
    return subscription_answer(services, changed)


@router.delete("/change")
def withdraw_change(
    id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """What is planned, or waits for its payment, does not come. Without anything pending nothing happens."""
    return subscription_answer(services, services.subscription_changes.withdraw(id))


@router.post("/cancel")
def cancel_subscription(
    body: CancelBody, id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """It ends with the paid period, or now and without money back."""
    return subscription_answer(services, services.subscription_changes.cancel(id, body.when))


@router.post("/resume")
def resume_subscription(
    id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """The cancellation is taken back; or the pause ends, and a new period begins once it is paid."""
    return subscription_answer(services, services.subscription_changes.resume(id))


@router.post("/pause")
def pause_subscription(
    id: UUID = Depends(own_subscription), services: Services = Depends(services_of)
) -> SubscriptionAnswer:
    """Its licence stops working and nothing is billed until it is resumed; the unused time is credited."""
    return subscription_answer(services, services.subscription_changes.pause(id))


def _preview(services: Services, id: UUID, when: When, previewed: Preview) -> PreviewAnswer:
    figures, currency = previewed.invoice.figures, previewed.invoice.figures.currency

    def money(amount: int) -> MoneyAnswer:
        return MoneyAnswer(amount=amount, currency=currency)

    return PreviewAnswer(
        preview=previewed.token,
        expires_at=previewed.expires_at,
        when=when,
        takes_effect_at=previewed.takes_effect_at,
        plan=previewed.priced.plan,
        plan_version=previewed.priced.version,
        price=previewed.priced.price.code,
        seats=_seats(services, id, previewed),
        proration_date=previewed.prorated_at,
        due_now=money(figures.amount_due if previewed.invoice.is_now else 0),
        lines=[_line(line) for line in previewed.invoice.lines],
        lines_complete=previewed.invoice.is_complete,
        subtotal=money(figures.subtotal),
        discount=money(figures.discount),
        tax=money(figures.tax),
        total=money(figures.total),
        amount_due=money(figures.amount_due),
    )


def _seats(services: Services, id: UUID, previewed: Preview) -> SeatsAnswer:
    with services.unwalled.connection() as connection:  # of a licence that is the caller's, as the wall has shown
        used = seats_used(connection, license_id_for(id))
    allowed = previewed.priced.terms.entitlements.with_overage(previewed.seats)
    return SeatsAnswer(
        now=previewed.seats_now,
        then=previewed.seats,
        used=used,
        ending=0 if allowed is None else max(used - allowed, 0),
    )


def _line(line: Line) -> PreviewLineAnswer:
    return PreviewLineAnswer(
        description=line.description,
        quantity=line.quantity,
        amount=MoneyAnswer(amount=line.amount, currency=line.currency),
        period=PeriodAnswer(start=line.period_start, end=line.period_end)
        if line.period_start and line.period_end
        else None,
        proration=line.proration,
    )
