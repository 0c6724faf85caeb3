"""Task messages: hints only. What must happen is in the log or the outbox, and a sweep makes up for lost ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Callbacks, Retries, ShutdownNotifications, TimeLimit

log = structlog.get_logger()

QUEUE = "usher"


def broker_for(url: str) -> dramatiq.Broker:
    """The broker at a Redis URL."""
    return RedisBroker(url=url, middleware=[AgeLimit(), TimeLimit(), ShutdownNotifications(), Callbacks(), Retries()])


class TaskQueue:
    """Sends by actor name, so that a sender needs none of the actors' code."""

    queue = QUEUE

    def __init__(self, broker: dramatiq.Broker) -> None:
        self.broker = broker
        self._is_away = False
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="task-queue")
        broker.declare_queue(QUEUE)

    def process_provider_event(self, provider_event_id: UUID) -> None:
        self._send("process_provider_event", str(provider_event_id))

    def process_provider_event_soon(self, provider_event_id: UUID) -> None:
        """For an event loop: sent later, by one thread; several at once would take a third of the loop's time."""
        self._sender.submit(self.process_provider_event, provider_event_id)

    def run_errand(self, errand_id: UUID) -> None:
        self._send("run_errand", str(errand_id))

    def expire_seats(self) -> None:
        self._send("expire_seats", max_age=10_000)

    def _send(self, actor: str, *args: str, **options: int) -> None:
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=QUEUE, actor_name=actor, args=args, kwargs={}, options=dict(options)
        )
        try:
            self.broker.enqueue(message)
            self._is_away = False
        except Exception as error:  # brokers raise their own; the sweep makes up for what is not sent now
            if not self._is_away:  # said once, however long it lasts
                log.warning("task.not_sent", actor=actor, error=type(error).__name__)
            self._is_away = True

    def close(self) -> None:
        self._sender.shutdown(cancel_futures=True)  # what is not sent by now is found by the sweep
        self.broker.close()
        if isinstance(self.broker, RedisBroker):  # whose own close leaves the connections open
            self.broker.client.connection_pool.disconnect()
