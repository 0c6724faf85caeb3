"""The frozen samples: what the log holds of each kind of event, as it was first written."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

import domain
from adapters.event_codec import EventCodec
from domain.aggregate import Aggregate, Created, Event

FOLDER = Path(__file__).parent
STREAM = UUID("01934a6e-1c00-7000-8000-0000000000ff")


def event_classes() -> dict[str, type[Event]]:
    """Every kind of event that any aggregate of the domain can store, by topic."""
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        import_module(module.name)
    kinds = [kind for aggregate in Aggregate.__subclasses__() for kind in vars(aggregate).values() if _is_stored(kind)]
    return {kind.topic(): kind for kind in kinds}


def path_of(topic: str) -> Path:
    return FOLDER / f"{topic}.json"


def samples() -> dict[str, dict[str, Any]]:
    """Topic → the state as JSON."""
    read = (json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json")))
    return {sample["topic"]: sample["state"] for sample in read}


def decoded(topic: str, state: dict[str, Any]) -> Event:
    """The sample as the engine reads it."""
    version = 1 if issubclass(event_classes()[topic], Created) else 2
    event: Any = EventCodec().to_domain_event(StoredEvent(STREAM, version, topic, json.dumps(state).encode()))
    return event  # type: ignore[no-any-return]


def _is_stored(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Event) and hasattr(kind, "TOPIC")
