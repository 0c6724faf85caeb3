"""The process that does tasks: webhooks become licences, errands are run, lapsed seats are freed, others are told."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dramatiq import Worker

from domain.errors import Unavailable
from workers import tasks
from workers.delivery_threads import DeliveryThreads

if TYPE_CHECKING:
    from adapters.bootstrap import Services

THREADS = 4
_LOOK_EVERY = 100
"""Milliseconds between two looks into an empty queue: what an idle engine takes to begin with a webhook."""
_STOP_WITHIN = 4000
"""Milliseconds for tasks under way to end; one that takes longer is done again by another worker."""


def run(services: Services, stop: threading.Event) -> None:
    """Works until `stop` is set, then ends what is under way and puts back what it holds."""
    broker, queue = services.task_queue.broker, services.task_queue.queue
    deliveries = DeliveryThreads(partial(services.webhook_courier.run, stop=stop))
    tasks.declare(broker, queue, services, deliveries.wake)
    worker = Worker(broker, queues={queue}, worker_threads=THREADS, worker_timeout=_LOOK_EVERY)
    worker.start()
    try:
        is_over = False
        while not is_over:
            services.process_beats.beat("worker")
            _count_deliveries(services)
            is_over = stop.wait(1.0)
    finally:
        worker.stop(timeout=_STOP_WITHIN)
        deliveries.close(_STOP_WITHIN / 1000)
        _count_deliveries(services)
        services.process_beats.stop("worker")


def _count_deliveries(services: Services) -> None:
    """For `/metrics`, which another process answers; counts of a second that Postgres was away for are lost."""
    with suppress(Unavailable):
        services.webhook_deliveries.count(services.webhook_courier.outcomes())
