"""Finds a licence by the digest of its key."""

from __future__ import annotations

from uuid import UUID

from adapters.database import Database

_MOST = 100_000


class LicenseIndex:
    """Keys that were found once are remembered: a digest never comes to mean another licence. Whether the key is still
    the licence's own is for the licence's facts to say, so a rotated key gains nothing from being remembered here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, UUID] = {}

    def remembered(self, digest: str) -> UUID | None:
        """Without asking Postgres, so it may be called from the event loop."""
        return self._known.get(digest)

    def find(self, digest: str) -> UUID | None:
        """Asks Postgres: call it from a thread. An unknown key is not remembered: it may be issued any moment."""
        row = self._database.fetch_one("select license_id from license_keys where digest = %s", (digest,))
        if row is None:
            return None
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)), None)
        self._known[digest] = row["license_id"]
        return self._known[digest]
