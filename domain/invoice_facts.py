"""What a payment provider says about invoices and credit notes: their sums, their lines, and the words on the paper.

Amounts are minor units of the currency, below zero for a credit. What names or reaches a person is in `Paper`, which
never becomes part of an event; all other types here may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.payment_facts import ApplicationReport
from domain.provider_facts import Contact, Figures, InvoiceStatus, ProviderFact


class CreditNoteStatus(StrEnum):
    ISSUED = "issued"
    VOID = "void"

    @property
    def rank(self) -> int:
        return list(CreditNoteStatus).index(self)


@dataclass(frozen=True)
class Tax:
    """`inclusive`: the amount is contained in the prices, else it comes on top. `rate` is the provider's tax rate."""

    amount: int
    inclusive: bool
    rate: str | None = None
    taxable: int | None = None
    reason: str | None = None  # e.g. standard_rated, reverse_charge


@dataclass(frozen=True)
class Discount:
    """`name` is what the customer knows the coupon by; None while the provider has only told its id."""

    reference: str
    amount: int
    name: str | None = None


@dataclass(frozen=True)
class Line:
    """`amount` is before discounts and before taxes that come on top. `unit_amount` may be a part of a minor unit."""

    reference: str
    description: str
    amount: int
    currency: str
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    proration: bool = False
    price: str | None = None
    product: str | None = None
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()


@dataclass(frozen=True)
class Items:
    """What is billed. `is_complete`: False while the provider has told only the first of many lines."""

    lines: tuple[Line, ...] = ()
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()
    is_complete: bool = True

    @property
    def names(self) -> dict[str, str]:
        """The names of its discounts, by reference."""
        every = (*self.discounts, *(each for line in self.lines for each in line.discounts))
        return {each.reference: each.name for each in every if each.name}

    @property
    def lacks_words(self) -> bool:
        """Whether the provider could say more if it was asked: further lines, the names of discounts."""
        return not self.is_complete or any(each.name is None for each in self.discounts)

    def completed_by(self, known: Items | None) -> Items:
        """With what is known beyond it: names of discounts that it leaves out, and all lines while those it tells are
        the first of them."""
        if known is None:
            return self
        named = self.named(known.names)
        told_before = not self.is_complete and set(named.lines) <= set(known.lines)
        return known if told_before else named

    def named(self, names: Mapping[str, str]) -> Items:
        """The same with the names that are known."""
        return replace(
            self,
            discounts=_named(self.discounts, names),
            lines=tuple(replace(line, discounts=_named(line.discounts, names)) for line in self.lines),
        )


def _named(discounts: tuple[Discount, ...], names: Mapping[str, str]) -> tuple[Discount, ...]:
    return tuple(replace(each, name=each.name or names.get(each.reference)) for each in discounts)


@dataclass(frozen=True)
class Issue:
    """What an invoice says beside its sums. Times are the provider's. `seller` is the vendor's name as the provider
    prints it; `reason` says what it was made for, e.g. subscription_cycle."""

    number: str | None
    period_start: datetime
    period_end: datetime
    issued_at: datetime | None
    paid_at: datetime | None
    due_at: datetime | None = None
    voided_at: datetime | None = None
    reason: str | None = None
    seller: str | None = None


@dataclass(frozen=True)
class Address:
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True)
class Paper:
    """The words on an invoice or a credit note that are, or may be, about a person: kept in an erasable table.

    A tax number is among them: a sole trader's names a person. `pay_url` opens the invoice for whoever knows it.
    """

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: Address = Address()
    tax_ids: tuple[tuple[str, str], ...] = ()  # (kind, number)
    memo: str | None = None
    footer: str | None = None
    fields: tuple[tuple[str, str], ...] = ()  # such as a purchase order's number
    pay_url: str | None = None


@dataclass(frozen=True)
class TaxRateTerms:
    """`percentage` is None for a flat amount."""

    name: str
    percentage: Decimal | None
    inclusive: bool
    jurisdiction: str | None = None
    country: str | None = None


@dataclass(frozen=True)
class TaxRateReport(ProviderFact):
    rate: str
    terms: TaxRateTerms


@dataclass(frozen=True)
class InvoiceReport(ProviderFact):
    """`payments`: how payments were applied to it, where the report says so; `rates`: tax rates it contains whole."""

    invoice: str
    customer: str
    subscription: str | None
    status: InvoiceStatus
    figures: Figures
    issue: Issue
    items: Items = Items()
    paper: Paper = Paper()
    contact: Contact = field(default=Contact())
    payments: tuple[ApplicationReport, ...] = ()
    rates: tuple[TaxRateReport, ...] = ()
    failed_attempt: int | None = None  # this report says that attempt n failed
    next_attempt_at: datetime | None = None


@dataclass(frozen=True)
class CreditFigures:
    """A credit note's sums: `total` = what reduced the amount due + what was given back after the payment."""

    currency: str
    subtotal: int
    discount: int
    tax: int
    total: int
    before_payment: int
    after_payment: int
    outside: int = 0  # given back outside of the provider
    shipping: int = 0
    credits: int = 0  # prepaid credits that come back


@dataclass(frozen=True)
class CreditIssue:
    number: str
    issued_at: datetime
    reason: str | None = None
    voided_at: datetime | None = None
    refunds: tuple[str, ...] = ()  # the provider's ids of the refunds by which it was paid out


@dataclass(frozen=True)
class CreditNoteReport(ProviderFact):
    credit_note: str
    invoice: str
    status: CreditNoteStatus
    figures: CreditFigures
    issue: CreditIssue
    items: Items = Items()
    paper: Paper = Paper()
    rates: tuple[TaxRateReport, ...] = ()
