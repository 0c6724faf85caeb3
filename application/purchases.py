"""What mails say of a purchase: its names and prices, and the addresses where it is paid and managed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.store import Store
from domain.ids import license_id_for
from domain.invoice import Invoice
from domain.license import License
from domain.mail_kinds import MailKind
from domain.notice import Draft, File
from domain.plan import Price
from domain.subscription import Subscription
from domain.subscription_terms import Purchase

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.invoice_papers import InvoicePapers
    from application.catalog import Catalog
    from application.readers import Readers


class Purchases:
    """`manage_url(subscription_id)`: where its customer manages it; None where there is no such place."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        readers: Readers,
        papers: InvoicePapers,
        clock: Clock,
        manage_url: Callable[[UUID], str | None],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._readers = readers
        self._papers = papers
        self._clock = clock
        self._manage_url = manage_url

    def working_license(self, subscription_id: UUID) -> License | None:
        """The subscription's licence, when it works now."""
        license = self._store.find(License, license_id_for(subscription_id))
        return license if license is not None and license.status(self._clock.now()).works else None

    def draft(
        self,
        kind: MailKind,
        license: License,
        context: Mapping[str, Any],
        *,
        files: tuple[File, ...] = (),
        thread: UUID | None = None,
        fact: str | None = None,
    ) -> Draft | None:
        """A mail about a licence, with the names of what it is for; None when nobody is there to write to."""
        party = self._readers.organization(license.organization_id)
        if party is None:
            return None
        terms = license.terms
        names = {
            "organization_name": party.name,
            "product_name": self.product_name(terms.product),
            "plan_name": self._catalog.published(terms.plan, terms.plan_version).terms.name,
        }
        return Draft(kind, party.reader, {**names, **context}, files, thread, terms.product, fact)

    def product(self, subscription: Subscription) -> str:
        """The code of what it buys."""
        return self._catalog.published(subscription.purchase.plan, subscription.purchase.plan_version).product

    def product_name(self, product: str) -> str:
        return self._catalog.product(product).name

    def is_sent(self, kind: MailKind, product: str) -> bool:
        """Whether the vendor has customers of the product sent such mails."""
        return kind not in self._catalog.product(product).mails_off

    def price(self, subscription: Subscription) -> Price | None:
        """What all its units cost; None when the catalogue does not say."""
        priced = self._catalog.plan(subscription.purchase.plan).priced(subscription.purchase.price)
        if priced is None:
            return None
        return replace(priced.price, money=priced.price.money.times(subscription.terms.quantity))

    def plan_and_seats(self, purchase: Purchase, quantity: int) -> tuple[str, int]:
        """The plan's name, and how many seats such a quantity buys."""
        plan = self._catalog.published(purchase.plan, purchase.plan_version).terms
        return plan.name, plan.entitlements.seats_granted(quantity)

    def overdue(self, subscription: Subscription | None) -> Invoice | None:
        """The oldest invoice whose payment failed and is still to come."""
        oldest = next(iter(subscription.overdue), None) if subscription else None
        return self._store.find(Invoice, oldest) if oldest else None

    def pay_url(self, invoice_id: UUID | None) -> str | None:
        """Where an invoice is paid."""
        paper = self._papers.find(invoice_id) if invoice_id else None
        return paper.pay_url if paper else None

    def manage_url(self, subscription_id: UUID | None) -> str | None:
        return self._manage_url(subscription_id) if subscription_id else None
