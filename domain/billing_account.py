"""A payment provider's customer: through it an organization pays."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.ids import billing_account_id
from domain.payment_facts import Card
from domain.provider_facts import Seen
from domain.reminders import Occasion, PlanOfReminders, Reminder, due, planned

CARD_NOTICE = timedelta(days=14)
"""How long before its end the customer is told that a card runs out."""


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
        cards: dict[str, Card]  # by the provider's id
        methods: dict[str, str | None]  # what pays, by who says so: the customer, one of its subscriptions
        charged: Card | None  # the card that worked last,
        charged_at: datetime  # and when
        reminders: tuple[Reminder, ...]
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

    def learn_card(self, card: Card, *, now: datetime) -> None:
        """A card of the customer. Banks only ever lengthen one, so the later end is the newer word."""
        known = self.cards.get(card.method)
        if known is None or card.expires_at > known.expires_at:
            self.record(self.CardLearned, now=now, card=card)

    def learn_method(self, payer: str, method: str | None, *, now: datetime) -> None:
        """What pays for a subscription, or (`payer` is the customer) for those that name nothing themselves, as the
        newest report about it says."""
        if method != self.methods.get(payer):
            self.record(self.MethodLearned, now=now, payer=payer, method=method)

    def card_worked(self, card: Card, *, charged_at: datetime, now: datetime) -> None:
        """A charge succeeded; the last one counts, in whatever order they are told: so also a later one of the same
        card is recorded, or an older one of another card, told late, would replace it."""
        self.learn_card(card, now=now)
        if self.charged is None or (charged_at, card.method) > (self.charged_at, self.charged.method):
            self.record(self.CardWorked, now=now, card=card, charged_at=charged_at)

    def plan_reminders(self, *, now: datetime) -> None:
        """Of the cards that will be charged next."""
        wanted = {Reminder(c.expires_at - CARD_NOTICE, Occasion.CARD_EXPIRY, c.expires_at) for c in self.cards_in_use}
        reminders = planned(wanted, self.reminders, now)
        if reminders != self.reminders:
            self.record(self.RemindersPlanned, now=now, reminders=reminders)

    def remind(self, *, now: datetime) -> None:
        """Tells what is due, and keeps what is still to come."""
        for reminder in due(self.reminders, now):
            self.record(self.CardExpiring, now=now, expires_at=reminder.of)
        rest = tuple(each for each in self.reminders if now < each.at)
        if rest != self.reminders:
            self.record(self.RemindersPlanned, now=now, reminders=rest)

    @property
    def cards_in_use(self) -> tuple[Card, ...]:
        """The cards that will be charged next, as far as anybody has said."""
        named = dict(self.methods)
        common = named.pop(self.customer, None) or (self.charged.method if self.charged else None)
        methods = {method or common for method in named.values()} or {common}
        return tuple(self.cards[each] for each in sorted(filter(None, methods)) if each in self.cards)

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
            account.cards = {}
            account.methods = {}
            account.charged = None
            account.reminders = ()
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

    class CardLearned(Aggregate.Event):
        TOPIC = "billing_account.card_learned"
        card: Card

        def apply(self, account: BillingAccount) -> None:
            account.cards[self.card.method] = self.card

    class MethodLearned(Aggregate.Event):
        TOPIC = "billing_account.method_learned"
        payer: str
        method: str | None

        def apply(self, account: BillingAccount) -> None:
            account.methods[self.payer] = self.method

    class CardWorked(Aggregate.Event):
        TOPIC = "billing_account.card_worked"
        card: Card
        charged_at: datetime

        def apply(self, account: BillingAccount) -> None:
            account.charged = self.card
            account.charged_at = self.charged_at

    class RemindersPlanned(PlanOfReminders):
        TOPIC = "billing_account.reminders_planned"

    class CardExpiring(Aggregate.Event):
        TOPIC = "billing_account.card_expiring"
        expires_at: datetime

    class Deleted(Aggregate.Event):
        TOPIC = "billing_account.deleted"

        def apply(self, account: BillingAccount) -> None:
            account.is_deleted = True
