"""`python -m tests.stored_events` writes a sample of every event class that has none yet, or none of its newest shape.

It never touches one that exists: a sample is what some database holds, and must decode for ever.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.aggregate import Event
from tests.stored_events.samples import STREAM, decoded, encoded, event_classes, name_of, path_of, samples, topic_of

WHEN = datetime(2026, 11, 20, 12, 0, 0, 123456, UTC)
PLAIN: dict[type, Any] = {
    bool: True,
    int: 3,
    UUID: UUID("01934a6e-1c00-7000-8000-000000000001"),
    datetime: datetime(2027, 3, 3, 10, tzinfo=UTC),
    timedelta: timedelta(days=7),
    Decimal: Decimal("0.8"),
}
TEXTS = {
    "currency": "usd",
    "customer": "cus_1A",
    "digest": "9fdf150cfe9b9df16abca3a5705855f6a408987c1dce6024c003792e89a8e04e",
    "dispute": "du_1A",
    "event": "evt_1A",
    "hint": "CODI-…-7K2QX",
    "number": "A-17",
    "payment": "ch_1A",
    "plan": "pro",
    "price": "pro-monthly",
    "product": "coditect",
    "provider": "stripe",
    "provider_id": "in_1A",
    "type": "invoice.paid",
    "waiting_for": "subscription/sub_1A",
}


def example(of: Any, name: str = "") -> Any:
    """A value of a declared type; of choices the first that says something, of dataclasses every field."""
    if of is str:
        return TEXTS.get(name, f"some {name.replace('_', ' ')}")
    if of in PLAIN:
        return PLAIN[of]
    if get_origin(of) in (Union, UnionType):
        return example(next(each for each in get_args(of) if each is not NoneType), name)
    if get_origin(of) is Literal:
        return get_args(of)[0]
    if get_origin(of) in (tuple, frozenset):
        return get_origin(of)([example(get_args(of)[0], name)])
    if get_origin(of) in (dict, Mapping):
        return {example(get_args(of)[0], "name"): example(get_args(of)[1], name)}
    if isinstance(of, type) and issubclass(of, Enum):
        return next(iter(of))
    return of(**_fields(of))


def write_missing() -> list[str]:
    """Answers the names of what was written."""
    missing = {name: kind for topic, kind in event_classes().items() if (name := _missing(topic))}
    for name, kind in missing.items():
        sample = {"topic": kind.topic(), "state": encoded(_event(kind))}
        path_of(name).write_text(json.dumps(sample, indent=2, ensure_ascii=False) + "\n")
    return sorted(missing)


def _missing(topic: str) -> str | None:
    """The name of the sample to be written; None when the newest one is what would be stored today."""
    shapes = [state for name, state in samples().items() if topic_of(name) == topic]
    if shapes and encoded(decoded(topic, shapes[-1])) == shapes[-1]:
        return None
    return name_of(topic, len(shapes) + 1)


def _event(kind: type[Event]) -> Any:
    place = {"originator_id": STREAM, "originator_version": 2, "timestamp": WHEN}
    if "originator_topic" in kind.__dataclass_fields__:
        place |= {"originator_version": 1, "originator_topic": kind.topic().split(".")[0]}
    build: Any = kind
    return build(**place, **{name: value for name, value in _fields(kind).items() if name not in place})


def _fields(of: Any) -> dict[str, Any]:
    hints = get_type_hints(of)
    names = [field.name for field in dataclasses.fields(of)] if dataclasses.is_dataclass(of) else of._fields
    return {name: example(hints[name], name) for name in names if name not in ("originator_id", "originator_version")}


if __name__ == "__main__":
    for name in write_missing():
        print(f"{name}.json")
