"""Laying what a payment provider has beside what we have; what a lost webhook left behind goes the way of a webhook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog

from application.attribution import acting
from application.billing_case import NotOurs, ParentUnknown
from application.provider_commands import PROVIDER
from application.work import Work
from domain.drift import Drift, Outcome, Run, What, differences
from domain.errors import AlreadyRecorded, Conflict, Unavailable
from domain.ids import provider_event_id
from domain.provider_answers import ListedEvent, ListedObject, Page

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.provider_records import ProviderRecords
    from adapters.reconciliation_records import ReconciliationRecords
    from application.billing import Billing
    from application.billing_rules import BillingRules
    from application.store import Store
    from domain.provider_facts import ProviderFact

log = structlog.get_logger()

EVENTS_ARE_KEPT = timedelta(days=30)
_OVERLAP = timedelta(minutes=10)
"""Of two looks at the events: a provider's list may lag."""


class Ledger(Protocol):
    """What reconciliation asks of a provider's adapter. All of it raises `Unavailable` when the provider is away, and
    `LookupError` when the place in a list is gone that a page is asked for after."""

    kinds: Sequence[str]

    def events(self, *, since: datetime, until: datetime, after: str | None) -> Page[ListedEvent]:
        """Those that concern us, newest first."""

    def objects(self, kind: str, *, after: str | None) -> Page[ListedObject]:
        """All of a kind, newest first."""

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        """One object anew, with everything that belongs to it; None where the list says as much."""

    def on_their_way(self, since: datetime) -> frozenset[str]:
        """The ids that are named by events since then, whose webhooks may still come."""


@dataclass
class Place:
    """How far it has come; see the table `reconciliation_places`."""

    events_until: datetime | None = None
    events_goal: datetime | None = None
    events_after: str | None = None
    pass_began_at: datetime | None = None
    pass_kind: str | None = None
    pass_after: str | None = None
    pass_ended_at: datetime | None = None
    not_before: datetime | None = None


class OutOfCalls(Exception):
    """As many as were allowed."""


@dataclass
class Look:
    """A run under way."""

    id: UUID
    dry_run: bool
    calls_left: int
    grace: timedelta
    started_at: datetime
    say: Callable[[str, int], None]
    calls: int = 0
    events: int = 0
    objects: int = 0
    drift: list[Drift] = field(default_factory=list)

    def spend(self) -> None:
        self.calls_left -= 1
        self.calls += 1

    def spend_on_a_page(self) -> None:
        """Between pages is where it may stop: in the middle of one it could never come past what cannot be repaired."""
        if self.calls_left <= 0:
            raise OutOfCalls
        self.spend()


class Reconciliation:
    def __init__(
        self,
        ledger: Ledger,
        billing: Billing,
        rules: BillingRules,
        store: Store,
        provider_records: ProviderRecords,
        records: ReconciliationRecords,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._billing = billing
        self._rules = rules
        self._store = store
        self._provider_records = provider_records
        self._records = records
        self._clock = clock

    def run(
        self,
        *,
        dry_run: bool = False,
        since: datetime | None = None,
        calls: int = 1000,
        grace: timedelta = timedelta(0),
        objects_every: timedelta = timedelta(0),
        say: Callable[[str, int], None] = lambda *_: None,
    ) -> Run:
        """One look at events and objects; with `dry_run` nothing is repaired and no place is kept.

        `since`: events from then on, instead of those that were not looked at yet. `calls` to the provider, about; the
        next run goes on from there. What is younger than `grace` is left to its webhook. Objects are left out when a
        whole pass over them has ended within `objects_every`. `Conflict` while another run is at it.
        """
        look = Look(self._clock.new_id(), dry_run, calls, grace, self._clock.now(), say)
        if not self._records.claim(PROVIDER, look.id):
            raise Conflict("Another reconciliation is running; ask again when it is over.")
        try:
            with acting("worker:reconciliation", f"reconciliation:{look.id}"):
                run = self._look(look, since, objects_every)
        finally:
            self._records.let_go(PROVIDER, look.id)
        self._records.keep(run)
        _tell(run)
        return run

    def run_if_due(self, *, every: timedelta, objects_every: timedelta, grace: timedelta, calls: int) -> Run | None:
        """For the scheduled chore: None when nothing is due, or somebody is at it."""
        place, now = self._records.place(PROVIDER), self._clock.now()
        if place.not_before is not None and now < place.not_before:
            return None
        goes_on = place.events_after is not None or place.pass_kind is not None
        last = self._records.last_run_at(PROVIDER)
        if not goes_on and last is not None and now < last + every:
            return None
        with suppress(Conflict):
            return self.run(grace=grace, calls=calls, objects_every=objects_every)
        return None

    def _look(self, look: Look, since: datetime | None, objects_every: timedelta) -> Run:
        place = Place() if look.dry_run else self._records.place(PROVIDER)
        outcome, problem = Outcome.COMPLETE, None
        place.not_before = None
        try:
            self._look_at_events(look, place, since)
            if _pass_is_due(place, look, objects_every):
                self._look_at_objects(look, place)
        except OutOfCalls:
            outcome = Outcome.STOPPED
        except Unavailable as away:
            outcome, problem = Outcome.STOPPED, away.code
            place.not_before = self._clock.now() + timedelta(seconds=away.retry_after or 30)
            self._save(look, place)
        return Run(
            look.id,
            PROVIDER,
            look.dry_run,
            look.started_at,
            self._clock.now(),
            outcome,
            look.calls,
            look.events,
            look.objects,
            tuple(look.drift),
            problem,
        )

    # events

    def _look_at_events(self, look: Look, place: Place, since: datetime | None) -> None:
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
                self._save(look, place)
        finally:
            for id in reversed(stored):
                self._process(id)
        if since is None or since <= known_until:
            place.events_until = place.events_goal
        self._save(look, place)

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
        known = self._provider_records.known(ids)
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

    # objects

    def _look_at_objects(self, look: Look, place: Place) -> None:
        """Kind by kind, page by page. The place is kept when a page is through: one that was left in the middle is
        looked at again."""
        if place.pass_kind not in self._ledger.kinds:
            place.pass_began_at, place.pass_kind, place.pass_after = look.started_at, self._ledger.kinds[0], None
        while place.pass_kind is not None:
            page = self._objects(look, place.pass_kind, place.pass_after)
            for thing in page.things:
                look.objects += 1
                self._compare(look, place.pass_kind, thing)
            look.say("objects", look.objects)
            place.pass_after = page.after
            if page.after is None:
                place.pass_kind = self._kind_after(place.pass_kind)
            if place.pass_kind is None:
                place.pass_ended_at = place.pass_began_at
            self._save(look, place)

    def _objects(self, look: Look, kind: str, after: str | None) -> Page[ListedObject]:
        look.spend_on_a_page()
        try:
            return self._ledger.objects(kind, after=after)
        except LookupError:  # what it was to come after was deleted
            return self._ledger.objects(kind, after=None)

    def _kind_after(self, kind: str) -> str | None:
        return dict(pairwise(self._ledger.kinds)).get(kind)

    def _compare(self, look: Look, kind: str, thing: ListedObject) -> None:
        """What the list says differently is asked for again, whole, before it counts."""
        if not self._changes(look, thing.facts):
            return
        look.spend()
        found = self._ledger.look_up(thing.reference)
        facts = thing.facts if found is None else tuple(found)
        changes = self._changes(look, facts)
        if not changes or self._is_on_its_way(look, thing.reference):
            return
        what = What.DIFFERS if all("." in name for name in changes) else What.MISSING
        drift = Drift(kind, _name(thing.reference), what, changes)
        look.drift.append(drift if look.dry_run else self._repaired(drift, facts))

    def _is_on_its_way(self, look: Look, reference: str) -> bool:
        if not look.grace:
            return False
        look.spend()
        return _name(reference) in self._ledger.on_their_way(self._clock.now() - look.grace)

    def _changes(self, look: Look, facts: Sequence[ProviderFact]) -> tuple[str, ...]:
        """What taking it in would change of what we mean to know. Nothing is stored."""
        asked = dict[str, bool]()
        while True:
            work = Work(self._store)
            try:
                for fact in facts:
                    with suppress(NotOurs):
                        self._rules.apply(work, PROVIDER, fact, self._clock.now(), asked)
                break
            except ParentUnknown as unknown:
                if unknown.reference in asked:
                    return (unknown.reference,)
                look.spend()
                parents = self._ledger.look_up(unknown.reference)
                asked[unknown.reference] = parents is not None
                facts = [*(parents or ()), *facts]
        before = self._store.look_at(work.touched)
        return tuple(sorted({name for after in work.pending for name in differences(before[after.id], after)}))

    def _repaired(self, drift: Drift, facts: Sequence[ProviderFact]) -> Drift:
        try:
            self._billing.take_in(PROVIDER, facts)
        except (ParentUnknown, NotOurs) as nothing:
            return replace(drift, problem=str(nothing))
        except Unavailable:
            raise
        except Exception as error:
            log.exception("reconciliation.not_taken_in", reference=drift.reference, error=type(error).__name__)
            return replace(drift, problem=type(error).__name__)
        return replace(drift, repaired=True)

    def _save(self, look: Look, place: Place) -> None:
        if not look.dry_run:
            self._records.put(PROVIDER, look.id, place)


def _pass_is_due(place: Place, look: Look, every: timedelta) -> bool:
    if place.pass_kind is not None or place.pass_ended_at is None:
        return True
    return look.started_at >= place.pass_ended_at + every


def _name(reference: str) -> str:
    return reference.partition("/")[2]


def _tell(run: Run) -> None:
    for each in run.drift:
        log.warning(
            "reconciliation.drift",
            kind=each.kind,
            reference=each.reference,
            what=each.what,
            fields=each.fields,
            repaired=each.repaired,
            problem=each.problem,
        )
    log.info(
        "reconciliation.run",
        outcome=run.outcome,
        calls=run.calls,
        events=run.events,
        objects=run.objects,
        found=len(run.drift),
        repaired=run.repaired,
    )
