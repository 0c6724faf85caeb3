"""Who sells: what the papers say of the vendor, and what they said when they were issued."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain.aggregate import Aggregate, Created
from domain.ids import vendor_id
from domain.problems import Problem, check_name

MOST_LINES = 8
LONGEST_LINE = 120
LONGEST_FOOTER = 500
LARGEST_LOGO = 64 * 1024
"""Characters of the data URI: a drawing of some kilobytes is enough for print, and it is stored in an event."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LOGO = re.compile(r"data:image/(png|jpeg|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True)
class Identity:
    """A vendor's own public data, as it is printed. `logo` is a data URI of a PNG, JPEG or SVG image, `language` the
    one of mails and papers to whoever has chosen none, e.g. `de`."""

    name: str
    address: tuple[str, ...] = ()
    tax_ids: tuple[str, ...] = ()
    email: str | None = None
    website: str | None = None
    phone: str | None = None
    footer: str | None = None
    logo: str | None = None
    language: str | None = None

    def problems(self) -> Iterator[Problem]:
        yield from check_name("name", self.name)
        for field in ("address", "tax_ids"):
            lines = getattr(self, field)
            if len(lines) > MOST_LINES:
                yield Problem(field, f"must have at most {MOST_LINES} lines")
            for number, line in enumerate(lines):
                yield from _length(f"{field}[{number}]", line, LONGEST_LINE)
        for field in ("email", "website", "phone"):
            yield from _length(field, getattr(self, field), LONGEST_LINE)
        yield from _length("footer", self.footer, LONGEST_FOOTER)
        yield from self._problems_of_logo()
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            yield Problem("language", "must be a language tag such as en, de or pt-BR")

    def _problems_of_logo(self) -> Iterator[Problem]:
        if self.logo is None:
            return
        if len(self.logo) > LARGEST_LOGO:
            yield Problem("logo", f"is larger than {LARGEST_LOGO // 1024} KiB as base64; a logo for print is smaller")
        elif not _LOGO.fullmatch(self.logo):
            yield Problem("logo", "must be a data URI: data:image/png;base64,… (or jpeg, or svg+xml)")


def _length(path: str, text: str | None, most: int) -> Iterator[Problem]:
    if text is not None and not 1 <= len(text.strip()) <= most:
        yield Problem(path, f"must be 1 to {most} characters")


class Vendor(Aggregate):
    """One stream. A paper that was issued keeps the vendor's name and address of that day."""

    TOPIC = "vendor"

    if TYPE_CHECKING:
        identities: list[tuple[datetime, Identity]]

    @classmethod
    def introduce(cls, identity: Identity, *, now: datetime) -> Vendor:
        return cls.begin(cls.Introduced, id=vendor_id(), now=now, identity=identity)

    def describe(self, identity: Identity, *, now: datetime) -> None:
        """What the papers say of the vendor from now on."""
        if identity != self.identity:
            self.record(self.Described, now=now, identity=identity)

    @property
    def identity(self) -> Identity:
        """As it is now."""
        return self.identities[-1][1]

    def at(self, moment: datetime) -> Identity:
        """As it was at a time; before the first description, as it was first described."""
        before = [identity for since, identity in self.identities if since <= moment]
        return before[-1] if before else self.identities[0][1]

    class Introduced(Created):
        TOPIC = "vendor.introduced"
        identity: Identity

        def apply(self, vendor: Vendor) -> None:
            vendor.identities = [(self.timestamp, self.identity)]

    class Described(Aggregate.Event):
        TOPIC = "vendor.described"
        identity: Identity

        def apply(self, vendor: Vendor) -> None:
            vendor.identities.append((self.timestamp, self.identity))
