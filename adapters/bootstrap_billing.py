"""The part of the composition root that is about what is sold and paid; `bootstrap.py` holds the rest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters import catalog_file
from adapters.event_recorder import EventRecorder
from adapters.infrastructure import Infrastructure
from adapters.stripe_client import Stripe
from adapters.stripe_gateway import StripeGateway
from application.billing import Billing
from application.billing_accounts import BillingAccounts
from application.billing_rules import BillingRules
from application.catalog import Catalog
from application.entitling import Entitling
from application.invoice_rules import InvoiceRules
from application.invoices import Invoices
from application.license_keys import LicenseKeys
from application.paper_document import credit_note_paper, invoice_paper, paper_file_name
from application.payment_rules import PaymentRules
from application.store import Store

if TYPE_CHECKING:
    from application.organizations import Organizations
    from application.work import Works


class BillingServices(Infrastructure):
    """The log, the catalogue, and what payment providers report."""

    if TYPE_CHECKING:
        works: Works
        organizations: Organizations

    @cached_property
    def store(self) -> Store:
        return Store(EventRecorder(self.unwalled, self.database), self.codec)

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.store, self.clock, read=catalog_file.read)

    @cached_property
    def license_keys(self) -> LicenseKeys:
        return LicenseKeys(self.secrets.key_for("license-keys"), self.catalog)

    @cached_property
    def entitling(self) -> Entitling:
        return Entitling(self.catalog, self.license_keys)

    @cached_property
    def billing_accounts(self) -> BillingAccounts:
        return BillingAccounts(self.organizations, self.invoice_papers, self.entitling)

    @cached_property
    def stripe_account(self) -> Stripe | None:
        """None without a key: then Stripe is only listened to."""
        key = self.settings.stripe_secret_key
        return Stripe(key, self.clock, api_base=self.settings.stripe_api_base) if key else None

    @cached_property
    def stripe(self) -> StripeGateway:
        return StripeGateway(self.stripe_account, live=self.settings.stripe_live)

    @cached_property
    def billing_rules(self) -> BillingRules:
        payments = PaymentRules(self.billing_accounts, self.entitling)
        invoices = InvoiceRules(self.billing_accounts, payments, self.invoice_papers, self.entitling)
        return BillingRules(self.catalog, self.billing_accounts, self.entitling, invoices, payments)

    @cached_property
    def invoices(self) -> Invoices:
        return Invoices(self.store, self.invoice_papers)

    def invoice_pdf(self, invoice_id: UUID, language: str | None = None) -> tuple[str, bytes]:
        """(file name, PDF) of an invoice, in the customer's language unless another is asked for. `NotFound`;
        `Unavailable` when it cannot be printed now."""
        document = invoice_paper(self.invoices.whole(invoice_id), language)
        return paper_file_name(document), self.printer.print(document)

    def credit_note_pdf(self, invoice_id: UUID, credit_note_id: UUID, language: str | None = None) -> tuple[str, bytes]:
        """The same of a credit note of the invoice."""
        document = credit_note_paper(self.invoices.whole_credit_note(invoice_id, credit_note_id), language)
        return paper_file_name(document), self.printer.print(document)

    @cached_property
    def billing(self) -> Billing:
        return Billing(
            self.store,
            self.provider_records,
            {"stripe": self.stripe},
            self.billing_rules,
            self.entitling,
            self.works,
            self.clock,
            self.task_queue.process_provider_event,
        )
