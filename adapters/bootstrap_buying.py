"""The part of the composition root that is about buying and changing; `bootstrap.py` holds the rest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.bootstrap_billing import BillingServices
from adapters.reconciliation_records import ReconciliationRecords
from adapters.stripe_ledger import StripeLedger
from adapters.stripe_prices import StripePrices
from adapters.stripe_seller import StripeSeller
from application.buying import Buying
from application.missed_events import MissedEvents
from application.object_drift import ObjectDrift
from application.price_references import PriceReferences
from application.price_sync import PriceSync
from application.provider_commands import PROVIDER, ProviderCommands
from application.reconciliation import Reconciliation
from application.subscription_changes import SubscriptionChanges
from projections.billing_accounts import accounts_of
from projections.subscriptions import plans_of

if TYPE_CHECKING:
    from adapters.stripe_client import Stripe


class BuyingServices(BillingServices):
    """What a provider is asked to do."""

    @cached_property
    def seller(self) -> StripeSeller | None:
        account: Stripe | None = self.stripe_account
        return StripeSeller(account) if account else None

    @cached_property
    def provider_commands(self) -> ProviderCommands:
        return ProviderCommands(
            self.store,
            self.seller,
            self.billing,
            self.organizations,
            self.works,
            self.clock,
            self.task_queue.finish_provider_command,
        )

    @cached_property
    def price_references(self) -> PriceReferences:
        return PriceReferences(self.store, self.catalog, self.provider_commands, self.clock)

    @cached_property
    def subscription_changes(self) -> SubscriptionChanges:
        return SubscriptionChanges(self.store, self.provider_commands, self.price_references, self.tokens, self.clock)

    @cached_property
    def buying(self) -> Buying:
        return Buying(
            self.store,
            self.provider_commands,
            self.price_references,
            self.catalog,
            self.organizations,
            self.clock,
            accounts_of=self._accounts_of,
            plans_of=self._plans_of,
        )

    @cached_property
    def price_sync(self) -> PriceSync | None:
        """None without a key."""
        account: Stripe | None = self.stripe_account
        return PriceSync(self.store, self.catalog, StripePrices(account), self.clock) if account else None

    @cached_property
    def reconciliation_records(self) -> ReconciliationRecords:
        return ReconciliationRecords(self.unwalled)

    @cached_property
    def reconciliation(self) -> Reconciliation | None:
        """None without a key: then there is nobody to compare with."""
        account: Stripe | None = self.stripe_account
        if account is None:
            return None
        ledger = StripeLedger(account, self.stripe)
        events = MissedEvents(ledger, self.billing, self.store, self.provider_records)
        objects = ObjectDrift(ledger, self.billing, self.billing_rules, self.store, self.clock)
        return Reconciliation(events, objects, self.reconciliation_records, self.clock)

    def _accounts_of(self, organization_id: UUID) -> list[UUID]:
        with self.database.connection() as connection:
            return accounts_of(connection, organization_id, PROVIDER)

    def _plans_of(self, organization_id: UUID) -> list[str]:
        with self.database.connection() as connection:
            return plans_of(connection, organization_id)
