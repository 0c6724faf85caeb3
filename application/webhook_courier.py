"""Takes what is due to an endpoint there, one after the other, and writes down what came of it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from application.attribution import acting
from domain.webhook_delivery import has_failed_for_good, next_attempt, rests_until
from domain.webhook_endpoint import DisabledReason

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.clock import Clock
    from adapters.webhook_book import WebhookBook
    from adapters.webhook_deliveries import Delivery, WebhookDeliveries
    from adapters.webhook_post import Answer, Line, WebhookPost
    from application.webhook_endpoints import WebhookEndpoints
    from application.webhook_payloads import WebhookPayloads

log = structlog.get_logger()

AT_ONCE = 10
"""Deliveries claimed together: what a worker that dies keeps from others until its claims run out."""
_NOT_LONGER = 30.0
"""Seconds after which what is left of a claim is given back, well before it runs out."""
_GONE = 410


class WebhookCourier:
    """For any number of threads; no connection to Postgres is held while an endpoint is waited for."""

    def __init__(
        self,
        book: WebhookBook,
        deliveries: WebhookDeliveries,
        payloads: WebhookPayloads,
        post: WebhookPost,
        endpoints: WebhookEndpoints,
        clock: Clock,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._book = book
        self._deliveries = deliveries
        self._payloads = payloads
        self._post = post
        self._endpoints = endpoints
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()

    def run(self, endpoint_id: UUID, stop: threading.Event | None = None) -> bool:
        """Sends some of what is due; answers whether there may be more at once."""
        destination = self._book.destination(endpoint_id, self._clock.now())
        claimed = self._deliveries.claim(endpoint_id, now=self._clock.now(), limit=AT_ONCE) if destination else []
        if destination is None or not claimed:
            return False
        with self._post.to(destination.url, destination.secrets) as line:
            done, is_answering = self._send_each(line, claimed, stop)
        if done < len(claimed):
            self._deliveries.release(claimed[done:])
        return is_answering

    def outcomes(self) -> dict[str, int]:
        """How many attempts came to what since the last call."""
        with self._lock:
            counted, self._outcomes = self._outcomes, Counter()
        return dict(counted)

    def _send_each(self, line: Line, claimed: Sequence[Delivery], stop: threading.Event | None) -> tuple[int, bool]:
        """How many are settled, and whether the endpoint answers. Ends with the first that got no answer at all, so
        that an endpoint that hangs costs one time-out and not ten."""
        began = time.monotonic()
        for number, delivery in enumerate(claimed):
            if time.monotonic() - began > _NOT_LONGER or (stop is not None and stop.is_set()):
                return number, True
            answer = self._send(line, delivery)
            self._settle(delivery, answer)
            if answer is not None and answer.status is None:
                return number + 1, False
        return len(claimed), True

    def _send(self, line: Line, delivery: Delivery) -> Answer | None:
        """None: what is to be said cannot be, by a fault of ours."""
        try:
            body = self._payloads.body(delivery, delivery.feed_id if delivery.kind == "replay" else None)
        except Exception:
            log.exception("webhook_delivery.failed", delivery_id=str(delivery.delivery_id), type=delivery.type)
            return None
        return line.send(delivery.event_id, body)

    def _settle(self, delivery: Delivery, answer: Answer | None) -> None:
        now = self._clock.now()
        with self._lock:
            self._outcomes["fault" if answer is None else answer.error or "delivered"] += 1
        if answer is not None and answer.error is None:
            self._deliveries.delivered(delivery, answer, now)
            return
        self._deliveries.failed(delivery, answer, now, again_at=self._again_at(delivery, answer, now))
        if answer is not None and delivery.kind != "test":
            self._note_failure(delivery.endpoint_id, answer, now)

    def _again_at(self, delivery: Delivery, answer: Answer | None, now: datetime) -> datetime | None:
        if delivery.kind == "test":
            return None
        return next_attempt(
            delivery.failures + 1,
            first_tried_at=delivery.first_tried_at or now,
            now=now,
            chance=self._chance(),
            wish=answer.retry_after if answer else None,
        )

    def _note_failure(self, endpoint_id: UUID, answer: Answer, now: datetime) -> None:
        outage = self._deliveries.note_failure(endpoint_id, now)
        if answer.status == _GONE:
            self._disable(endpoint_id, DisabledReason.GONE)
        elif has_failed_for_good(outage.failures, failing_since=outage.failing_since, now=now):
            self._disable(endpoint_id, DisabledReason.FAILING)
        else:
            until = rests_until(outage.failures, now=now, chance=self._chance(), wish=answer.retry_after)
            self._deliveries.rest(endpoint_id, until)

    def _disable(self, endpoint_id: UUID, reason: DisabledReason) -> None:
        with acting("worker:webhooks"):
            self._endpoints.disable(endpoint_id, reason)
        log.warning("webhook_endpoint.disabled", endpoint_id=str(endpoint_id), reason=reason.value)
