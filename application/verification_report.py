"""What a verification found: the counts for programs, the findings for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

MOST_FINDINGS = 100


class Damage(StrEnum):
    """The kinds of findings that are counted."""

    UNDECODABLE = "undecodable"  # an event that cannot be read, or a stream that its events do not add up to
    SEAT_CONFLICT = "seat_conflicts"
    OVER_LIMIT = "over_limit"
    READ_MODEL = "read_model_differences"
    BILLING = "billing_differences"  # an invoice and a payment do not say the same of each other
    DOUBT = "doubtful_invoices"  # the provider's own sums do not hold: nothing of ours is damaged


class Finding(NamedTuple):
    """One thing that is wrong; `position` and `stream_id` when it is about one event."""

    kind: Damage
    text: str
    position: int | None = None
    stream_id: UUID | None = None


@dataclass
class Report:
    """`findings` are the first hundred; `counts` counts them all. `events` and `streams` are those of the log."""

    events: int = 0
    streams: int = 0
    damage: dict[Damage, int] = field(default_factory=lambda: dict.fromkeys(Damage, 0))
    findings: list[Finding] = field(default_factory=list)

    def found(
        self,
        kind: Damage,
        text: str,
        *,
        position: int | None = None,
        stream_id: UUID | None = None,
        times: int = 1,
    ) -> None:
        self.damage[kind] += times
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, text, position, stream_id))

    def doubted(self, text: str, stream_id: UUID) -> None:
        """The provider's sums do not hold; it stays so, and the log is whole."""
        self.found(Damage.DOUBT, text, stream_id=stream_id)

    @property
    def ok(self) -> bool:
        return not any(times for kind, times in self.damage.items() if kind is not Damage.DOUBT)

    @property
    def counts(self) -> dict[str, Any]:
        """`{"events", "streams", "undecodable", "seat_conflicts", "over_limit", "read_model_differences",
        "billing_differences", "doubtful_invoices", "ok"}`."""
        damage = {kind.value: times for kind, times in self.damage.items()}
        return {"events": self.events, "streams": self.streams, **damage, "ok": self.ok}
