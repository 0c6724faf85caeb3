"""What people call the machines of a node-locked licence: erasable personal data beside the log."""

from __future__ import annotations

from uuid import UUID

from adapters.database import Database, Row


class MachineNames:
    """The only writer of `license_machines`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def put(license_id: UUID, digest: str, organization_id: UUID, name: str) -> Row:
        """The row that is written in the transaction of the activation."""
        return (
            "insert into license_machines (license_id, fingerprint_digest, organization_id, name)"
            " values (%s, %s, %s, %s) on conflict (license_id, fingerprint_digest) do update"
            " set organization_id = excluded.organization_id, name = excluded.name",
            (license_id, digest, organization_id, name),
        )

    @staticmethod
    def forget(license_id: UUID, digest: str) -> Row:
        return "delete from license_machines where license_id = %s and fingerprint_digest = %s", (license_id, digest)

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """Forgets what an organization called its machines; which are bound stays."""
        return "delete from license_machines where organization_id = %s", (organization_id,)

    def of(self, license_id: UUID) -> dict[str, str]:
        """Digest → name, of those that have one."""
        found = self._database.fetch_all(
            "select fingerprint_digest, name from license_machines where license_id = %s", (license_id,)
        )
        return {row["fingerprint_digest"]: row["name"] for row in found}
