"""Laying what a payment provider has beside what we have; what a lost webhook left behind goes the way of a webhook."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from application.attribution import acting
from application.provider_commands import PROVIDER
from application.provider_look import Look, OutOfCalls
from domain.drift import Outcome, Place, Run
from domain.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.reconciliation_records import ReconciliationRecords
    from application.missed_events import MissedEvents
    from application.object_drift import ObjectDrift

log = structlog.get_logger()


class Reconciliation:
    def __init__(
        self, events: MissedEvents, objects: ObjectDrift, records: ReconciliationRecords, clock: Clock
    ) -> None:
        self._events = events
        self._objects = objects
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
        id = self._clock.new_id()
        look = Look(id, dry_run, calls, grace, self._clock.now(), say, partial(self._records.put, PROVIDER, id))
        if not self._records.claim(PROVIDER, id):
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
            self._events.look(look, place, since)
            if _pass_is_due(place, look, objects_every):
                self._objects.look(look, place)
        except OutOfCalls:
            outcome = Outcome.STOPPED
        except Unavailable as away:
            outcome, problem = Outcome.STOPPED, away.code
            place.not_before = self._clock.now() + timedelta(seconds=away.retry_after or 30)
            look.save(place)
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


def _pass_is_due(place: Place, look: Look, every: timedelta) -> bool:
    if place.pass_kind is not None or place.pass_ended_at is None:
        return True
    return look.started_at >= place.pass_ended_at + every


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
