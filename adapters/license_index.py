"""Finds a licence by the digest of its key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from adapters.database import Database
from adapters.together import Together

_MOST = 100_000
_AT_ONCE = 200


class LicenseIndex:
    """Keys that were found once are remembered: a digest never comes to mean another licence. Whether the key is still
    the licence's own is for the licence's facts to say, so a rotated key gains nothing from being remembered here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, UUID] = {}
        self._questions = Together[str, UUID | None](self._find_some, most=_AT_ONCE)

    def find(self, digest: str) -> UUID | None:
        """For threads. An unknown key is not remembered: it may be issued any moment."""
        return self._known.get(digest) or self._find_all([digest])[0]

    async def look_up(self, digest: str) -> UUID | None:
        """The same for one event loop: what is asked at the same time is asked together."""
        return self._known.get(digest) or await self._questions.ask(digest)

    async def _find_some(self, digests: Sequence[str]) -> list[UUID | None]:
        return await asyncio.to_thread(self._find_all, digests)

    def _find_all(self, digests: Sequence[str]) -> list[UUID | None]:
        rows = self._database.fetch_all(
            "select digest, license_id from license_keys where digest = any(%s)", (list(digests),)
        )
        found = {row["digest"]: row["license_id"] for row in rows}
        if len(self._known) + len(found) > _MOST:
            self._known = {}
        self._known |= found
        return [found.get(digest) for digest in digests]
