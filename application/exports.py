"""Giving out everything that is kept about a person or an organization: at once when it is little, else by and by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from domain.errors import NotFound, SignatureInvalid

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.data_export import DataExport, Export
    from adapters.data_sweep import Whose
    from adapters.tokens import Tokens

MOST_AT_ONCE = 5_000
"""Rows that are answered at once; more are made in the background."""
LINK_FOR = timedelta(hours=1)
AGAIN_AFTER = timedelta(hours=1)
FORMAT = "usher-export/1"


class Link(NamedTuple):
    url: str
    expires_at: datetime


class Exports:
    """An export is one JSON object: `format`, `kind`, `subject_id`, `exported_at`, and a list for each section. It is
    read batch by batch, so what changes meanwhile may be in one section and not in another."""

    def __init__(
        self, data: DataExport, whose: Callable[[str, UUID], Whose], tokens: Tokens, clock: Clock, *, public_url: str
    ) -> None:
        self._data = data
        self._whose = whose
        self._tokens = tokens
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def whose(self, kind: str, subject_id: UUID) -> Whose:
        """By what a person's, or an organization's, data is found."""
        return self._whose(kind, subject_id)

    def is_small(self, whose: Whose) -> bool:
        return self._data.count(whose, MOST_AT_ONCE) <= MOST_AT_ONCE

    def document(self, whose: Whose) -> Iterator[bytes]:
        """The whole, in pieces."""
        yield self._head(whose).encode()
        for section in self._data.sections(whose):
            for piece in self._section(section, whose):
                yield piece.encode()
        yield b"}\n"

    def ask(self, whose: Whose) -> Export:
        """One that is made in the background: that of the last hour, if there is one."""
        kind, subject_id, now = _kind(whose), _subject(whose), self._clock.now()
        known = self._data.latest(subject_id, now - AGAIN_AFTER)
        if known is not None:
            return known
        id = self._clock.new_id()
        self._data.ask(id, kind, subject_id, len(self._data.sections(whose)), now)
        return self.find(id, subject_id)

    def find(self, export_id: UUID, subject_id: UUID) -> Export:
        """`NotFound` when there is none, or it is about somebody else."""
        found = self._data.find(export_id, subject_id)
        if found is None:
            raise NotFound.of("export", export_id)
        return found

    def link(self, export: Export) -> Link | None:
        """Where it can be fetched for an hour, by whoever has the link; None while it is not made."""
        if export.state != "made":
            return None
        now = self._clock.now()
        token = self._tokens.sign("export", {"sub": str(export.export_id)}, now=now, lifetime=LINK_FOR)
        return Link(f"{self._public_url}/api/v1/exports/download?token={token}", now + LINK_FOR)

    def download(self, token: str) -> tuple[Export, Iterator[bytes]]:
        """What a link leads to. `SignatureInvalid`, and `NotFound` once it was deleted."""
        claims = self._tokens.read("export", token, now=self._clock.now())
        if claims is None:
            raise SignatureInvalid("This link is incomplete or out of date; ask for the export again.")
        export = self._data.find(UUID(claims["sub"]))
        if export is None:
            raise NotFound.of("export", claims["sub"])
        return export, self._data.parts(export.export_id)

    def waiting(self, limit: int = 100) -> list[UUID]:
        return self._data.waiting(limit)

    def make(self, export_id: UUID) -> None:
        """Makes it unless somebody is at it. One that was killed goes on with the section it was in."""
        export = self._data.claim(export_id)
        if export is None:
            return
        whose = self._whose(export.kind, export.subject_id)
        sections = self._data.sections(whose)
        for number in range(export.section, len(sections)):
            self._make_section(export_id, number, sections, whose)
        self._data.finish(export_id, self._clock.now())

    def _make_section(self, export_id: UUID, number: int, sections: list[str], whose: Whose) -> None:
        head = [] if number else [self._head(whose)]
        end = ["}\n"] if number == len(sections) - 1 else []
        for part, piece in enumerate(chain(head, self._section(sections[number], whose), end)):
            self._data.add_part(export_id, number, part, piece)
        self._data.end_section(export_id, number + 1)

    def _head(self, whose: Whose) -> str:
        head = {
            "format": FORMAT,
            "kind": _kind(whose),
            "subject_id": str(_subject(whose)),
            "exported_at": self._clock.now().isoformat().replace("+00:00", "Z"),
        }
        return json.dumps(head).removesuffix("}")

    def _section(self, section: str, whose: Whose) -> Iterator[str]:
        between = f', "{section}": ['
        for rows in self._data.rows(section, whose):
            yield between + ",\n".join(rows)
            between = ",\n"
        yield f"{between}]" if between != ",\n" else "]"


def _kind(whose: Whose) -> str:
    return "person" if whose.person else "organization"


def _subject(whose: Whose) -> UUID:
    subject = whose.person or whose.organization
    assert subject is not None
    return subject
