"""An aggregate as it was: what happened to it until then, and the state that this made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from domain import durations
from domain.aggregate import Aggregate
from domain.durations import CalendarTerm
from domain.license import License
from domain.organization import Organization


def state_of(aggregate: Aggregate, now: datetime) -> dict[str, Any]:
    """All that is public of an aggregate, as JSON values: what it remembers and what it answers when asked.

    `now` is for the one answer that depends on it, a licence's status.
    """
    remembered = {name: value for name, value in vars(aggregate).items() if not name.startswith("_")}
    questions = [name for name, what in vars(type(aggregate)).items() if isinstance(what, property)]
    state = {"id": aggregate.id, **remembered, **{name: getattr(aggregate, name) for name in questions}}
    if isinstance(aggregate, License):
        state["status"] = aggregate.status(now)
    return {name: plain(value) for name, value in state.items()}


def owner_of(aggregate: Aggregate) -> UUID | None:
    """The organization it belongs to; None for what is the vendor's (plans, webhooks)."""
    if isinstance(aggregate, Organization):
        return aggregate.id
    owner: UUID | None = getattr(aggregate, "organization_id", None)
    return owner


def plain(value: Any) -> Any:
    """As JSON values: times in UTC with `Z`, durations in ISO 8601, sets in order."""
    match value:
        case None | bool() | float():
            return value
        case Enum():
            return value.value
        case str() | int():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return durations.text(value)
        case UUID() | Decimal() | CalendarTerm():
            return str(value)
        case Mapping():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case frozenset() | set():
            return sorted((plain(each) for each in value), key=str)
        case tuple() | list():
            return [plain(each) for each in value]
    return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
