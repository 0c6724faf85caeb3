"""Task messages: hints only. What must happen is in the log or the outbox, and a sweep makes up for lost ones."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, Callbacks, Retries, ShutdownNotifications, TimeLimit
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger()

QUEUE = "usher"
_PAUSE = 1.0
"""Seconds for which a broker that is away is left alone: a sweep with a hundred hints would wait for each."""


def broker_for(url: str) -> dramatiq.Broker:
    """The broker at a Redis URL. One that does not answer keeps nobody waiting for long."""
    client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 1))
    middleware = [AgeLimit(), TimeLimit(), ShutdownNotifications(), Callbacks(), Retries()]
    return RedisBroker(client=client, middleware=middleware)


class TaskQueue:
    """Sends by actor name, so that a sender needs none of the actors' code."""

    queue = QUEUE

    def __init__(self, broker: dramatiq.Broker) -> None:
        self.broker = broker
        self._is_away = False
        self._not_before = 0.0
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="task-queue")
        broker.declare_queue(QUEUE)

    def process_provider_event(self, provider_event_id: UUID) -> None:
        self._send("process_provider_event", str(provider_event_id))

    def process_provider_event_soon(self, provider_event_id: UUID) -> None:
        """For an event loop: sent later, by one thread; several at once would take a third of the loop's time."""
        self._sender.submit(self.process_provider_event, provider_event_id)

    def finish_provider_command(self, desk_id: UUID) -> None:
        self._send("finish_provider_command", str(desk_id))

    def reconcile(self) -> None:
        self._send("reconcile", max_age=60_000)

    def run_errand(self, errand_id: UUID) -> None:
        self._send("run_errand", str(errand_id))

    def deliver_webhooks(self, endpoint_id: UUID, owner: UUID | None) -> None:
        """Something is due to an endpoint of this organization (None: the vendor)."""
        self._send("deliver_webhooks", str(endpoint_id), "" if owner is None else str(owner), max_age=60_000)

    def make_export(self, export_id: UUID) -> None:
        self._send("make_export", str(export_id))

    def expire_seats(self) -> bool:
        """False when nobody could be told: what lapses is to be seen to all the same."""
        return self._send("expire_seats", max_age=10_000)

    def _send(self, actor: str, *args: str, **options: int) -> bool:
        if time.monotonic() < self._not_before:
            return False
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=QUEUE, actor_name=actor, args=args, kwargs={}, options=dict(options)
        )
        try:
            self.broker.enqueue(message)
            self._is_away = False
            return True
        except Exception as error:  # brokers raise their own; the sweep makes up for what is not sent now
            if not self._is_away:  # said once, however long it lasts
                log.warning("task.not_sent", actor=actor, error=type(error).__name__)
            self._is_away = True
            self._not_before = time.monotonic() + _PAUSE
            return False

    def close(self) -> None:
        self._sender.shutdown(cancel_futures=True)  # what is not sent by now is found by the sweep
        self.broker.close()
        if isinstance(self.broker, RedisBroker):  # whose own close leaves the connections open
            self.broker.client.connection_pool.disconnect()
