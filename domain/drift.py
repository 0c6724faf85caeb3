"""What a payment provider has otherwise than we do, and how a look at it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.aggregate import Aggregate
from domain.provider_facts import Seen


class What(StrEnum):
    MISSED = "missed"  # an event that never reached us
    MISSING = "missing"  # an object of which we know nothing
    DIFFERS = "differs"  # an object that stands otherwise with us


@dataclass(frozen=True)
class Drift:
    """`fields` are those of our state that the provider has otherwise, e.g. `subscription.terms`, or `invoice` when we
    have none; of a missed event its type."""

    kind: str
    reference: str
    what: What
    fields: tuple[str, ...] = ()
    repaired: bool = False
    problem: str | None = None


class Outcome(StrEnum):
    COMPLETE = "complete"
    STOPPED = "stopped"  # as many calls as were allowed, or the provider asked for patience; it goes on from there


@dataclass(frozen=True)
class Run:
    """One look. `calls` to the provider; `events` and `objects` that were looked at."""

    id: UUID
    provider: str
    dry_run: bool
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    calls: int
    events: int
    objects: int
    drift: tuple[Drift, ...]
    problem: str | None = None

    @property
    def repaired(self) -> int:
        return sum(each.repaired for each in self.drift)

    @property
    def left(self) -> int:
        """How much of what was found stays as it is."""
        return len(self.drift) - self.repaired


@dataclass
class Place:
    """How far it has come; see the table `reconciliation_places`."""

    events_until: datetime | None = None
    events_goal: datetime | None = None
    events_after: str | None = None
    pass_began_at: datetime | None = None
    pass_kind: str | None = None
    pass_after: str | None = None
    pass_ended_at: datetime | None = None
    not_before: datetime | None = None


_BOOKKEEPING = frozenset({"_id", "_version", "_created_on", "_modified_on", "_pending_events"})


def differences(before: Aggregate | None, after: Aggregate) -> tuple[str, ...]:
    """In which of its fields an aggregate means something else than before; when it was told so does not count. One
    that is new differs as a whole."""
    kind = str(vars(type(after))["TOPIC"])
    if before is None:
        return (kind,)
    was, is_now = meaning(before), meaning(after)
    return tuple(f"{kind}.{name}" for name in sorted({*was, *is_now}) if was.get(name) != is_now.get(name))


def meaning(aggregate: Aggregate) -> dict[str, Any]:
    """Its state by field, without how new each part of it is and how it is kept."""
    return {name: _plain(value) for name, value in vars(aggregate).items() if name not in _BOOKKEEPING}


def _plain(value: Any) -> Any:
    """Without how new each part of it is."""
    if isinstance(value, Seen):
        return None
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [_plain(getattr(value, each.name)) for each in fields(value)]
    return value
