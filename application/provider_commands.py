"""Having a payment provider do something once: a fact before the call, its outcome after it, no transaction over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog

from application.attribution import acting
from application.store import Store
from application.work import Work, Works
from domain.buying_errors import BuyingNotSetUp, OutcomeUnknown, PreviewStale
from domain.errors import Unavailable, UsherError
from domain.ids import provider_desk_id
from domain.plan import Price
from domain.provider_answers import Performed, Previewed, Running
from domain.provider_asks import Ask, ChangeAtPeriodEnd, ChangeNow, MakeCustomer, OpenCheckout, OpenPortal, Promise
from domain.provider_desk import Command, ProviderDesk

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.billing import Billing
    from application.organizations import Organizations

log = structlog.get_logger()

Words = Mapping[str, str | None]
PROVIDER = "stripe"
KEY_LASTS = timedelta(hours=23)
"""How long a command is sent again: the provider forgets its key after a day."""


class Seller(Protocol):
    """What is asked of a payment provider's adapter. All of it raises `Unavailable` when the provider is away."""

    def perform(self, command: Command, words: Words) -> Performed:
        """Does it, once. Raises how it was refused, and `OutcomeUnknown` when nobody can say whether it was done."""

    def find(self, command: Command) -> Performed | None:
        """What came of a command that was sent before; None when it does not look as if it was done."""

    def running(self, subscription: str) -> Running: ...

    def preview(self, ask: ChangeNow | ChangeAtPeriodEnd) -> Previewed: ...

    def price_like(self, price: Price) -> str | None:
        """The provider's price that asks for exactly this, and is sold there."""

    def promotion(self, code: str) -> str | None:
        """The provider's name of a promotion code that can be used."""


class ProviderCommands:
    """`finish_soon` hints that a command has no outcome; the sweep comes back to what nobody hears."""

    def __init__(
        self,
        store: Store,
        seller: Seller | None,
        billing: Billing,
        organizations: Organizations,
        works: Works,
        clock: Clock,
        finish_soon: Callable[[UUID], None],
    ) -> None:
        self._store = store
        self._seller = seller
        self._billing = billing
        self._organizations = organizations
        self._works = works
        self._clock = clock
        self._finish_soon = finish_soon

    @property
    def seller(self) -> Seller:
        """`BuyingNotSetUp` when there is none."""
        if self._seller is None:
            raise BuyingNotSetUp()
        return self._seller

    def desk(self, subject: UUID) -> ProviderDesk | None:
        """What was asked about a subject so far."""
        return self._store.find(ProviderDesk, provider_desk_id(PROVIDER, subject))

    def carry_out(self, subject: UUID, ask: Ask, *, organization_id: UUID, words: Words | None = None) -> Performed:
        """Has it done now. `CommandUnderWay` while an earlier command about the subject has no outcome; how the
        provider refused it; `Unavailable` when nothing was done; `OutcomeUnknown` when it is being finished."""
        seller = self.seller
        command = self._works.run(lambda work, now: _asked(work, subject, ask, organization_id, now))
        desk_id = provider_desk_id(PROVIDER, subject)
        try:
            performed = seller.perform(command, words or {})
        except OutcomeUnknown:
            log.warning("provider_command.outcome_unknown", command_id=str(command.id))
            self._finish_soon(desk_id)
            raise
        except Unavailable as away:
            self._give_up(desk_id, command, away.code)
            raise
        except UsherError as refusal:
            self._refuse(desk_id, command, refusal.code)
            raise
        try:
            self._settle(desk_id, command, performed)
        except Unavailable as away:  # of ours: the provider has done it
            raise OutcomeUnknown(retry_after=5) from away
        return performed

    def finish(self, desk_id: UUID) -> None:
        """Brings a command that has no outcome to its end: found done, done now under the same key, or given up.

        Raises `Unavailable` when that should be tried again.
        """
        desk = self._store.find(ProviderDesk, desk_id)
        command = desk.open if desk else None
        if command is None:
            return
        with acting("worker:commands", f"command:{command.id}"):
            if isinstance(command.ask, OpenCheckout | OpenPortal):
                return self._give_up(desk_id, command, "nobody_waits")
            try:
                self._finish(desk_id, command)
            except Unavailable:
                raise
            except UsherError as refusal:
                self._refuse(desk_id, command, refusal.code)

    def _finish(self, desk_id: UUID, command: Command) -> None:
        found = self.seller.find(command)
        if found is None:
            if self._clock.now() - command.asked_at > KEY_LASTS:
                return self._give_up(desk_id, command, "not_done_in_time")
            self.require_promise(command.ask)
            found = self.seller.perform(command, self._words(command))
        self._settle(desk_id, command, found)

    def require_promise(self, ask: Ask) -> None:
        """`PreviewStale` when a person agreed to something else than what would happen now."""
        if isinstance(ask, ChangeNow | ChangeAtPeriodEnd) and ask.promise is not None:
            running = self.seller.running(ask.subscription)
            if running.state != ask.promise.state or self.promise_of(ask, running) != ask.promise:
                raise PreviewStale()

    def promise_of(self, ask: ChangeNow | ChangeAtPeriodEnd, running: Running) -> Promise:
        figures = self.seller.preview(ask).figures
        return Promise(figures.total, figures.amount_due, figures.currency, running.state)

    def _words(self, command: Command) -> Words:
        """What the log does not keep, as it is today."""
        if not isinstance(command.ask, MakeCustomer):
            return {}
        return contact_words(self._organizations, command.organization_id)

    def _settle(self, desk_id: UUID, command: Command, performed: Performed) -> None:
        """The outcome together with what it means here. What cannot be taken in now, the webhook will tell again."""

        def done(work: Work, now: datetime) -> None:
            work.fetch(ProviderDesk, desk_id).done(command.number, reference=performed.reference, now=now)

        try:
            self._billing.take_in(PROVIDER, performed.facts, done)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("provider_command.not_taken_in", command_id=str(command.id), error=type(error).__name__)
            self._works.run(done)

    def _refuse(self, desk_id: UUID, command: Command, reason: str) -> None:
        self._end(desk_id, lambda desk, now: desk.refused(command.number, reason=reason, now=now))

    def _give_up(self, desk_id: UUID, command: Command, reason: str) -> None:
        log.warning("provider_command.given_up", command_id=str(command.id), reason=reason)
        self._end(desk_id, lambda desk, now: desk.give_up(command.number, reason=reason, now=now))

    def _end(self, desk_id: UUID, end: Callable[[ProviderDesk, datetime], None]) -> None:
        self._store.change(ProviderDesk, desk_id, lambda desk: end(desk, self._clock.now()))


def _asked(work: Work, subject: UUID, ask: Ask, organization_id: UUID, now: datetime) -> Command:
    desk = work.find(ProviderDesk, provider_desk_id(PROVIDER, subject))
    desk = desk or work.add(ProviderDesk.set_up(provider=PROVIDER, subject=subject, now=now))
    return desk.ask(ask, organization_id=organization_id, now=now)


def contact_words(organizations: Organizations, organization_id: UUID) -> Words:
    contact = organizations.contact(organization_id)
    if contact is None:
        return {}
    return {"email": contact.email, "name": contact.company_name or contact.name}
