"""A look at what a payment provider has: what it is asked for, and how much of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.drift import Drift, Place
from domain.provider_answers import ListedEvent, ListedObject, Page
from domain.provider_facts import ProviderFact


class Ledger(Protocol):
    """What reconciliation asks of a provider's adapter. All of it raises `Unavailable` when the provider is away, and
    `LookupError` when the place in a list is gone that a page is asked for after."""

    kinds: Sequence[str]

    def events(self, *, since: datetime, until: datetime, after: str | None) -> Page[ListedEvent]:
        """Those that concern us, newest first."""

    def objects(self, kind: str, *, after: str | None) -> Page[ListedObject]:
        """All of a kind, newest first."""

    def look_up(self, reference: str) -> Sequence[ProviderFact] | None:
        """One object anew, with everything that belongs to it; None where the list says as much."""

    def on_their_way(self, since: datetime) -> frozenset[str]:
        """The ids that are named by events since then, whose webhooks may still come."""


class OutOfCalls(Exception):
    """As many as were allowed."""


@dataclass
class Look:
    """A run under way."""

    id: UUID
    dry_run: bool
    calls_left: int
    grace: timedelta
    started_at: datetime
    say: Callable[[str, int], None]
    keep: Callable[[Place], None]
    calls: int = 0
    events: int = 0
    objects: int = 0
    drift: list[Drift] = field(default_factory=list)

    def spend(self) -> None:
        self.calls_left -= 1
        self.calls += 1

    def spend_on_a_page(self) -> None:
        """Between pages is where it may stop: in the middle of one it could never come past what cannot be repaired."""
        if self.calls_left <= 0:
            raise OutOfCalls
        self.spend()

    def save(self, place: Place) -> None:
        """How far it has come; a dry run comes nowhere."""
        if not self.dry_run:
            self.keep(place)
