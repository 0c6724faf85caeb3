"""What we ask a payment provider to do: a fact before the call, its outcome after it, and never two calls at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from domain import provider_asks as asks
from domain.aggregate import Aggregate, Created
from domain.buying_errors import CommandUnderWay
from domain.ids import provider_command_id, provider_desk_id
from domain.provider_asks import Ask


@dataclass(frozen=True)
class Command:
    """One ask to a provider. Its `id` is the key under which the provider does it once, however often it is sent."""

    id: UUID
    number: int
    organization_id: UUID
    ask: Ask
    asked_at: datetime


class Asked(Aggregate.Event):
    """Base of the facts that something is asked for; a subclass says what in `ask`."""

    number: int
    organization_id: UUID
    if TYPE_CHECKING:
        ask: Any

    def apply(self, desk: ProviderDesk) -> None:
        id = provider_command_id(desk.id, self.number)
        desk.open = Command(id, self.number, self.organization_id, self.ask, self.timestamp)
        desk.number = self.number


class Ended(Aggregate.Event):
    """Base of the facts that an ask came to its end."""

    number: int

    def apply(self, desk: ProviderDesk) -> None:
        desk.open = None


class ProviderDesk(Aggregate):
    """Where a provider is asked for things about one subject (a subscription, an organization, a page), one after the
    other: the stream is the fence. A command is open until its outcome is stored; whoever finds it open later finishes
    it under the same key.
    """

    TOPIC = "provider_desk"

    if TYPE_CHECKING:
        provider: str
        subject: UUID
        number: int  # of the last command
        open: Command | None
        reference: str | None  # what the last command that was done made, e.g. `cus_1A…`

    @classmethod
    def set_up(cls, *, provider: str, subject: UUID, now: datetime) -> ProviderDesk:
        id = provider_desk_id(provider, subject)
        return cls.begin(cls.SetUp, id=id, now=now, provider=provider, subject=subject)

    def ask(self, ask: Ask, *, organization_id: UUID, now: datetime) -> Command:
        """`CommandUnderWay` while another command has no outcome."""
        if self.open is not None:
            raise CommandUnderWay(self.open.id)
        kind = _ASKED[type(ask)]
        self.record(kind, now=now, number=self.number + 1, organization_id=organization_id, ask=ask)
        assert self.open is not None
        return self.open

    def done(self, number: int, *, reference: str, now: datetime) -> None:
        """The provider did it; `reference` is what it made or changed. Twice is once."""
        if self._is_open(number):
            self.record(self.Done, now=now, number=number, reference=reference)

    def refused(self, number: int, *, reason: str, now: datetime) -> None:
        """The provider, or our own look before it, said no: nothing was done. `reason` is the code of the refusal."""
        if self._is_open(number):
            self.record(self.Refused, now=now, number=number, reason=reason)

    def give_up(self, number: int, *, reason: str, now: datetime) -> None:
        """Not done as far as anybody can see, and not to be done any more."""
        if self._is_open(number):
            self.record(self.GivenUp, now=now, number=number, reason=reason)

    def _is_open(self, number: int) -> bool:
        return self.open is not None and self.open.number == number

    class SetUp(Created):
        TOPIC = "provider_desk.set_up"
        provider: str
        subject: UUID

        def apply(self, desk: ProviderDesk) -> None:
            desk.provider = self.provider
            desk.subject = self.subject
            desk.number = 0
            desk.open = None
            desk.reference = None

    class CustomerAsked(Asked):
        TOPIC = "provider_desk.customer_asked"
        ask: asks.MakeCustomer

    class CheckoutAsked(Asked):
        TOPIC = "provider_desk.checkout_asked"
        ask: asks.OpenCheckout

    class PortalAsked(Asked):
        TOPIC = "provider_desk.portal_asked"
        ask: asks.OpenPortal

    class ChangeAsked(Asked):
        TOPIC = "provider_desk.change_asked"
        ask: asks.ChangeNow

    class LaterChangeAsked(Asked):
        TOPIC = "provider_desk.later_change_asked"
        ask: asks.ChangeAtPeriodEnd

    class WithdrawalAsked(Asked):
        TOPIC = "provider_desk.withdrawal_asked"
        ask: asks.WithdrawChange

    class CancellationAsked(Asked):
        TOPIC = "provider_desk.cancellation_asked"
        ask: asks.Cancel

    class PauseAsked(Asked):
        TOPIC = "provider_desk.pause_asked"
        ask: asks.Pause

    class ResumptionAsked(Asked):
        TOPIC = "provider_desk.resumption_asked"
        ask: asks.Resume

    class OverageBillAsked(Asked):
        TOPIC = "provider_desk.overage_bill_asked"
        ask: asks.BillOverage

    class Done(Ended):
        TOPIC = "provider_desk.done"
        reference: str

        def apply(self, desk: ProviderDesk) -> None:
            desk.open = None
            desk.reference = self.reference

    class Refused(Ended):
        TOPIC = "provider_desk.refused"
        reason: str

    class GivenUp(Ended):
        TOPIC = "provider_desk.given_up"
        reason: str


_ASKED: dict[type, type[Asked]] = {
    asks.MakeCustomer: ProviderDesk.CustomerAsked,
    asks.OpenCheckout: ProviderDesk.CheckoutAsked,
    asks.OpenPortal: ProviderDesk.PortalAsked,
    asks.ChangeNow: ProviderDesk.ChangeAsked,
    asks.ChangeAtPeriodEnd: ProviderDesk.LaterChangeAsked,
    asks.WithdrawChange: ProviderDesk.WithdrawalAsked,
    asks.Cancel: ProviderDesk.CancellationAsked,
    asks.Pause: ProviderDesk.PauseAsked,
    asks.Resume: ProviderDesk.ResumptionAsked,
    asks.BillOverage: ProviderDesk.OverageBillAsked,
}
