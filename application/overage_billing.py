"""A settled overage becomes a line of the customer's next invoice at the payment provider, once."""

from __future__ import annotations

from uuid import UUID

from application.provider_commands import PROVIDER, ProviderCommands
from application.reactions import BILL_OVERAGE
from application.store import Store
from domain.errors import Unavailable
from domain.ids import message_id, provider_desk_id
from domain.overage import Measured, Overage
from domain.phrases import quantity
from domain.provider_asks import BillOverage
from domain.subscription import Subscription


class OverageBilling:
    """Each fact has a desk of its own at the provider's: what was done, whoever did it, is not done again."""

    def __init__(self, store: Store, commands: ProviderCommands) -> None:
        self._store = store
        self._commands = commands

    def report(self, overage_id: UUID, version: int) -> None:
        """Nothing where no provider bills the organization, or it was done. `Unavailable` when it is to be tried again,
        `BuyingNotSetUp` while there is no key to ask the provider with; how the provider refused it."""
        overage = self._store.fetch(Overage, overage_id, version=version)
        fact = next(iter(self._store.events.get(overage_id, gt=version - 1, lte=version)))
        if not isinstance(fact, Measured) or fact.amount == 0 or overage.terms.subscription_id is None:
            return
        subject = message_id(overage_id, version, BILL_OVERAGE)
        desk = self._commands.desk(subject)
        if desk is not None and desk.open is not None:
            self._commands.finish(provider_desk_id(PROVIDER, subject))
            desk = self._commands.desk(subject)
            if desk is None or desk.open is not None:
                raise Unavailable(retry_after=60)
        if desk is not None and desk.reference is not None:
            return
        subscription = self._store.fetch(Subscription, overage.terms.subscription_id)
        self._commands.carry_out(
            subject, _ask(subject, overage, fact, subscription), organization_id=overage.organization_id
        )


def _ask(subject: UUID, overage: Overage, fact: Measured, subscription: Subscription) -> BillOverage:
    what = f"{overage.meter}: {quantity(fact.overage)} above {fact.included:,} included"
    return BillOverage(
        fact=str(subject),
        subscription=subscription.provider_id,
        amount=fact.amount,
        currency=fact.currency,
        description=what if isinstance(fact, Overage.Settled) else f"{what} (correction)",
        period_start=overage.period_start,
        period_end=overage.period_end,
    )
