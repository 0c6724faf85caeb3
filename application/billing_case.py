"""One report of a payment provider while its consequences are worked out, and why they may not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from application.work import Work


class ParentUnknown(Exception):
    """A report depends on an object that has not arrived, e.g. `subscription/sub_1A…`."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(reference)


class NotOurs(Exception):
    """Nothing follows from a report, and nothing will; says why."""


@dataclass(frozen=True)
class Case:
    """`asked`: what the provider was asked about on the report's behalf, and whether it could say. What would only
    complete a report is asked for once and done without when that brings nothing."""

    work: Work
    provider: str
    now: datetime
    asked: Mapping[str, bool]

    def ask(self, reference: str) -> None:
        """Has the provider asked about an object, unless it was already: `ParentUnknown`."""
        if reference not in self.asked:
            raise ParentUnknown(reference)
