"""Subjects of usage as the log knows them: digests that nobody can turn back into names without the server's secret."""

from __future__ import annotations

import hmac
from functools import lru_cache
from uuid import UUID

from adapters.database import Database, Row
from adapters.secrets import Secrets

_REMEMBERED = 50_000


class SubjectDigests:
    """The same name has the same digest everywhere: a visitor stays the same when it becomes somebody's."""

    def __init__(self, secrets: Secrets) -> None:
        key = secrets.key_for("usage-subjects")
        self.digest = lru_cache(_REMEMBERED)(lambda name: UUID(bytes=hmac.digest(key, name.encode(), "sha256")[:16]))
        """128 bits of HMAC-SHA256 of the name, as it is spelled."""


class SubjectNames:
    """What people call the subjects: erasable. New names come with the records themselves (`append_usage`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[tuple[UUID, UUID], None] = {}

    def unwritten(self, account_id: UUID, subject: UUID, name: str) -> str | None:
        """The name, unless this process had it written not long ago."""
        return None if (account_id, subject) in self._written else name

    def written(self, account_id: UUID, subject: UUID) -> None:
        """The name is stored."""
        if len(self._written) >= _REMEMBERED:
            self._written.clear()
        self._written[account_id, subject] = None

    def of(self, accounts: list[UUID]) -> dict[str, str]:
        """Digest → name, of those that have one."""
        found = self._database.fetch_all(
            "select subject, name from usage_subjects where account_id = any(%s)", (accounts,)
        )
        return {str(row["subject"]): row["name"] for row in found}

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """Forgets what an organization's subjects are called, those it claimed among them; what they used stays."""
        return (
            "delete from usage_subjects where account_id = %s or account_id in"
            " (select account_id from usage_claims where organization_id = %s)",
            (organization_id, organization_id),
        )
