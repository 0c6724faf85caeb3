"""Which organizations want a second factor of their members, at once after it was stored."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from adapters.database import Database, Row


class SignInPolicies:
    """The only writer of `sign_in_policies`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def demanding(self, organization_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Those of them that want one."""
        found = self._database.fetch_all(
            "select organization_id from sign_in_policies where organization_id = any(%s) and demands_second_factor",
            (list(organization_ids),),
        )
        return frozenset(row["organization_id"] for row in found)

    @staticmethod
    def put(organization_id: UUID, demands_second_factor: bool) -> Row:
        return (
            "insert into sign_in_policies (organization_id, demands_second_factor) values (%s, %s)"
            " on conflict (organization_id) do update set demands_second_factor = excluded.demands_second_factor",
            (organization_id, demands_second_factor),
        )
