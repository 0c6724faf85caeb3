"""An example of every webhook, made by the engine's own code from the frozen samples of stored events."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from application.catalog import PublishedPlan
from application.past import plain
from application.webhook_documents import WebhookDocuments
from application.webhook_payloads import WebhookPayloads
from domain.ids import public_event_id
from domain.payment_facts import Outcome
from domain.provider_facts import SubscriptionStatus
from domain.public_events import MEANINGS, PUBLIC, names_of
from domain.seat import CloseReason
from tests.stored_events.samples import STREAM, decoded, newest, samples

PAGE = Path(__file__).parents[2] / "docs" / "outbound-webhooks.md"
BEGIN, END = "<!-- examples: python -m tests.webhook_examples -->", "<!-- end of examples -->"
WIDTH = 110
_SAMPLES, _NEWEST = samples(), newest()
_FIRST = {
    "license": "license.issued",
    "subscription": "subscription.started",
    "invoice": "invoice.reported",
    "credit_note": "credit_note.reported",
    "payment": "payment.opened",
    "organization": "organization.registered",
    "api_key": "api_key.issued",
    "queue_ticket": "queue_ticket.taken",
    "quota": "quota.opened",
    "overage": "overage.begun",
    "webhook_endpoint": "webhook_endpoint.added",
}
"""What begins the stream of each kind of thing."""
_CHANGES: dict[str, Callable[[Any], Any]] = {
    "subscription.ended": lambda event: replace(event, status=SubscriptionStatus.CANCELED),
    "seat.freed": lambda event: replace(event, reason=CloseReason.RELEASED),
    "payment.succeeded": lambda event: replace(
        event, attempt=replace(event.attempt, outcome=Outcome.SUCCEEDED, code=None, decline_code=None)
    ),
    "payment.failed": lambda event: replace(event, attempt=replace(event.attempt, outcome=Outcome.FAILED)),
}
"""Where the sample of the event is not one that is told by this name, or says what that never says."""


def example(name: str) -> dict[str, Any]:
    """The payload of a webhook of this name, as JSON values."""
    fact = _fact(name)
    told = SimpleNamespace(
        endpoint_id=STREAM,
        organization_id=None,
        event_id=public_event_id(STREAM, fact.originator_version, name),
        type=name,
        object_id=STREAM,
        version=fact.originator_version,
        position=4711,
        created_at=fact.timestamp,
    )
    payload: dict[str, Any] = plain(_Examples([*_before(fact), fact]).payload(told, None))
    return payload


def section() -> str:
    """All examples, as they stand in the page."""
    parts = [
        f"### `{name}`\n\n{meaning}\n\n```json\n{pretty(example(name))}\n```" for name, meaning in MEANINGS.items()
    ]
    return "\n\n".join([BEGIN, *parts, END])


def pretty(value: Any, indent: int = 0) -> str:
    """JSON, each line as full as it may be."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or len(line) + indent <= WIDTH:
        return line
    lines = [""]
    for name, each in value.items():
        field = f"{json.dumps(name)}: {pretty(each, indent + 2)},"
        if len(lines[-1]) + len(field) + indent > WIDTH or "\n" in field:
            lines.append("")
        lines[-1] += f" {field}" if lines[-1] else field
    inner = "\n".join(" " * (indent + 2) + line for line in lines if line)
    return "{\n" + inner.removesuffix(",") + "\n" + " " * indent + "}"


class _Examples(WebhookPayloads):
    """Reads from a list in place of the log."""

    def __init__(self, events: list[Any]) -> None:
        terms = decoded("plan.published", _SAMPLES[_NEWEST["plan.published"]]).terms  # type: ignore[attr-defined]
        catalog: Any = SimpleNamespace(published=lambda *_: PublishedPlan("coditect", terms))
        nothing: Any = None
        super().__init__(nothing, WebhookDocuments(catalog))
        self._told = events

    def _events(self, stream: UUID, after: int, until: int) -> list[Any]:
        return [event for event in self._told if after < event.originator_version <= until]


def _fact(name: str) -> Any:
    """The newest sample of an event that is told by this name."""
    for kind, told in PUBLIC.items():
        if name in {each.name for each in told}:
            event = decoded(kind.topic(), _SAMPLES[_NEWEST[kind.topic()]])
            event = _CHANGES.get(name, lambda event: event)(event)
            if name in names_of(event):
                return event
    raise AssertionError(f"no sample is told as {name}")


def _before(fact: Any) -> list[Any]:
    first = _FIRST.get(fact.topic().split(".")[0])
    if fact.originator_version == 1 or first is None:
        return []
    return [decoded(first, _SAMPLES[_NEWEST[first]])]
