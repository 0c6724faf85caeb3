"""The words on invoices and credit notes that are, or may be, about a person: in one table, from which they can be
erased. Writing is by rows: statements that the store runs in the transaction of the event they belong to."""

from __future__ import annotations

from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from adapters.database import Database, Row
from domain.invoice_facts import Paper

_PAPER = TypeAdapter(Paper)


class InvoicePapers:
    """The only writer of `invoice_papers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, paper_id: UUID) -> Paper | None:
        """Of an invoice or a credit note; None when it was never kept, or erased."""
        found = self._database.fetch_one("select words from invoice_papers where paper_id = %s", (paper_id,))
        return _PAPER.validate_python(found["words"]) if found else None

    @staticmethod
    def keep(paper_id: UUID, organization_id: UUID, paper: Paper) -> Row:
        """The newest words replace the former ones."""
        return (
            "insert into invoice_papers (paper_id, organization_id, words) values (%s, %s, %s)"
            " on conflict (paper_id) do update set words = excluded.words",
            (paper_id, organization_id, Jsonb(_PAPER.dump_python(paper, mode="json"))),
        )

    @staticmethod
    def move(paper_id: UUID, organization_id: UUID) -> Row:
        return "update invoice_papers set organization_id = %s where paper_id = %s", (organization_id, paper_id)

    @staticmethod
    def erase(organization_id: UUID) -> Row:
        """When nobody is left in the organization who could be meant."""
        return "delete from invoice_papers where organization_id = %s", (organization_id,)
