"""An address of a customer or of the vendor that is told of facts as they happen."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, NotFound

LONGEST_OVERLAP = timedelta(days=7)


class DisabledReason(StrEnum):
    """Why an endpoint is told nothing more."""

    BY_HAND = "by_hand"
    FAILING = "failing"  # nothing but failures for days
    GONE = "gone"  # it answered 410


class Replay(NamedTuple):
    """`state` is running, stopped or finished; everything up to `position` was handed over for delivery."""

    id: UUID
    from_position: int
    to_position: int
    types: list[str]
    state: str
    position: int
    created_at: datetime


class WebhookEndpoint(Aggregate):
    """Of an organization, which is told of its own facts, or of the vendor (`organization_id` None), told of all.

    Its URL, its description and its secrets are not in the log: a URL may hold a token or a person's name. They are
    kept in `webhook_endpoints`; the log knows the URL's digest.
    """

    TOPIC = "webhook_endpoint"

    if TYPE_CHECKING:
        organization_id: UUID | None
        url_digest: str
        types: tuple[str, ...]
        disabled: DisabledReason | None
        former_secret_until: datetime | None
        replays: frozenset[UUID]  # that were not stopped; when one is finished, the log does not say
        stopped_replays: frozenset[UUID]
        is_removed: bool

    @classmethod
    def add(
        cls, *, id: UUID, organization_id: UUID | None, url_digest: str, types: tuple[str, ...], now: datetime
    ) -> WebhookEndpoint:
        """`types` are filters that `domain/public_events.py` has checked."""
        return cls.begin(cls.Added, id=id, now=now, organization_id=organization_id, url_digest=url_digest, types=types)

    def redirect(self, url_digest: str, *, now: datetime) -> None:
        """Another URL, for what waits as well. `NotFound` when it was removed, here and below."""
        self._require_there()
        if url_digest != self.url_digest:
            self.record(self.Redirected, now=now, url_digest=url_digest)

    def describe(self, *, now: datetime) -> None:
        """The description itself may be about a person and stays out of the log."""
        self._require_there()
        self.record(self.Described, now=now)

    def filter(self, types: tuple[str, ...], *, now: datetime) -> None:
        """From this event of the log on it is told of other types."""
        self._require_there()
        if types != self.types:
            self.record(self.Filtered, now=now, types=types)

    def rotate_secret(self, *, overlap: timedelta, now: datetime) -> None:
        """Another secret; the former one signs beside it for `overlap`."""
        self._require_there()
        self.record(self.SecretRotated, now=now, former_until=now + overlap)

    def enable(self, from_position: int | None, *, now: datetime) -> None:
        """From now on, or from an earlier position of the log; `Conflict` when it is on and a position is given."""
        self._require_there()
        if self.disabled is not None:
            self.record(self.Enabled, now=now, from_position=from_position)
        elif from_position is not None:
            raise Conflict("This endpoint is enabled; replay what it should be told again.")

    def disable(self, reason: DisabledReason, *, now: datetime) -> None:
        """What waits is not sent any more. Twice is once."""
        self._require_there()
        if self.disabled is None:
            self.record(self.Disabled, now=now, reason=reason)

    def replay(
        self, replay_id: UUID, *, from_position: int, to_position: int, types: tuple[str, ...], now: datetime
    ) -> None:
        """Tells it once more of what happened between two positions, both included."""
        self._require_there()
        if self.disabled is not None:
            raise Conflict("This endpoint is disabled; enable it first.")
        self.record(
            self.ReplayStarted,
            now=now,
            replay_id=replay_id,
            from_position=from_position,
            to_position=to_position,
            types=types,
        )

    def stop_replay(self, replay_id: UUID, *, now: datetime) -> None:
        """`NotFound` for one that there never was; twice is once."""
        self._require_there()
        if replay_id not in self.replays | self.stopped_replays:
            raise NotFound.of("replay", replay_id)
        if replay_id in self.replays:
            self.record(self.ReplayStopped, now=now, replay_id=replay_id)

    def remove(self, *, now: datetime) -> None:
        """For good; twice is once."""
        if not self.is_removed:
            self.record(self.Removed, now=now)

    def _require_there(self) -> None:
        if self.is_removed:
            raise NotFound.of("webhook endpoint", self.id)

    class Added(Created):
        TOPIC = "webhook_endpoint.added"
        organization_id: UUID | None
        url_digest: str
        types: tuple[str, ...]

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.organization_id = self.organization_id
            endpoint.url_digest = self.url_digest
            endpoint.types = self.types
            endpoint.disabled = None
            endpoint.former_secret_until = None
            endpoint.replays = frozenset()
            endpoint.stopped_replays = frozenset()
            endpoint.is_removed = False

    class Redirected(Aggregate.Event):
        TOPIC = "webhook_endpoint.redirected"
        url_digest: str

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.url_digest = self.url_digest

    class Described(Aggregate.Event):
        TOPIC = "webhook_endpoint.described"

    class Filtered(Aggregate.Event):
        TOPIC = "webhook_endpoint.filtered"
        types: tuple[str, ...]

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.types = self.types

    class SecretRotated(Aggregate.Event):
        TOPIC = "webhook_endpoint.secret_rotated"
        former_until: datetime

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.former_secret_until = self.former_until

    class Enabled(Aggregate.Event):
        """From `from_position` of the log on (included); None: from this event on."""

        TOPIC = "webhook_endpoint.enabled"
        from_position: int | None

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.disabled = None

    class Disabled(Aggregate.Event):
        TOPIC = "webhook_endpoint.disabled"
        reason: DisabledReason

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.disabled = self.reason

    class ReplayStarted(Aggregate.Event):
        TOPIC = "webhook_endpoint.replay_started"
        replay_id: UUID
        from_position: int
        to_position: int
        types: tuple[str, ...]

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.replays |= {self.replay_id}

    class ReplayStopped(Aggregate.Event):
        TOPIC = "webhook_endpoint.replay_stopped"
        replay_id: UUID

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.replays -= {self.replay_id}
            endpoint.stopped_replays |= {self.replay_id}

    class Removed(Aggregate.Event):
        TOPIC = "webhook_endpoint.removed"

        def apply(self, endpoint: WebhookEndpoint) -> None:
            endpoint.is_removed = True
