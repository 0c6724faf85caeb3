"""The part of the composition root that is about usage, quotas and entitlements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.infrastructure import Infrastructure, required
from adapters.postgres_line import PostgresLine
from adapters.quota_totals import QuotaTotals
from adapters.redis_cluster import line_to
from adapters.redis_line import RedisLine
from adapters.rights_log import RightsLog
from adapters.subject_digests import SubjectDigests
from adapters.switching_quotas import SwitchingQuotas
from adapters.usage_log import UsageLog
from adapters.usage_ranges import UsageRanges
from adapters.usage_records import UsageRecords
from application.loop_thread import LoopThread
from application.offer import Offer
from application.overages import Overages
from application.quota_admin import QuotaAdmin
from application.quota_watch import QuotaWatch
from application.quota_work import QuotaWork
from application.quotas import Quotas
from application.rights_book import RightsBook
from application.usage_accounts import UsageAccounts
from application.usage_intake import UsageIntake
from application.usage_subjects import UsageSubjects
from projections.quota_tellers import QuotaHeads, QuotaRights, QuotaWarnings

if TYPE_CHECKING:
    from application.catalog import Catalog
    from application.store import Store


class UsageServices(Infrastructure):
    """Needs the store and the catalogue of the whole."""

    if TYPE_CHECKING:
        store: Store
        catalog: Catalog

    @property
    def upgrade_url(self) -> str:
        """Where a customer who reached a limit gets more."""
        return self.settings.upgrade_url or f"{self.settings.public_url}/api/v1/plans"

    @cached_property
    def rights_log(self) -> RightsLog:
        return RightsLog(self.unwalled)

    @cached_property
    def subject_digests(self) -> SubjectDigests:
        return SubjectDigests(self.secrets)

    @cached_property
    def usage_records(self) -> UsageRecords:
        return UsageRecords(self.database)

    @cached_property
    def quota_totals(self) -> QuotaTotals:
        return QuotaTotals(self.unwalled)

    @cached_property
    def offer(self) -> Offer:
        return Offer(self.catalog, self.rights_log)

    @cached_property
    def rights_book(self) -> RightsBook:
        return RightsBook(self.store, self.offer, self.rights_log, self.clock)

    @cached_property
    def usage_accounts(self) -> UsageAccounts:
        return UsageAccounts(self.key_index, self.rights_log, self.subject_digests)

    @cached_property
    def quotas(self) -> Quotas:
        """For the event loop of this process."""
        return self._quotas(self.redis_line, self.postgres_line)

    @cached_property
    def usage_log(self) -> UsageLog:
        """For the event loop of this process."""
        return UsageLog(required(self.settings.database_url), self.quotas.count)

    @cached_property
    def usage_intake(self) -> UsageIntake:
        """For the event loop of this process."""
        return UsageIntake(
            self.usage_log,
            self.usage_records,
            self.usage_accounts,
            self.offer,
            self.rights_book,
            self.subject_digests,
            self.subject_names,
            self.clock,
        )

    @cached_property
    def loop_thread(self) -> LoopThread:
        """For what threads ask of the seat pool and the quota pool."""
        return LoopThread("pools")

    @cached_property
    def quota_work(self) -> QuotaWork:
        """For threads and followers."""
        return QuotaWork(self.store, self.loop_thread, self._open_quotas)

    @cached_property
    def quota_admin(self) -> QuotaAdmin:
        return QuotaAdmin(self.store, self.rights_book, self.quota_totals, self.quota_work, self.clock)

    @cached_property
    def quota_watch(self) -> QuotaWatch:
        return QuotaWatch(self.store, self.rights_book, self.quota_totals, self.clock)

    @cached_property
    def overages(self) -> Overages:
        return Overages(self.store, self.rights_book, self.quota_totals, self.offer, self.catalog, self.clock)

    @cached_property
    def usage_subjects(self) -> UsageSubjects:
        return UsageSubjects(self.store, self.rights_log, self.subject_digests, self.quota_work, self.clock)

    def quota_tellers(self) -> list[QuotaHeads | QuotaRights]:
        """Followers of both logs that keep the quota pool and the warnings up to date."""
        ranges, work = UsageRanges(self.unwalled), self.quota_work

        def changed(changes: Iterable[tuple[str, UUID, int]]) -> None:
            self.overages.refresh(work.changed(changes))

        def watch(after: int, until: int) -> None:
            touched = ranges.touched(after, until)
            self.quota_watch.look((account_id, meter) for account_id, meter, _ in touched)
            self.overages.look(touched)

        return [
            QuotaRights(changed),
            QuotaHeads(lambda after, until: work.behind(ranges.heads(after, until))),
            QuotaWarnings(watch),
        ]

    @asynccontextmanager
    async def _open_quotas(self) -> AsyncIterator[Quotas]:
        redis, postgres = line_to(required(self.settings.redis_url)), PostgresLine(self.database.url)
        try:
            yield self._quotas(redis, postgres)
        finally:
            await redis.close()
            await postgres.close()

    def _quotas(self, redis: RedisLine, postgres: PostgresLine) -> Quotas:
        pool = SwitchingQuotas(self.seat_periods, redis, postgres, self.quota_totals, lambda: self.clock.offset)
        return Quotas(pool, self.rights_book, self.offer, self.clock)
