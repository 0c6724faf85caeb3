"""Buying: the pages of the payment provider that a person is led to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from application.price_references import PriceReferences
from application.provider_commands import PROVIDER, ProviderCommands, contact_words
from application.store import Store
from domain.billing_account import BillingAccount
from domain.errors import InvalidRequest, NotFound
from domain.ids import billing_account_id
from domain.plan import PricedPlan
from domain.provider_answers import Performed
from domain.provider_asks import MakeCustomer, OpenCheckout, OpenPortal

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog
    from application.organizations import Organizations


class Buying:
    """`accounts_of` and `plans_of` answer, from read models, through which accounts an organization pays and which
    plans it ever bought."""

    def __init__(
        self,
        store: Store,
        commands: ProviderCommands,
        prices: PriceReferences,
        catalog: Catalog,
        organizations: Organizations,
        clock: Clock,
        *,
        accounts_of: Callable[[UUID], Iterable[UUID]],
        plans_of: Callable[[UUID], Iterable[str]],
    ) -> None:
        self._store = store
        self._commands = commands
        self._prices = prices
        self._catalog = catalog
        self._organizations = organizations
        self._clock = clock
        self._accounts_of = accounts_of
        self._plans_of = plans_of

    def checkout(
        self,
        organization_id: UUID,
        *,
        price: str,
        seats: int | None,
        promotion_code: str | None,
        success_url: str,
        cancel_url: str,
    ) -> Performed:
        """A page on which a subscription is bought, with the plan's trial if it is the first of its product.

        `InvalidRequest` for a price or code that cannot be used; see `ProviderCommands.carry_out` for the rest.
        """
        self._organizations.fetch(organization_id)
        priced = self._prices.on_sale(price)
        quantity = self._prices.quantity(priced, seats)
        reference = self._prices.reference(priced)
        discount = self._discount(promotion_code) if promotion_code else None
        ask = OpenCheckout(
            self._customer(organization_id), reference, quantity, self._trial_days(organization_id, priced), discount
        )
        return self._commands.carry_out(
            self._clock.new_id(),
            ask,
            organization_id=organization_id,
            words={"success_url": success_url, "cancel_url": cancel_url},
        )

    def portal(self, organization_id: UUID, *, return_url: str, subscription_id: UUID | None = None) -> Performed:
        """The page on which a customer sees to cards, invoices and subscriptions; of several customers the one that
        pays this subscription."""
        self._organizations.fetch(organization_id)
        customer = self._payer(organization_id, subscription_id) if subscription_id else self._customer(organization_id)
        return self._commands.carry_out(
            self._clock.new_id(),
            OpenPortal(customer),
            organization_id=organization_id,
            words={"return_url": return_url},
        )

    def _customer(self, organization_id: UUID) -> str:
        """The one that it pays through, or a new one: made once, whoever asks at the same moment."""
        for account in self._accounts(organization_id):
            return account.customer
        desk = self._commands.desk(organization_id)
        if desk and desk.reference and self._store.find(BillingAccount, _account_id(desk.reference)) is None:
            return desk.reference  # made a moment ago, and not taken in yet
        performed = self._commands.carry_out(
            organization_id,
            MakeCustomer(),
            organization_id=organization_id,
            words=contact_words(self._organizations, organization_id),
        )
        return performed.reference

    def _payer(self, organization_id: UUID, subscription_id: UUID) -> str:
        for account in self._accounts(organization_id):
            if subscription_id in account.subscriptions:
                return account.customer
        raise NotFound.of("subscription", subscription_id)

    def _accounts(self, organization_id: UUID) -> Iterable[BillingAccount]:
        """As the log has them: a read model may lag, the desk knows what we have just made."""
        known = list(self._accounts_of(organization_id))
        desk = self._commands.desk(organization_id)
        if desk is not None and desk.reference is not None:
            known.append(_account_id(desk.reference))
        for id in dict.fromkeys(known):
            account = self._store.find(BillingAccount, id)
            if account and account.organization_id == organization_id and not account.is_deleted:
                yield account

    def _trial_days(self, organization_id: UUID, priced: PricedPlan) -> int:
        """Nobody tries a product twice."""
        if not priced.terms.trial_days:
            return 0
        had = {self._catalog.plan(plan).product for plan in self._plans_of(organization_id)}
        return 0 if priced.product in had else priced.terms.trial_days

    def _discount(self, code: str) -> str:
        found = self._commands.seller.promotion(code)
        if found is None:
            raise InvalidRequest.field("promotion_code", "is not known, or cannot be used any more")
        return found


def _account_id(customer: str) -> UUID:
    return billing_account_id(PROVIDER, customer)
