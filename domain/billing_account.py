"""A payment provider's customer: through it an organization pays."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.ids import billing_account_id
from domain.provider_facts import Seen


class Basis(IntEnum):
    """Why a customer belongs to an organization; a stronger reason replaces a weaker one."""

    DERIVED = 1  # nobody here knows the customer: an organization was made from it
    EMAIL = 2  # a verified user has the customer's address
    EXPLICIT = 3  # the buyer was named when the purchase began


class BillingAccount(Aggregate):
    """Knows whose the customer is and what hangs on it, so that it all moves when the owner turns out to be another."""

    TOPIC = "billing_account"

    if TYPE_CHECKING:
        provider: str
        customer: str
        organization_id: UUID
        basis: Basis
        linked_at: datetime
        subscriptions: tuple[UUID, ...]
        invoices: tuple[UUID, ...]
        payments: tuple[UUID, ...]
        language: tuple[str, Seen] | None
        contact_seen: tuple[bool, Seen] | None  # on the customer's own word?
        is_deleted: bool

    @classmethod
    def open(
        cls,
        *,
        provider: str,
        customer: str,
        organization_id: UUID,
        basis: Basis,
        linked_at: datetime,
        now: datetime,
    ) -> BillingAccount:
        return cls.begin(
            cls.Opened,
            id=billing_account_id(provider, customer),
            now=now,
            provider=provider,
            customer=customer,
            organization_id=organization_id,
            basis=basis,
            linked_at=linked_at,
        )

    def link(self, organization_id: UUID, *, basis: Basis, linked_at: datetime, now: datetime) -> bool:
        """Makes the account the organization's unless it has a better owner; of two equal claims the older stands.

        Answers whether the owner changed.
        """
        if (basis, -linked_at.timestamp()) <= (self.basis, -self.linked_at.timestamp()):
            return False
        moved = organization_id != self.organization_id
        self.record(self.Linked, now=now, organization_id=organization_id, basis=basis, linked_at=linked_at)
        return moved

    def add_subscription(self, subscription_id: UUID, *, now: datetime) -> None:
        if subscription_id not in self.subscriptions:
            self.record(self.SubscriptionAdded, now=now, subscription_id=subscription_id)

    def add_invoice(self, invoice_id: UUID, *, now: datetime) -> None:
        if invoice_id not in self.invoices:
            self.record(self.InvoiceAdded, now=now, invoice_id=invoice_id)

    def add_payment(self, payment_id: UUID, *, now: datetime) -> None:
        if payment_id not in self.payments:
            self.record(self.PaymentAdded, now=now, payment_id=payment_id)

    def learn_language(self, language: str, *, seen: Seen, now: datetime) -> None:
        """The language that the customer reads best; the newest word counts, also when it says the same."""
        if self.language is None or seen > self.language[1]:
            self.record(self.LanguageLearned, now=now, language=language, seen=seen)

    def learn_contact(self, *, is_own: bool, seen: Seen, now: datetime) -> bool:
        """An address was reported. Answers whether it replaces the one on file (in its own table): the customer's own
        word counts more than an invoice's, the newer one more than the older."""
        if self.contact_seen is not None and (not is_own or (is_own, seen) <= self.contact_seen):
            return False
        self.record(self.ContactLearned, now=now, is_own=is_own, seen=seen)
        return True

    def delete(self, *, now: datetime) -> None:
        """The provider deleted the customer; its subscriptions end by their own events."""
        if not self.is_deleted:
            self.record(self.Deleted, now=now)

    class Opened(Created):
        TOPIC = "billing_account.opened"
        provider: str
        customer: str
        organization_id: UUID
        basis: Basis
        linked_at: datetime

        def apply(self, account: BillingAccount) -> None:
            account.provider = self.provider
            account.customer = self.customer
            account.organization_id = self.organization_id
            account.basis = self.basis
            account.linked_at = self.linked_at
            account.subscriptions = ()
            account.invoices = ()
            account.payments = ()
            account.language = None
            account.contact_seen = None
            account.is_deleted = False

    class Linked(Aggregate.Event):
        TOPIC = "billing_account.linked"
        organization_id: UUID
        basis: Basis
        linked_at: datetime

        def apply(self, account: BillingAccount) -> None:
            account.organization_id = self.organization_id
            account.basis = self.basis
            account.linked_at = self.linked_at

    class SubscriptionAdded(Aggregate.Event):
        TOPIC = "billing_account.subscription_added"
        subscription_id: UUID

        def apply(self, account: BillingAccount) -> None:
            account.subscriptions = (*account.subscriptions, self.subscription_id)

    class InvoiceAdded(Aggregate.Event):
        TOPIC = "billing_account.invoice_added"
        invoice_id: UUID

        def apply(self, account: BillingAccount) -> None:
            account.invoices = (*account.invoices, self.invoice_id)

    class PaymentAdded(Aggregate.Event):
        TOPIC = "billing_account.payment_added"
        payment_id: UUID

        def apply(self, account: BillingAccount) -> None:
            account.payments = (*account.payments, self.payment_id)

    class LanguageLearned(Aggregate.Event):
        TOPIC = "billing_account.language_learned"
        language: str
        seen: Seen

        def apply(self, account: BillingAccount) -> None:
            account.language = (self.language, self.seen)

    class ContactLearned(Aggregate.Event):
        TOPIC = "billing_account.contact_learned"
        is_own: bool
        seen: Seen

        def apply(self, account: BillingAccount) -> None:
            account.contact_seen = (self.is_own, self.seen)

    class Deleted(Aggregate.Event):
        TOPIC = "billing_account.deleted"

        def apply(self, account: BillingAccount) -> None:
            account.is_deleted = True
