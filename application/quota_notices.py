"""Mails about limits of plans: a share of one is used, all of it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from application.notices import Writer
from application.store import Store
from domain.ids import meter_id
from domain.mail_kinds import MailKind
from domain.meter import Meter
from domain.notice import Draft
from domain.quota import Quota

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog
    from application.readers import Readers


class QuotaNotices:
    """`upgrade_url`: where a customer who reached a limit gets more."""

    def __init__(self, store: Store, catalog: Catalog, readers: Readers, clock: Clock, *, upgrade_url: str) -> None:
        self._store = store
        self._catalog = catalog
        self._readers = readers
        self._clock = clock
        self._upgrade_url = upgrade_url

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "quota_warning": lambda event: self._about(MailKind.QUOTA_WARNING, event),
            "quota_reached": lambda event: self._about(MailKind.QUOTA_REACHED, event),
        }

    def _about(self, kind: MailKind, event: Quota.Warned | Quota.Reached) -> Draft | None:
        """Only of a period that is not over: a mail that comes late must not frighten anybody."""
        quota = self._store.fetch(Quota, event.originator_id)
        if quota.organization_id is None or (quota.period_end and quota.period_end <= self._clock.now()):
            return None
        party = self._readers.organization(quota.organization_id)
        if party is None:
            return None
        meter = self._store.find(Meter, meter_id(quota.meter))
        context = {
            "organization_name": party.name,
            "product_name": self._catalog.product(quota.product).name,
            "plan_name": self._catalog.plan(quota.plan).current.name,
            "meter_name": meter.terms.name if meter else quota.meter,
            "used": event.used,
            "limit": event.limit,
            "upgrade_url": self._upgrade_url,
            "resets_at": quota.period_end,
            "stops": "yes" if quota.hard else None,
            "goes_on": None if quota.hard else "yes",
        }
        return Draft(kind, party.reader, context, product=quota.product)
