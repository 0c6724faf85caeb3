"""What the sentences about events are made of, and the sentences that have to choose their words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from domain.billing_account import Basis
from domain.entitlements import Entitlements
from domain.invoice import Invoice
from domain.license import License
from domain.license_terms import Terms
from domain.meter import Aggregation, MeterTerms
from domain.money import Money
from domain.overage import Measured
from domain.payment import Payment
from domain.plan import Interval, PlanTerms, Price
from domain.policy_book import Demand
from domain.price_book import PriceBook
from domain.provider_desk import Asked, Ended
from domain.provider_facts import DisputeOutcome, Figures
from domain.standing import PaymentStanding
from domain.subscription import Subscription
from domain.subscription_terms import Purchase
from domain.webhook_endpoint import DisabledReason


def when(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y %H:%M} UTC"


_AGGREGATIONS = {
    Aggregation.SUM: "its quantities add up",
    Aggregation.COUNT: "its records are counted",
    Aggregation.MAX: "its highest quantity counts",
    Aggregation.LAST: "its latest quantity counts",
}


def measured(terms: MeterTerms) -> str:
    """How a meter adds up."""
    how = _AGGREGATIONS.get(terms.aggregation) or f"the distinct values of {terms.counts} are counted"
    return f"{terms.name}, {how}"


def until(end: datetime | None) -> str:
    return f"until {when(end)}" if end else "without an end"


def short(id: UUID) -> str:
    """The last eight digits: enough to recognize an id that stands in full beside the sentence."""
    return f"…{id.hex[-8:]}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def quantity(used: Decimal) -> str:
    return f"{used.normalize():,f}"


def demanded(demand: Demand) -> str:
    return {Demand.OPTIONAL: "to be agreed to at will", Demand.REQUIRED: "required"}.get(demand, "required to register")


def unit_price(price: Decimal, currency: str) -> str:
    """Minor units, which may be parts of one."""
    return f"{price.normalize():,f} minor units of {currency.upper()}"


def used_above(event: Measured) -> str:
    used, above = quantity(event.used), quantity(event.overage)
    return f"of {event.included:,} included {used} are used, {above} more"


def asked(amount: int, currency: str) -> str:
    """What a line asks for."""
    if amount == 0:
        return "nothing more is to be paid"
    return f"{money(abs(amount), currency)} {'are to be paid' if amount > 0 else 'go back'}"


_REASONS = {"canceled": "its subscription was cancelled"}


def because(reason: str) -> str:
    return f": {_REASONS.get(reason, reason.replace('_', ' '))}" if reason else ""


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def by(user_id: UUID | None) -> str:
    return f" by person {short(user_id)}" if user_id else ""


_PROVIDERS = {"stripe": "Stripe", "lemonsqueezy": "Lemon Squeezy", "phonepe": "PhonePe"}


def key_bounds(expires_at: datetime | None, networks: int, product: str | None = None) -> str:
    """From where, until when and for what an API key is good; nothing when without bounds."""
    bounds = [f"for product {product}"] if product else []
    bounds += [f"from {count(networks, 'network')} only"] if networks else []
    bounds += [f"until {when(expires_at)}"] if expires_at else []
    return "".join(f", {each}" for each in bounds)


def provider(code: str) -> str:
    return _PROVIDERS.get(code, code)


def command(event: Asked | Ended) -> str:
    return f" (command {event.number})"


# --- what is sold ---


def price(of: Price) -> str:
    if of.interval is Interval.ONE_TIME:
        return f"{of.money.text} once"
    every = f"a {of.interval}" if of.interval_count == 1 else f"every {of.interval_count} {of.interval}s"
    return f"{of.money.text} {every}"


def seats(terms: Entitlements) -> str:
    return "a seat for each unit" if terms.seats == "quantity" else count(terms.seats, "seat")


def offer(terms: PlanTerms) -> str:
    prices = " or ".join(price(each) for each in terms.prices) or "a negotiated price"
    return f"{terms.name} with {seats(terms.entitlements)} for {prices}"


def revised(event: PriceBook.Revised) -> str:
    news = {
        "products": event.products,
        "plans": [f"{each.plan} (version {each.version})" for each in event.published],
        "on sale again": event.returned,
        "withdrawn": event.withdrawn,
        "new prices": [each.reference for each in event.references],
    }
    return "A catalogue was applied; " + "; ".join(f"{what}: {listed(names)}" for what, names in news.items() if names)


# --- licences and seats ---


def granted(terms: Terms) -> str:
    return f"{count(terms.seats, 'seat')} of plan {terms.plan} (version {terms.plan_version})"


_HELD = {
    "payment_disputed": "A payment was disputed",
    "dispute_lost": "A payment was lost in a dispute",
    "payment_refunded": "A payment was refunded in full",
    "subscription_paused": "The subscription was paused",
    "subscription_unpaid": "The subscription stayed unpaid",
}


def trouble(payment: PaymentStanding) -> str:
    if payment.reason == "payment_failed":
        return f"Payment attempt {payment.attempt} failed"
    return _HELD.get(payment.reason or "", f"The payments are held back{because(payment.reason or '')}")


def recovered(event: License.PaymentRecovered) -> str:
    if event.payment.until:
        return f"The subscription was cancelled; the licence works until {when(event.payment.until)}"
    return "The payments are in order; nothing holds the licence back on their account"


def bought(purchase: Purchase) -> str:
    return f"plan {purchase.plan} (version {purchase.plan_version}) at price {purchase.price}"


def started(event: Subscription.Started) -> str:
    terms, name = event.terms, f"{provider(event.provider)} subscription {event.provider_id}"
    status = terms.status.replace("_", " ")
    return f"{name} began: {count(terms.quantity, 'unit')} of {bought(event.purchase)}, {status}"


def status_changed(event: Subscription.StatusChanged) -> str:
    over = f"; it ended on {when(event.ended_at)}" if event.ended_at else ""
    return f"The subscription is {event.status.replace('_', ' ')} now{over}"


def held(event: Subscription.HeldChangeSet) -> str:
    if (change := event.change) is None:
        return "No change waits for its payment any more"
    what = f"{count(change.quantity, 'unit')} of {bought(change.purchase)}"
    return f"A change to {what} waits for its payment {until(change.expires_at)}"


def planned(event: Subscription.PlannedChangeSet) -> str:
    if (change := event.change) is None:
        return f"Schedule {event.schedule} plans nothing{' any more' * event.was_planned}"
    what = f"{count(change.quantity, 'unit')} of {bought(change.purchase)}"
    return f"From {when(change.takes_effect_at)} on the subscription will buy {what}"


def disputed(event: Subscription.PaymentDisputed) -> str:
    now = "was opened" if event.outcome is DisputeOutcome.OPEN else f"is {event.outcome}, opened"
    return f"Dispute {event.dispute} {now} on {when(event.disputed_at)}"


def sums(figures: Figures) -> str:
    total, paid = Money(figures.total, figures.currency), Money(figures.amount_paid, figures.currency)
    return f"{total.text}, {paid.text} of it paid"


def invoice(number: str | None) -> str:
    return f"Invoice {number}" if number else "An invoice without a number yet"


def money(amount: int, currency: str) -> str:
    return Money(amount, currency).text


def attempted(event: Payment.Attempted) -> str:
    attempt = event.attempt
    by = f" by {attempt.method.replace('_', ' ')}" if attempt.method else ""
    why = because(attempt.decline_code or attempt.code or "")
    return f"An attempt to collect {money(attempt.amount, attempt.currency)}{by} is {attempt.outcome}{why}"


def applied(event: Payment.Applied) -> str:
    of = event.application
    amount = money(of.amount_paid or of.amount_requested, of.currency)
    return f"Of the payment, {amount} is {of.status} for invoice {short(event.invoice_id)}"


def refund(event: Payment.RefundReported) -> str:
    why = because(event.of.failure or event.of.reason or "")
    return f"Refund {event.refund} of {money(event.of.amount, event.of.currency)} is {event.of.status}{why}"


def dispute(event: Payment.DisputeReported) -> str:
    about = f"{money(event.of.amount, event.of.currency)} of charge {event.of.charge}"
    stage = event.of.stage.replace("_", " ")
    return f"Dispute {event.dispute} about {about} is {stage}{because(event.of.reason or '')}"


def funds(event: Payment.FundsMoved) -> str:
    moved = "took" if event.funds.amount < 0 else "gave back"
    return f"The bank {moved} {money(abs(event.funds.amount), event.funds.currency)} over dispute {event.dispute}"


def doubted(event: Invoice.Doubted) -> str:
    if not event.doubts:
        return "The invoice's sums hold again"
    return f"The invoice's sums do not hold: {listed(doubt.replace('_', ' ') for doubt in event.doubts)}"


def payment_failed(event: Invoice.PaymentFailed) -> str:
    again = f"the next is due on {when(event.next_attempt_at)}" if event.next_attempt_at else "no other is planned"
    return f"Payment attempt {event.attempt} of the invoice failed on {when(event.failed_at)}; {again}"


DISABLED = {
    DisabledReason.BY_HAND: "by hand",
    DisabledReason.FAILING: "nothing but failures came of it for days",
    DisabledReason.GONE: "it answered that it is gone",
}
_BASIS = {
    Basis.DERIVED: "made from the customer",
    Basis.EMAIL: "found by its confirmed e-mail address",
    Basis.EXPLICIT: "named when the purchase began",
}


def basis(of: Basis) -> str:
    return _BASIS[of]
