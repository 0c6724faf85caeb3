"""One report of a payment provider while its consequences are worked out, and why they may not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.work import Work
from domain.ids import (
    billing_account_id,
    invoice_id_for,
    license_id_for,
    payment_id_for,
    price_book_id,
    subscription_id_for,
)
from domain.invoice_facts import InvoiceReport
from domain.payment_facts import ApplicationReport, CardReport, ChargeReport, IntentReport, PaymentFact
from domain.provider_facts import CustomerReport, PriceReport, ProviderFact, ScheduleReport, SubscriptionReport


class ParentUnknown(Exception):
    """A report depends on an object that has not arrived, e.g. `subscription/sub_1A…`."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(reference)


class NotOurs(Exception):
    """Nothing follows from a report, and nothing will; says why."""


@dataclass(frozen=True)
class Case:
    """`asked`: what the provider was asked about on the report's behalf, and whether it could say. What would only
    complete a report is asked for once and done without when that brings nothing."""

    work: Work
    provider: str
    now: datetime
    asked: Mapping[str, bool]

    def ask(self, reference: str) -> None:
        """Has the provider asked about an object, unless it was already: `ParentUnknown`."""
        if reference not in self.asked:
            raise ParentUnknown(reference)


def streams_about(provider: str, fact: ProviderFact) -> Iterator[UUID]:
    """Whatever the rules will look at for a report, as far as it says so itself."""
    match fact:
        case CustomerReport() | SubscriptionReport() | InvoiceReport() | ChargeReport() | IntentReport() | CardReport():
            if fact.customer:
                yield billing_account_id(provider, fact.customer)
    match fact:
        case SubscriptionReport(subscription=str(name)) | InvoiceReport(subscription=str(name)):
            id = subscription_id_for(provider, name)
            yield from (id, license_id_for(id))
    match fact:
        case SubscriptionReport() | PriceReport():
            yield price_book_id()
        case ScheduleReport():
            yield from (subscription_id_for(provider, fact.subscription), price_book_id())
    match fact:
        case InvoiceReport() | ApplicationReport():
            yield invoice_id_for(provider, fact.invoice)
    if isinstance(fact, PaymentFact):
        yield payment_id_for(provider, fact.payment)
