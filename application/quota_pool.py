"""What checks need of a quota pool. Redis is one, Postgres (when Redis is away) another."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from domain.quota_pool import Answer, Batch, Question
from domain.rights import Rights


class QuotaPool(Protocol):
    """How much each account has used, and what was promised and is not used yet. The usage log is the truth of the
    first; promises are the pool's alone. Everything raises `Unavailable` when the pool cannot be asked."""

    async def begin(self, account_id: UUID) -> str:
        """The time since the pool last forgot the account; asked for before the rights are read that a question
        carries: a change in between makes the pool forget, and what was read before is not believed."""

    async def ask(self, question: Question) -> Answer | None:
        """None when the rights that it carries may have changed: begin anew."""

    async def count(self, batch: Batch, rights: Rights | None) -> bool:
        """The log has these records: adds what they are to whatever the pool has of the account, once. False when it
        goes by other rights than these."""

    async def release(self, account_id: UUID, reservation: UUID) -> bool:
        """Gives back what was promised; False when nothing is."""

    async def forget(self, account_id: UUID) -> None:
        """Rights have changed, or what a record meant: all but the promises is read from the log again."""

    async def behind(self, account_id: UUID, position: int) -> None:
        """The log has a record of the account at this position: a pool that does not hear of it soon reads again."""
