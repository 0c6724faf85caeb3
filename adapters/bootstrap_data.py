"""The part of the composition root that is about what is kept of people: retention, deletion, export."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.data_export import DataExport
from adapters.data_sweep import DataSweep, Whose
from adapters.deletions import DeletionBook
from adapters.infrastructure import Infrastructure
from application.deletions import Deletions, Hands
from application.exports import Exports
from application.policies import Policies
from application.retention import Retention
from domain.durations import parse
from projections.usage_rollup import UsageRollup

if TYPE_CHECKING:
    from adapters.database import Row
    from adapters.rights_log import RightsLog
    from adapters.webhook_book import WebhookBook
    from adapters.webhook_deliveries import WebhookDeliveries
    from application.erasure import Erasure
    from application.licenses import Licenses
    from application.store import Store
    from application.webhook_endpoints import WebhookEndpoints
    from application.work import Works


class DataServices(Infrastructure):
    """What is kept of people and organizations, for how long, and how it is given out and erased."""

    if TYPE_CHECKING:
        store: Store
        works: Works
        erasure: Erasure
        licenses: Licenses
        rights_log: RightsLog
        webhook_endpoints: WebhookEndpoints
        erasable_webhook_data: tuple[WebhookBook, WebhookDeliveries]
        running_subscriptions: Callable[[UUID], list[UUID]]

    @cached_property
    def policies(self) -> Policies:
        return Policies(self.store, self.works)

    @cached_property
    def data_sweep(self) -> DataSweep:
        return DataSweep(self.unwalled)

    @cached_property
    def retention(self) -> Retention:
        rollup = UsageRollup(self.database.url)
        return Retention(self.data_sweep, rollup, self.settings.retention_periods, self.clock)

    @cached_property
    def deletions(self) -> Deletions:
        hands = Hands(
            erasure=self.erasure,
            licenses=self.licenses,
            rights=self.rights_log,
            keys=self.key_index,
            memberships=self.memberships,
            endpoints=self.webhook_endpoints,
            outbox=self.outbox,
        )
        return Deletions(
            self.store,
            self.works,
            DeletionBook(self.database),
            self.data_sweep,
            hands,
            self.clock,
            delay=parse(self.settings.deletion_delay),
            papers_kept=self.settings.retention_periods["invoices"],
            running=self.running_subscriptions,
            whose=self.whose,
            ending=self._ending,
        )

    def _ending(self, organization_id: UUID) -> list[Row]:
        """Whom the organization wrote to and invited, and where its webhooks go, is forgotten at once."""
        return [
            self.personal_data.forget_contact(organization_id),
            self.sent_invitations.erase_of(organization_id),
            *(each.erase(organization_id) for each in self.erasable_webhook_data),
        ]

    @cached_property
    def exports(self) -> Exports:
        data = DataExport(self.unwalled, self.database, self.codec, self.secrets)
        return Exports(data, self.whose, self.tokens, self.clock, public_url=self.settings.public_url)

    def whose(self, kind: str, subject_id: UUID) -> Whose:
        """By what the data of a `person` or an `organization` is found in every table."""
        if kind == "organization":
            return Whose(organization=subject_id, customers=tuple(self.data_sweep.customers_of(subject_id)))
        person = self.personal_data.person(subject_id)
        return Whose(subject_id, person.email.lower() if person else None)
