"""Whose licences and subjects, as the log itself has them: rights must not wait for a read model."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from adapters.database import Database, Row


class RightsLog:
    """Everything here asks Postgres: call it from a thread. The only writer of `usage_claims`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def licenses_of(self, organization_id: UUID) -> list[UUID]:
        """Every licence that ever was the organization's."""
        found = self._database.fetch_all(
            "select distinct originator_id from stored_events where topic in ('license.issued', 'license.transferred')"
            " and state ->> 'organization_id' = %s",
            (str(organization_id),),
        )
        return [row["originator_id"] for row in found]

    def organizations_among(self, ids: Sequence[UUID]) -> list[UUID]:
        """Those of these ids that are organizations."""
        found = self._database.fetch_all(
            "select originator_id from stored_events where originator_id = any(%s) and originator_version = 1"
            " and topic in ('organization.registered', 'organization.adopted')",
            (list(ids),),
        )
        return [row["originator_id"] for row in found]

    def claimed_by(self, organization_id: UUID) -> list[UUID]:
        """The accounts whose usage is the organization's beside its own."""
        found = self._database.fetch_all(
            "select account_id from usage_claims where organization_id = %s order by account_id", (organization_id,)
        )
        return [row["account_id"] for row in found]

    def owner_of(self, account_id: UUID) -> UUID | None:
        """The organization that has claimed an account."""
        sql = "select organization_id from usage_claims where account_id = %s"
        found = self._database.fetch_one(sql, (account_id,))
        return found["organization_id"] if found else None

    def head(self) -> int:
        """The position of the last event of all."""
        found = self._database.fetch_one("select coalesce(max(notification_id), 0) as head from stored_events")
        return int(found["head"]) if found else 0

    def version_of(self, stream_id: UUID) -> int:
        """How many events a stream has."""
        sql = "select coalesce(max(originator_version), 0) as version from stored_events where originator_id = %s"
        found = self._database.fetch_one(sql, (stream_id,))
        return int(found["version"]) if found else 0

    @staticmethod
    def claim(account_id: UUID, organization_id: UUID) -> Row:
        """From this transaction on the account's records count for the organization; what it had claimed does, too."""
        return (
            "with moved as (update usage_claims set organization_id = %(to)s where organization_id = %(account)s)"
            " insert into usage_claims (account_id, organization_id) values (%(account)s, %(to)s)"
            " on conflict (account_id) do update set organization_id = excluded.organization_id",
            {"account": account_id, "to": organization_id},
        )
