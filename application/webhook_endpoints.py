"""Endpoints that are told of facts: added, changed, tried, told again, removed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.store import Store
from domain.errors import AlreadyRecorded, ConcurrentChange, Conflict, InvalidRequest, NotFound
from domain.public_events import TEST, checked_filters
from domain.webhook_endpoint import LONGEST_OVERLAP, DisabledReason, Replay, WebhookEndpoint

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.database import Row
    from adapters.webhook_book import KnownEndpoint, WebhookBook
    from adapters.webhook_deliveries import WebhookDeliveries
    from adapters.webhook_delivery_log import LoggedDelivery, WebhookDeliveryLog

MOST_OF_ORGANIZATION = 16
MOST_OF_VENDOR = 32
MOST_REPLAYS = 3
"""Of one endpoint at a time."""
_ATTEMPTS = 8
_SECRET_BYTES = 32


class NewEndpointSecret(NamedTuple):
    """The only time that anybody sees the secret."""

    endpoint: KnownEndpoint
    secret: str


@dataclass(frozen=True)
class Changes:
    """What is to be different about an endpoint; None: nothing. `description` counts when `is_described`."""

    url: str | None = None
    types: Sequence[str] | None = None
    description: str | None = None
    is_described: bool = False
    enabled: bool | None = None
    from_position: int | None = None


class WebhookEndpoints:
    """`check_url` raises `InvalidRequest` for a URL that nothing is sent to, `make_secret` makes one of random bytes,
    `wake` tells the workers that something is due."""

    def __init__(
        self,
        store: Store,
        book: WebhookBook,
        deliveries: WebhookDeliveries,
        log: WebhookDeliveryLog,
        clock: Clock,
        *,
        check_url: Callable[[str], None],
        make_secret: Callable[[bytes], str],
        wake: Callable[[UUID, UUID | None], None],
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._book = book
        self._deliveries = deliveries
        self._log = log
        self._clock = clock
        self._check_url = check_url
        self._make_secret = make_secret
        self._wake = wake
        self._entropy = entropy

    def find(self, endpoint_id: UUID) -> KnownEndpoint:
        """`NotFound` when there is none."""
        found = self._book.with_id(endpoint_id)
        if found is None:
            raise NotFound.of("webhook endpoint", endpoint_id)
        return found

    def live(
        self, organization_id: UUID | None, *, after: tuple[datetime, UUID] | None = None, limit: int = 25
    ) -> Sequence[KnownEndpoint]:
        """Oldest first; everybody's when None."""
        return self._book.live(organization_id=organization_id, after=after, limit=limit)

    def add(
        self,
        organization_id: UUID | None,
        *,
        url: str,
        types: Iterable[str],
        description: str | None = None,
        enabled: bool = True,
    ) -> NewEndpointSecret:
        """An endpoint of an organization, or of the vendor when None; it is told from now on. `InvalidRequest`, and
        `Conflict` when there are as many as may be."""
        filters = checked_filters(types)
        self._check_url(url)
        secret = self._make_secret(self._entropy(_SECRET_BYTES))
        for _ in range(_ATTEMPTS):
            endpoint = WebhookEndpoint.add(
                id=self._clock.new_id(),
                organization_id=organization_id,
                url_digest=self._book.digest(url),
                types=filters,
                now=self._clock.now(),
            )
            if not enabled:
                endpoint.disable(DisabledReason.BY_HAND, now=self._clock.now())
            slot = self._free_slot(organization_id)
            row = self._book.enter(endpoint, slot=slot, url=url, description=description, secret=secret)
            try:
                self._store.add(endpoint, rows=[row])
            except AlreadyRecorded:
                continue  # another one took the slot
            return NewEndpointSecret(self.find(endpoint.id), secret)
        raise ConcurrentChange(retry_after=1)

    def change(self, endpoint_id: UUID, wanted: Changes) -> KnownEndpoint:
        """All of it or nothing. `InvalidRequest`, `NotFound`, `Conflict` when it is enabled and a position is given."""
        types = None if wanted.types is None else checked_filters(wanted.types)
        if wanted.url is not None:
            self._check_url(wanted.url)
        if wanted.from_position is not None:
            self._check_position("from_position", wanted.from_position)
        steps = list(self._steps(endpoint_id, replace(wanted, types=types)))

        def decide(endpoint: WebhookEndpoint) -> None:
            for _, step in steps:
                step(endpoint)

        self._change(endpoint_id, decide, [row for row, _ in steps])
        return self.find(endpoint_id)

    def _steps(self, id: UUID, wanted: Changes) -> Iterator[tuple[Row, Callable[[WebhookEndpoint], None]]]:
        """Each change as a row and as a fact."""
        now, book = self._clock.now(), self._book
        if wanted.url is not None:
            digest = book.digest(wanted.url)
            yield book.redirect(id, wanted.url), lambda endpoint: endpoint.redirect(digest, now=now)
        if wanted.types is not None:
            types = tuple(wanted.types)
            yield book.filter(id, types), lambda endpoint: endpoint.filter(types, now=now)
        if wanted.is_described:
            yield book.describe(id, wanted.description), lambda endpoint: endpoint.describe(now=now)
        if wanted.enabled is True:
            yield book.enable(id), lambda endpoint: endpoint.enable(wanted.from_position, now=now)
        if wanted.enabled is False:
            reason = DisabledReason.BY_HAND
            yield book.disable(id, reason), lambda endpoint: endpoint.disable(reason, now=now)

    def disable(self, endpoint_id: UUID, reason: DisabledReason) -> None:
        """Nothing more is sent. The first reason stands; one that was removed meanwhile stays so."""
        now, rows = self._clock.now(), [self._book.disable(endpoint_id, reason)]
        with suppress(NotFound):
            self._change(endpoint_id, lambda endpoint: endpoint.disable(reason, now=now), rows)

    def rotate_secret(self, endpoint_id: UUID, overlap: timedelta) -> NewEndpointSecret:
        """A new secret; the former one signs beside it for `overlap`, at most seven days."""
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest.field("overlap", f"must be from PT0S to P{LONGEST_OVERLAP.days}D")
        secret, now = self._make_secret(self._entropy(_SECRET_BYTES)), self._clock.now()
        rows = [self._book.rotate(endpoint_id, secret, now + overlap)]
        self._change(endpoint_id, lambda endpoint: endpoint.rotate_secret(overlap=overlap, now=now), rows)
        return NewEndpointSecret(self.find(endpoint_id), secret)

    def remove(self, endpoint_id: UUID) -> None:
        """For good: address and secrets are forgotten. Twice is once."""
        now, rows = self._clock.now(), [self._book.remove(endpoint_id)]
        self._store.change(WebhookEndpoint, endpoint_id, lambda endpoint: endpoint.remove(now=now), rows=rows)

    def remove_erased(self) -> None:
        """Removes endpoints whose address was erased with the last person of their organization."""
        for endpoint_id in self._book.erased():
            self.remove(endpoint_id)

    def replay(
        self,
        endpoint_id: UUID,
        *,
        from_position: int,
        to_position: int | None = None,
        types: Iterable[str] | None = None,
    ) -> Replay:
        """Tells it once more of what happened from a position to another (both included; None: to now). `Conflict` when
        it is disabled, or has three replays running."""
        known, last = self.find(endpoint_id), self._store.recorder.max_notification_id() or 0
        until = last if to_position is None else to_position
        self._check_position("from_position", from_position)
        if not from_position <= until <= last:
            raise InvalidRequest.field("to_position", f"must be from from_position to {last}, the end of the log")
        filters = known.types if types is None else checked_filters(types)
        replay_id, now = self._clock.new_id(), self._clock.now()

        def begin(endpoint: WebhookEndpoint) -> None:
            if self._log.running(endpoint.replays) >= MOST_REPLAYS:
                raise Conflict(f"{MOST_REPLAYS} replays to this endpoint are running; wait for one or stop it.")
            endpoint.replay(replay_id, from_position=from_position, to_position=until, types=filters, now=now)

        self._change(endpoint_id, begin)
        return Replay(replay_id, from_position, until, list(filters), "running", from_position - 1, now)

    def stop_replay(self, endpoint_id: UUID, replay_id: UUID) -> None:
        """What of it waits is not sent. `NotFound`; twice is once."""
        now = self._clock.now()
        self._change(endpoint_id, lambda endpoint: endpoint.stop_replay(replay_id, now=now))

    def test(self, endpoint_id: UUID) -> LoggedDelivery:
        """Sends a signed event that says nothing, once, also to an endpoint that is disabled."""
        endpoint, id = self.find(endpoint_id), self._clock.new_id()
        self._deliveries.enter_test(endpoint_id, endpoint.organization_id, TEST, id, self._clock.now())
        self._wake(endpoint_id, endpoint.organization_id)
        return self.delivery(id)

    def delivery(self, delivery_id: UUID) -> LoggedDelivery:
        """`NotFound` when there is none (any more)."""
        found = self._log.find(delivery_id)
        if found is None:
            raise NotFound.of("webhook delivery", delivery_id)
        return found

    def retry(self, delivery_id: UUID) -> LoggedDelivery:
        """Sends a delivery now, whatever became of it; `Conflict` when its endpoint is disabled."""
        delivery = self.delivery(delivery_id)
        endpoint = self.find(delivery.endpoint_id)
        if endpoint.disabled is not None and not delivery.is_test:
            raise Conflict("The endpoint of this delivery is disabled; enable it first.")
        self._deliveries.retry(delivery_id, endpoint.endpoint_id, self._clock.now())
        self._wake(endpoint.endpoint_id, endpoint.organization_id)
        return self.delivery(delivery_id)

    def _change(
        self, endpoint_id: UUID, decide: Callable[[WebhookEndpoint], None], rows: Sequence[Row] = ()
    ) -> WebhookEndpoint:
        return self._store.change(WebhookEndpoint, endpoint_id, decide, rows=rows)

    def _check_position(self, field: str, position: int) -> None:
        last = self._store.recorder.max_notification_id() or 0
        if not 1 <= position <= last + 1:
            raise InvalidRequest.field(field, f"must be from 1 to {last}, the end of the log")

    def _free_slot(self, organization_id: UUID | None) -> int:
        most = MOST_OF_VENDOR if organization_id is None else MOST_OF_ORGANIZATION
        free = set(range(1, most + 1)) - self._book.slots(organization_id)
        if not free:
            raise Conflict(f"There are {most} webhook endpoints, as many as may be; remove one first.")
        return min(free)
