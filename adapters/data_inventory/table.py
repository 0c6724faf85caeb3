"""What a table holds about people: each column, how long it stays, what erases it, and under which name it is exported.

Retention, erasure and export do what is declared here and nothing else, so that none of them can forget a table that
another knows. A condition is SQL over the table's columns with these words for whom it is about:
`:person` (user id), `:address` (of that person, in lower case), `:organization`, `:customers` (its names at
payment providers).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

NEVER = "false"


class Kind(StrEnum):
    """Of a column. PERSONAL: says, or may say, who somebody is. ID: stands for a person, an organization or a machine
    and says nothing without the tables that name it. SECRET: a digest of a secret or something sealed; never shown.
    OTHER: about nobody."""

    PERSONAL = "personal"
    ID = "id"
    SECRET = "secret"
    OTHER = "other"


class Erasing(StrEnum):
    """What erasure does with a row. DELETE the row; BLANK its personal columns; KEEP: it says nothing of a person, or
    the law wants it kept (`why_kept`)."""

    DELETE = "delete"
    BLANK = "blank"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """For how long: until `rule` (domain/retention.py) has passed since `since`, an SQL expression. `unless` is a
    condition that keeps a row longer. `blank`: then its personal columns are emptied; else the row is deleted.
    `rolled_up`: by projections/usage_rollup.py, which keeps what it counts for."""

    rule: str
    since: str
    unless: str = NEVER
    blank: bool = False
    rolled_up: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an export: the rows that `person` and `organization` find, without secret columns, in the order of
    `key`. `person` and `organization` empty: what the table's own conditions find. `hide` are columns that are not the
    subject's to see, e.g. of another person."""

    name: str
    key: str
    person: str = ""
    organization: str = ""
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    about: str
    columns: dict[str, Kind]
    of_person: str = NEVER
    of_organization: str = NEVER
    erasing: Erasing = Erasing.KEEP
    why_kept: str = ""
    erased_with: str = ""
    """The fact in whose transaction its rows go; then the sweep only finds what came later."""
    kept: Kept | None = None
    section: Section | None = None

    def holds(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(column for column, kind in self.columns.items() if kind in kinds)

    @property
    def personal(self) -> tuple[str, ...]:
        return self.holds(Kind.PERSONAL)

    def exported(self, name: str, key: str, *, person: str = "", organization: str = "", hide: str = "") -> Self:
        return replace(self, section=Section(name, key, person, organization, tuple(hide.split())))


def table(
    name: str,
    about: str,
    *,
    personal: str = "",
    id: str = "",
    secret: str = "",
    other: str = "",
    of_person: str = NEVER,
    of_organization: str = NEVER,
    erasing: Erasing = Erasing.KEEP,
    why_kept: str = "",
    erased_with: str = "",
    kept: Kept | None = None,
) -> Table:
    """Columns are given by kind, names with blanks between. `ValueError` for one that is named twice."""
    columns: dict[str, Kind] = {}
    given = ((Kind.PERSONAL, personal), (Kind.ID, id), (Kind.SECRET, secret), (Kind.OTHER, other))
    for kind, column in _each(given):
        if column in columns:
            raise ValueError(f"{name}.{column} is declared twice")
        columns[column] = kind
    return Table(name, about, columns, of_person, of_organization, erasing, why_kept, erased_with, kept)


def _each(given: Iterable[tuple[Kind, str]]) -> Iterable[tuple[Kind, str]]:
    return ((kind, column) for kind, names in given for column in names.split())
