"""Who the digests of a licence's seat rules are: erasable personal data beside the log."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from adapters.database import Database, Row


class SeatRuleNames:
    """The only writer of `seat_rule_names`. A member is written `user:<digest>` or `machine:<digest>`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def replace(license_id: UUID, organization_id: UUID, names: Mapping[str, str]) -> list[Row]:
        """The rows that are written in the transaction of the rules: these names (by member) and no others."""
        return [
            ("delete from seat_rule_names where license_id = %s", (license_id,)),
            (
                "insert into seat_rule_names (license_id, organization_id, member, name)"
                " select %s, %s, member, name from unnest(%s::text[], %s::text[]) as named (member, name)",
                (license_id, organization_id, list(names), list(names.values())),
            ),
        ]

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """Forgets whom an organization has listed; the lists stay."""
        return "delete from seat_rule_names where organization_id = %s", (organization_id,)

    def of(self, license_id: UUID) -> dict[str, str]:
        """Member → name, of those that have one."""
        found = self._database.fetch_all(
            "select member, name from seat_rule_names where license_id = %s", (license_id,)
        )
        return {row["member"]: row["name"] for row in found}
