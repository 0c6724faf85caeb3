"""What is wrong with a value that a person wrote: where, and one sentence that helps.

Sanity rules are questions (`problems()`), never constructors: a rule that is tightened later must not make a stored
event undecodable. Deciding methods ask the question and refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from domain import durations
from domain.errors import InvalidRequest

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
CODE_RULE = "must be 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit"


@dataclass(frozen=True)
class Problem:
    """`path` is relative to the value asked, e.g. `entitlements.lease` or `prices[0].amount`."""

    path: str
    message: str

    def under(self, parent: str) -> Problem:
        """The same problem seen from the owner of `parent`."""
        return Problem(f"{parent}.{self.path}" if self.path and parent else parent or self.path, self.message)


def under(parent: str, problems: Iterable[Problem]) -> list[Problem]:
    return [problem.under(parent) for problem in problems]


def refuse(problems: Iterable[Problem]) -> None:
    """Raises `InvalidRequest` with every problem in `details.fields`; does nothing when there is none."""
    fields = [{"field": problem.path, "message": problem.message} for problem in problems]
    if fields:
        raise InvalidRequest(f"{fields[0]['field']}: {fields[0]['message']}", details={"fields": fields})


def check_code(path: str, code: str) -> Iterable[Problem]:
    if not _CODE.fullmatch(code):
        yield Problem(path, CODE_RULE)


def check_name(path: str, name: str) -> Iterable[Problem]:
    """A name is shown in mails and on invoices: 1 to 200 printable characters, no space around it."""
    if not (1 <= len(name) <= 200 and name.isprintable() and name == name.strip()):
        yield Problem(path, "must be 1 to 200 printable characters without spaces around them")


def check_range(path: str, value: int, low: int, high: int) -> Iterable[Problem]:
    if not low <= value <= high:
        yield Problem(path, f"must be from {low:,} to {high:,}")


def check_duration(path: str, value: timedelta, low: timedelta, high: timedelta) -> Iterable[Problem]:
    if not low <= value <= high:
        yield Problem(path, f"must be from {durations.text(low)} to {durations.text(high)}")


def check_distinct(path: str, names: Iterable[str]) -> Iterable[Problem]:
    """One problem for each name that comes a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Problem(path, f"{name} appears twice")
        seen.add(name)
