"""What workers do when a message comes: each actor with its retries, what is retried, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import dramatiq
import structlog
from dramatiq.errors import Retry

from application.attribution import acting
from domain.errors import ConcurrentChange, Unavailable

if TYPE_CHECKING:
    from adapters.bootstrap import Services

log = structlog.get_logger()

_MINUTE = 60_000  # milliseconds, in which Dramatiq counts
_EVENTS_EVERY = timedelta(minutes=5)
_OBJECTS_EVERY = timedelta(days=1)
_ON_ITS_WAY = timedelta(minutes=5)
"""What is younger is left to its webhook."""
_MOST_CALLS = 60
"""To the provider in one go: a request a second, where it takes a hundred from all of us."""


def declare(broker: dramatiq.Broker, queue: str, services: Services, wake: Callable[[UUID, UUID | None], None]) -> None:
    """Puts the actors on a broker. Every one is idempotent: a message may come twice, late, or never. `wake` begins
    deliveries to an endpoint of an owner, and returns at once."""

    def process_provider_event(id: str) -> None:
        """Five retries within some seconds when others were faster or a part is away. It ends in the event's state,
        or in the sweep, which comes back to it with growing pauses as long as it is not finished."""
        try:
            services.billing.process(UUID(id))
        except (Unavailable, ConcurrentChange) as error:
            raise Retry(type(error).__name__) from error
        except Exception as error:
            log.exception("provider_event.failed", provider_event_id=id, error=type(error).__name__)
            services.billing.fail(UUID(id), error)

    def finish_provider_command(desk_id: str) -> None:
        """Five retries within half a minute while the provider is away or still at it; then the sweep comes back."""
        try:
            services.provider_commands.finish(UUID(desk_id))
        except (Unavailable, ConcurrentChange) as error:
            raise Retry(type(error).__name__) from error

    def reconcile() -> None:
        """A bounded look, if one is due; the chore asks again."""
        if services.reconciliation is not None:
            services.reconciliation.run_if_due(
                every=_EVENTS_EVERY, objects_every=_OBJECTS_EVERY, grace=_ON_ITS_WAY, calls=_MOST_CALLS
            )

    def run_errand(id: str) -> None:
        """No retry: what fails stays in the outbox, which says when it is due again, and the sweep sends it."""
        try:
            with acting("worker:errands"):
                services.errands.run(UUID(id))
        except Unavailable:
            log.warning("errand.put_off", errand_id=id)

    def expire_seats() -> None:
        """No retry: the next message comes in two seconds."""
        try:
            with acting("worker:seats"):
                services.seat_work.expire_lapsed()
        except (Unavailable, ConcurrentChange) as error:
            log.warning("seats.not_expired", error=type(error).__name__)

    def deliver_webhooks(endpoint_id: str, owner: str) -> None:
        """Wakes the threads that deliver and waits for none of them: endpoints hang, other tasks must not. No retry:
        what is due stays so, and the sweep tells again."""
        wake(UUID(endpoint_id), UUID(owner) if owner else None)

    def make_export(id: str) -> None:
        """No retry: the sweep sends one that nobody is at again, and it goes on where it stopped."""
        try:
            services.exports.make(UUID(id))
        except Unavailable:
            log.warning("export.put_off", export_id=id)

    on = {"broker": broker, "queue_name": queue}
    dramatiq.actor(process_provider_event, **on, max_retries=5, min_backoff=200, max_backoff=5000, time_limit=_MINUTE)
    dramatiq.actor(
        finish_provider_command, **on, max_retries=5, min_backoff=1000, max_backoff=10000, time_limit=_MINUTE
    )
    dramatiq.actor(reconcile, **on, max_retries=0, time_limit=10 * _MINUTE)
    dramatiq.actor(run_errand, **on, max_retries=0, time_limit=5 * _MINUTE)
    dramatiq.actor(deliver_webhooks, **on, max_retries=0, time_limit=_MINUTE)
    dramatiq.actor(make_export, **on, max_retries=0, time_limit=60 * _MINUTE)
    dramatiq.actor(expire_seats, **on, max_retries=0, time_limit=5 * _MINUTE)
