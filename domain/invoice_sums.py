"""Do an invoice's sums hold? The provider calculates them; where they do not add up, that is kept and said.

The rules are those of Stripe's invoice object (https://docs.stripe.com/api/invoices/object):

    total            = lines − discounts − prepaid credits + taxes on top + shipping
    due              = total + balance applied − credited before the payment
    due + overpaid   = paid + remaining
    refunded ≤ paid;  credited ≤ total
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from domain.invoice_facts import CreditFigures, Items
from domain.provider_facts import Figures, InvoiceStatus


class Doubt(StrEnum):
    """What does not hold. Part of stored events: never rename one."""

    LINES_INCOMPLETE = "lines_incomplete"
    CURRENCIES = "currencies"
    TOTAL = "total"
    DUE = "due"
    PAID = "paid"
    REFUNDED = "refunded"
    CREDITED = "credited"


def doubts_about(figures: Figures, items: Items | None, status: InvoiceStatus, refunded: int) -> tuple[Doubt, ...]:
    """Everything about an invoice that does not hold; `refunded` is what its payments gave back. `items` None: it was
    stored before lines were."""
    billed = _of_items(figures.currency, figures.total, _billed(figures, items), items) if items else ()
    return (*billed, *_of_money(figures, status, refunded))


def doubts_about_credit(figures: CreditFigures, items: Items) -> tuple[Doubt, ...]:
    """Everything about a credit note that does not hold."""
    lines = sum(line.amount for line in items.lines)
    billed = lines - figures.discount - figures.credits + _on_top(items) + figures.shipping
    split = figures.before_payment + figures.after_payment == figures.total
    return (*_of_items(figures.currency, figures.total, billed, items), *(() if split else (Doubt.CREDITED,)))


def _billed(figures: Figures, items: Items) -> int:
    lines = sum(line.amount for line in items.lines)
    return lines - figures.discount - figures.credits + _on_top(items) + figures.shipping


def _on_top(items: Items) -> int:
    return sum(tax.amount for tax in items.taxes if not tax.inclusive)


def _of_items(currency: str, total: int, billed: int, items: Items) -> Iterator[Doubt]:
    if not items.is_complete:
        yield Doubt.LINES_INCOMPLETE
    elif any(line.currency != currency for line in items.lines):
        yield Doubt.CURRENCIES
    elif billed != total:
        yield Doubt.TOTAL


def _of_money(figures: Figures, status: InvoiceStatus, refunded: int) -> Iterator[Doubt]:
    if status is InvoiceStatus.DRAFT:
        return  # nothing is owed yet
    if figures.balance_applied is not None and figures.amount_due != (
        figures.total + figures.balance_applied - figures.credited_before_payment
    ):
        yield Doubt.DUE
    if figures.amount_due + figures.amount_overpaid != figures.amount_paid + figures.remaining:
        yield Doubt.PAID
    if refunded > figures.amount_paid:
        yield Doubt.REFUNDED
    if figures.credited > max(figures.total, 0):
        yield Doubt.CREDITED
