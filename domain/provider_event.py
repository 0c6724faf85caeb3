"""A payment provider's webhook: received once, processed once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.ids import provider_event_id


class Status(StrEnum):
    RECEIVED = "received"
    DEFERRED = "deferred"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


class ProviderEvent(Aggregate):
    """One webhook. Its stream's id is derived from the provider's event id, so a second delivery cannot begin a
    second stream, and "processed" is saved in one transaction with all its consequences.

    The raw body is in `provider_payloads`: it is personal data, and can be purged.
    """

    TOPIC = "provider_event"

    if TYPE_CHECKING:
        provider: str
        event: str
        type: str
        occurred_at: datetime
        status: Status
        waiting_for: str | None
        problem: str | None  # why it was ignored, or the kind of the fault it failed with
        consequences: tuple[UUID, ...]
        remarks: tuple[str, ...]

    @classmethod
    def receive(cls, *, provider: str, event: str, type: str, occurred_at: datetime, now: datetime) -> ProviderEvent:
        return cls.begin(
            cls.Received,
            id=provider_event_id(provider, event),
            now=now,
            provider=provider,
            event=event,
            type=type,
            occurred_at=occurred_at,
        )

    def process(self, *, consequences: tuple[UUID, ...], now: datetime, remarks: tuple[str, ...] = ()) -> None:
        """All consequences are in the same save; `consequences` names the streams that were touched, `remarks` says
        what was odd about the report."""
        if not self.is_finished:
            self.record(self.Processed, now=now, consequences=consequences, remarks=remarks)

    def defer(self, *, waiting_for: str, now: datetime) -> None:
        """The object it depends on is not known yet, e.g. `subscription/sub_1A…`. Deferring twice is once."""
        if not self.is_finished and (self.status, self.waiting_for) != (Status.DEFERRED, waiting_for):
            self.record(self.Deferred, now=now, waiting_for=waiting_for)

    def ignore(self, *, reason: str, now: datetime) -> None:
        """Nothing here follows from it, and nothing will."""
        if not self.is_finished:
            self.record(self.Ignored, now=now, reason=reason)

    def fail(self, *, error: str, now: datetime) -> None:
        """Processing broke; it stays visible and is tried again. `error` names the kind, never the content."""
        if not self.is_finished and self.status is not Status.FAILED:
            self.record(self.Failed, now=now, error=error)

    def retry(self, *, now: datetime) -> None:
        """A person wants it tried again; an event that was ignored may be known by now."""
        if self.status in (Status.FAILED, Status.DEFERRED, Status.IGNORED):
            self.record(self.Retried, now=now)

    @property
    def is_finished(self) -> bool:
        return self.status in (Status.PROCESSED, Status.IGNORED)

    class Received(Created):
        TOPIC = "provider_event.received"
        provider: str
        event: str
        type: str
        occurred_at: datetime

        def apply(self, received: ProviderEvent) -> None:
            received.provider = self.provider
            received.event = self.event
            received.type = self.type
            received.occurred_at = self.occurred_at
            received.status = Status.RECEIVED
            received.waiting_for = None
            received.problem = None
            received.consequences = ()
            received.remarks = ()

    class Processed(Aggregate.Event):
        TOPIC = "provider_event.processed"
        consequences: tuple[UUID, ...]
        remarks: tuple[str, ...] = ()

        def apply(self, received: ProviderEvent) -> None:
            received.status = Status.PROCESSED
            received.waiting_for = None
            received.problem = None
            received.consequences = self.consequences
            received.remarks = self.remarks

    class Deferred(Aggregate.Event):
        TOPIC = "provider_event.deferred"
        waiting_for: str

        def apply(self, received: ProviderEvent) -> None:
            received.status = Status.DEFERRED
            received.waiting_for = self.waiting_for
            received.problem = None

    class Ignored(Aggregate.Event):
        TOPIC = "provider_event.ignored"
        reason: str

        def apply(self, received: ProviderEvent) -> None:
            received.status = Status.IGNORED
            received.waiting_for = None
            received.problem = self.reason

    class Failed(Aggregate.Event):
        TOPIC = "provider_event.failed"
        error: str

        def apply(self, received: ProviderEvent) -> None:
            received.status = Status.FAILED
            received.waiting_for = None
            received.problem = self.error

    class Retried(Aggregate.Event):
        TOPIC = "provider_event.retried"

        def apply(self, received: ProviderEvent) -> None:
            received.status = Status.RECEIVED
            received.waiting_for = None
            received.problem = None
