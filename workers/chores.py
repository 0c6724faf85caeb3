"""What comes up with time: deadlines, what no worker has taken, sessions that the seat pool has lost, old rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import structlog

from application.attribution import acting
from domain.errors import Unavailable
from projections.deadlines import Deadline, due
from projections.overages import due_overages
from projections.provider_commands import open_desks
from projections.provider_events import unprocessed
from projections.reminders import DueReminder, due_reminders
from projections.seats import occupied
from projections.webhook_feeds import Owner
from workers.patience import Patience
from workers.timetable import Chore

if TYPE_CHECKING:
    from adapters.bootstrap import Services

log = structlog.get_logger()

T = TypeVar("T")

_HINT_LOST = timedelta(seconds=5)
_COMMAND_LOST = timedelta(minutes=1)
_LATEST = timedelta(hours=1)
_MOST = 5_000
"""Of one kind looked at in one go."""
_AT_ONCE = 100
"""Deadlines settled in one go: about a second, in which no other chore is done."""


def chores(services: Services) -> list[Chore]:
    """All of them; each is idempotent and may be left in the middle."""
    deadlines, webhooks, errands = Patience[Deadline](), Patience[UUID](), Patience[UUID](first=10.0)
    reminders = Patience[DueReminder]()
    exports, overages = Patience[UUID](), Patience[UUID]()
    commands = Patience[UUID](first=30.0)
    feeds, deliveries = services.webhook_feeds(), Patience[Owner](longest=30.0)

    def settle_deadlines() -> None:
        with services.database.connection() as connection:
            found = due(connection, now=services.clock.now(), limit=_MOST)
        for deadline in deadlines.due(found, time.monotonic(), most=_AT_ONCE):
            _apart("deadline.failed", partial(_settle, services), deadline, license_id=deadline.license_id)

    def tell_ahead() -> None:
        with services.database.connection() as connection:
            found = due_reminders(connection, now=services.clock.now(), limit=_MOST)
        for reminder in reminders.due(found, time.monotonic(), most=_AT_ONCE):
            remind = partial(services.reminding.remind, reminder.stream)
            _apart("reminder.failed", remind, reminder.stream_id, stream_id=reminder.stream_id)

    def sweep_webhooks() -> None:
        for id in webhooks.due(_open_webhooks(services), time.monotonic()):
            services.task_queue.process_provider_event(id)

    def sweep_provider_commands() -> None:
        """Those whose process has had time enough to store an outcome, and has not."""
        before = services.clock.now() - _COMMAND_LOST
        with services.database.connection() as connection:
            found = open_desks(connection, before=before, limit=_MOST)
        for desk_id in commands.due(found, time.monotonic()):
            services.task_queue.finish_provider_command(desk_id)

    def sweep_errands() -> None:
        for id in errands.due(services.outbox.due(_MOST), time.monotonic()):
            services.task_queue.run_errand(id)

    def bring_feeds_on() -> None:
        with services.database.connection() as connection:
            for endpoint_id, owner in feeds.bring_on(connection):
                services.task_queue.deliver_webhooks(endpoint_id, owner)

    def sweep_deliveries() -> None:
        found = services.webhook_deliveries.due_endpoints(services.clock.now(), _MOST)
        for endpoint_id, owner in deliveries.due(found, time.monotonic()):
            services.task_queue.deliver_webhooks(endpoint_id, owner)

    def expire_seats() -> None:
        """By a worker, or here while the broker is away: seats lapse then, too."""
        if not services.task_queue.expire_seats():
            with acting("worker:seats"):
                services.seat_work.expire_lapsed()

    def revive_seats() -> None:
        with services.database.connection() as connection:
            found = occupied(connection)
        services.seat_work.revive(found)

    def lapse_tickets() -> None:
        with acting("worker:queue"):
            services.ticket_endings.lapse_overdue()

    def sweep_exports() -> None:
        for id in exports.due(services.exports.waiting(), time.monotonic()):
            services.task_queue.make_export(id)

    def delete_who_asked() -> None:
        with acting("worker:deletions"):
            services.deletions.remind()
            services.deletions.run_due()

    def measure_overages() -> None:
        with services.database.connection() as connection:
            found = due_overages(connection, now=services.clock.now(), limit=_MOST)
        for id in overages.due(found, time.monotonic(), most=_AT_ONCE):
            with acting("worker:overages", f"overage:{id}"):
                _apart("overage.failed", services.overages.measure, id, overage_id=id)

    def retain() -> None:
        services.rate_limit.purge()
        services.retention.run()
        now = services.clock.now()
        services.device_requests.purge(now)
        services.familiar_devices.purge(now)
        services.email_changes.purge(now)
        services.linked_identities.purge(now)
        services.second_factor_secrets.purge(now - timedelta(days=1))
        services.token_grants.purge(now)
        services.reconciliation_records.purge(now)

    return [
        Chore(1, settle_deadlines),
        Chore(1, tell_ahead),
        Chore(2, expire_seats),
        Chore(2, lapse_tickets),
        Chore(1, bring_feeds_on),
        Chore(2, sweep_deliveries),
        Chore(5, sweep_webhooks),
        Chore(5, sweep_errands),
        Chore(5, sweep_provider_commands),
        Chore(15, revive_seats),
        Chore(5, measure_overages),
        Chore(60, services.task_queue.reconcile),
        Chore(60, services.mailer.report_lost),
        Chore(5, sweep_exports),
        Chore(60, retain),
        Chore(60, delete_who_asked),
    ]


def _open_webhooks(services: Services) -> set[UUID]:
    """The read model knows all of them, but only up to where it stands; the log is asked for the latest."""
    before = services.clock.now() - _HINT_LOST
    with services.database.connection() as connection:
        known = {row["provider_event_id"] for row in unprocessed(connection, before=before, limit=_MOST)}
    latest = services.provider_records.unprocessed(received_before=before, received_after=before - _LATEST, limit=_MOST)
    return known.union(latest)


def _apart(failure: str, act: Callable[[T], object], of: T, **ids: UUID) -> None:
    """One that cannot be done must not keep the others from it; it is logged as `failure`, with its `ids`."""
    try:
        act(of)
    except Unavailable:
        raise
    except Exception as error:
        log.exception(failure, error=type(error).__name__, **{name: str(id) for name, id in ids.items()})


def _settle(services: Services, deadline: Deadline) -> None:
    if deadline.subscription_id is not None:
        services.billing.settle(deadline.subscription_id)
        return
    with acting("worker:deadlines", f"license:{deadline.license_id}"):
        services.licenses.expire(deadline.license_id)
