"""The process that does tasks: webhooks become licences, errands are run, lapsed seats are freed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dramatiq import Worker

from workers import tasks

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
    tasks.declare(broker, queue, services)
    worker = Worker(broker, queues={queue}, worker_threads=THREADS, worker_timeout=_LOOK_EVERY)
    worker.start()
    try:
        while not stop.wait(1.0):
            services.process_beats.beat("worker")
    finally:
        worker.stop(timeout=_STOP_WITHIN)
        services.process_beats.stop("worker")
