"""Events at a payment provider whose webhooks never reached us: taken in as they would have been."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from application.provider_commands import PROVIDER
from application.provider_look import Ledger, Look
from domain.drift import Drift, Place, What
from domain.errors import AlreadyRecorded, Unavailable
from domain.ids import provider_event_id
from domain.provider_answers import ListedEvent, Page

if TYPE_CHECKING:
    from adapters.provider_records import ProviderRecords
    from application.billing import Billing
    from application.store import Store

log = structlog.get_logger()

EVENTS_ARE_KEPT = timedelta(days=30)
_OVERLAP = timedelta(minutes=10)
"""Of two looks at the events: a provider's list may lag."""


class MissedEvents:
    def __init__(self, ledger: Ledger, billing: Billing, store: Store, records: ProviderRecords) -> None:
        self._ledger = ledger
        self._billing = billing
        self._store = store
        self._records = records

    def look(self, look: Look, place: Place, since: datetime | None) -> None:
        """Page by page, newest first; what is found is stored before the place is. Then it is processed."""
        known_until = place.events_until - _OVERLAP if place.events_until else look.started_at - EVENTS_ARE_KEPT
        if place.events_after is None or since is not None:
            place.events_goal, place.events_after = look.started_at - look.grace, None
        stored: list[UUID] = []
        try:
            while True:
                page = self._events(look, place, since or known_until)
                stored += self._missed(look, page.things)
                place.events_after = page.after
                look.say("events", look.events)
                if page.after is None:
                    break
                look.save(place)
        finally:
            for id in reversed(stored):
                self._process(id)
        if since is None or since <= known_until:
            place.events_until = place.events_goal
        look.save(place)

    def _events(self, look: Look, place: Place, since: datetime) -> Page[ListedEvent]:
        look.spend_on_a_page()
        assert place.events_goal is not None
        try:
            return self._ledger.events(since=since, until=place.events_goal, after=place.events_after)
        except LookupError:  # it was not gone on with for a month
            return self._ledger.events(since=since, until=place.events_goal, after=None)

    def _missed(self, look: Look, events: Sequence[ListedEvent]) -> list[UUID]:
        """Those that never reached us, taken in as they would have been; newest first."""
        ids = [provider_event_id(PROVIDER, each.event) for each in events]
        known = self._records.known(ids)
        look.events += len(ids)
        stored = []
        for id, each in zip(ids, events, strict=True):
            if id in known:
                continue
            if not look.dry_run:
                self._receive(each)
                stored.append(id)
            look.drift.append(Drift("event", each.event, What.MISSED, (each.type,), repaired=not look.dry_run))
        return stored

    def _receive(self, event: ListedEvent) -> None:
        received, rows = self._billing.receive(PROVIDER, *event)
        with suppress(AlreadyRecorded):  # its webhook came in this moment
            self._store.add(received, rows=rows)

    def _process(self, id: UUID) -> None:
        """At once, so that objects are not found to differ for what is only waiting; the sweep comes back to others."""
        try:
            self._billing.process(id)
        except Unavailable:
            log.warning("reconciliation.put_off", provider_event_id=str(id))
        except Exception as error:
            log.exception("provider_event.failed", provider_event_id=str(id), error=type(error).__name__)
            self._billing.fail(id, error)
