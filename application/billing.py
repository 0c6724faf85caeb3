"""A provider's webhook becomes its consequences: all of them in one transaction with the mark "processed"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog

from application.attribution import acting
from application.billing_case import NotOurs, ParentUnknown, streams_about
from application.billing_rules import BillingRules
from application.work import Work, Works
from domain.errors import NotFound
from domain.ids import provider_event_id
from domain.provider_event import ProviderEvent
from domain.provider_facts import ProviderFact, Reading
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.provider_records import ProviderRecords
    from application.entitling import Entitling
    from application.store import Store

log = structlog.get_logger()

_PURGED = Reading(None, "the body was purged")


class Provider(Protocol):
    """What Usher asks of a payment provider's adapter."""

    def read(self, body: bytes) -> Reading:
        """A raw webhook in our words. Asks the provider anew where the webhook itself cannot be understood."""

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        """Facts about an object that a webhook depends on, e.g. `subscription/sub_1A…`; None when it cannot tell."""


class Billing:
    """Processing is idempotent: a second worker meets the first one's events on the primary key and changes nothing."""

    def __init__(
        self,
        store: Store,
        records: ProviderRecords,
        providers: Mapping[str, Provider],
        rules: BillingRules,
        entitling: Entitling,
        works: Works,
        clock: Clock,
        wake: Callable[[UUID], None],
    ) -> None:
        self._store = store
        self._records = records
        self._providers = providers
        self._rules = rules
        self._entitling = entitling
        self._works = works
        self._clock = clock
        self._wake = wake

    def receive(
        self, provider: str, event: str, type: str, occurred_at: datetime, body: bytes
    ) -> tuple[ProviderEvent, list[Row]]:
        """What is stored when a webhook comes in; its stream's primary key refuses the second delivery."""
        now = self._clock.now()
        received = ProviderEvent.receive(provider=provider, event=event, type=type, occurred_at=occurred_at, now=now)
        return received, [self._records.keep_body(received.id, body, now)]

    def find(self, reference: str) -> ProviderEvent:
        """A received event by our id, or by its provider's (`evt_1A…`); `NotFound`."""
        try:
            ids = [UUID(reference)]
        except ValueError:
            ids = [provider_event_id(provider, reference) for provider in self._providers]
        for id in ids:
            if event := self._store.find(ProviderEvent, id):
                return event
        raise NotFound.of("provider event", reference)

    def process(self, provider_event_id: UUID) -> None:
        """Brings a received event to its end: processed, ignored, or deferred until what it depends on is known.

        Raises `Unavailable` and `ConcurrentChange` when it should be tried again; any other exception is a fault of
        ours and is recorded on the event, which stays visible and is tried again by the sweep.
        """
        webhook = self._records.webhook(provider_event_id)
        if webhook is None:
            raise NotFound.of("provider event", provider_event_id)
        if webhook.is_finished:
            return
        provider = webhook.provider
        with acting(f"provider:{provider}", f"event:{provider_event_id}"):
            reading = self._providers[provider].read(webhook.body) if webhook.body is not None else _PURGED
            if reading.fact is None:
                self._ignore(provider_event_id, reading.reason)
                return
            asked: dict[str, bool] = {}
            apply = partial(self._apply, provider_event_id, provider, reading, asked)
            try:
                self._again_with_parents(apply, provider, asked)
            except NotOurs as nothing:
                self._ignore(provider_event_id, str(nothing))

    def fail(self, provider_event_id: UUID, error: Exception) -> None:
        """Makes a fault visible on the event."""
        kind = type(error).__name__
        with acting("worker:billing", f"event:{provider_event_id}"):
            self._store.change(ProviderEvent, provider_event_id, lambda e: e.fail(error=kind, now=self._clock.now()))

    def retry(self, provider_event_id: UUID) -> ProviderEvent:
        """A person asks for another try."""
        event = self._store.change(ProviderEvent, provider_event_id, lambda e: e.retry(now=self._clock.now()))
        self._wake(provider_event_id)
        return event

    def settle(self, subscription_id: UUID) -> None:
        """Asks anew what the subscription's licence should be: a deadline has passed."""
        with acting("worker:deadlines", f"subscription:{subscription_id}"):
            self._works.run(lambda work, now: self._settle(work, subscription_id, now))

    def take_in(
        self, provider: str, facts: Sequence[ProviderFact], also: Callable[[Work, datetime], None] = lambda *_: None
    ) -> None:
        """What a provider answered us goes the way of a webhook, all of it with what is stored `also` or not at all.

        Raises `ParentUnknown` and `NotOurs` when it cannot be, `Unavailable` when the provider was to be asked more.
        """
        asked: dict[str, bool] = {}
        arrived: list[str] = []

        def decide(work: Work, now: datetime) -> None:
            arrived[:] = [name for fact in facts for name in self._rules.apply(work, provider, fact, now, asked)]
            also(work, now)

        self._again_with_parents(lambda: self._works.run(decide), provider, asked)
        for waiting in self._records.waiting_for(provider, arrived):
            self._wake(waiting)

    def _settle(self, work: Work, subscription_id: UUID, now: datetime) -> None:
        self._entitling.settle(work, work.fetch(Subscription, subscription_id), now)

    def _ignore(self, id: UUID, reason: str) -> None:
        self._store.change(
            ProviderEvent,
            id,
            lambda event: event.ignore(reason=reason, now=self._clock.now()),
            rows=[self._records.stop_waiting(id)],
        )

    def _apply(self, id: UUID, provider: str, reading: Reading, asked: Mapping[str, bool]) -> None:
        """The report's consequences; it waits when what it depends on has not arrived and cannot be had."""
        arrived: list[str] = []

        def decide(work: Work, now: datetime) -> None:
            assert reading.fact is not None
            work.expect([id, *streams_about(provider, reading.fact)])
            try:
                arrived[:] = self._rules.apply(work, provider, reading.fact, now, asked)
            except ParentUnknown as unknown:
                if unknown.reference not in asked:
                    raise
                arrived.clear()
                self._defer(work, id, unknown.reference, now)
                return
            event = work.fetch(ProviderEvent, id)
            event.process(consequences=work.touched, remarks=reading.remarks, now=now)
            work.rows.append(self._records.stop_waiting(id))

        self._works.run(decide)
        for waiting in self._records.waiting_for(provider, arrived):
            self._wake(waiting)

    def _again_with_parents(self, act: Callable[[], object], provider: str, asked: dict[str, bool]) -> None:
        """The provider may know what we do not; what it answers goes the way of a webhook, with its own parents.
        `ParentUnknown` when that leads nowhere."""
        while True:
            try:
                act()
                return
            except ParentUnknown as unknown:
                if unknown.reference in asked:
                    raise
                found = self._providers[provider].look_up(unknown.reference)
                asked[unknown.reference] = found is not None
                for parent in found or ():
                    with suppress(NotOurs):
                        self._again_with_parents(partial(self._bring_in, provider, parent, asked), provider, asked)

    def _bring_in(self, provider: str, parent: ProviderFact, asked: Mapping[str, bool]) -> None:
        self._works.run(lambda work, now: self._rules.apply(work, provider, parent, now, asked))

    def _defer(self, work: Work, id: UUID, reference: str, now: datetime) -> None:
        """What it waits for was looked for in the same work: when that arrives, our note is there and wakes it."""
        log.info("provider_event.deferred", provider_event_id=str(id), waiting_for=reference)
        work.drop()
        event = work.fetch(ProviderEvent, id)
        if not event.is_finished:
            event.defer(waiting_for=reference, now=now)
            work.rows.append(self._records.wait(event.provider, reference, id))
