"""Reading single fields of Stripe's objects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

Payload = dict[str, Any]


class Nothing(Exception):
    """Nothing follows from an object; says why."""


def id_of(reference: str | Payload) -> str:
    """An expandable field: the id, or the object itself."""
    return reference if isinstance(reference, str) else reference["id"]


def maybe_id(reference: str | Payload | None) -> str | None:
    return id_of(reference) if reference else None


def time_of(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def maybe_time(epoch: int | None) -> datetime | None:
    return time_of(epoch) if epoch else None


def decimal_of(number: Any) -> Decimal | None:
    """A decimal string, or a JSON number by its digits; None when it is neither."""
    return Decimal(str(number)) if number is not None else None


def text_of(value: str | None) -> str | None:
    """Words of a person; PostgreSQL keeps no NUL. None for nothing."""
    return (value or "").replace("\0", "").strip() or None


def uuid_of(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None  # somebody else's reference


def customer_of(source: Payload) -> str:
    """Whose it is; `Nothing` when it says nobody's."""
    customer = maybe_id(source.get("customer")) or source.get("customer_account")
    if not customer:
        raise Nothing("it names no customer")
    return customer


def listed(page: Payload | None) -> Iterator[Payload]:
    """The entries of a list object, as many as it carries."""
    yield from (page or {}).get("data", ())
