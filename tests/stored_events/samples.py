"""The frozen samples: what the log holds of each kind of event, as it was first written.

`plan.published.json` is the first shape of an event, `plan.published.2.json` what it became when fields were added.
"""

from __future__ import annotations

import json
import pkgutil
import re
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


def name_of(topic: str, shape: int) -> str:
    """What the sample of an event's nth shape is called."""
    return topic if shape == 1 else f"{topic}.{shape}"


def topic_of(name: str) -> str:
    return re.sub(r"\.\d+$", "", name)


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


def samples() -> dict[str, dict[str, Any]]:
    """Name → the state as JSON; the shapes of an event in their order."""
    return {path.stem: json.loads(path.read_text())["state"] for path in sorted(FOLDER.glob("*.json"), key=_place)}


def newest() -> dict[str, str]:
    """Topic → the name of the sample of its newest shape."""
    return {topic_of(name): name for name in samples()}


def encoded(event: Any) -> dict[str, Any]:
    """The state as the engine writes it today."""
    state: dict[str, Any] = json.loads(EventCodec().to_stored_event(event).state)
    return state


def decoded(name: str, state: dict[str, Any]) -> Event:
    """The sample as the engine reads it."""
    topic = topic_of(name)
    version = 1 if issubclass(event_classes()[topic], Created) else 2
    event: Any = EventCodec().to_domain_event(StoredEvent(STREAM, version, topic, json.dumps(state).encode()))
    return event  # type: ignore[no-any-return]


def _place(path: Path) -> tuple[str, int]:
    topic = topic_of(path.stem)
    return topic, int(path.stem.removeprefix(topic)[1:] or 1)


def _is_stored(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Event) and hasattr(kind, "TOPIC")
