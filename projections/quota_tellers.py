"""What the quota pool and the watch over quotas are told by those who follow the logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from domain.license import License
from domain.organization import Organization
from domain.quota import Quota
from domain.subscription import Subscription
from domain.usage_subject import UsageSubject
from projections.log import EVENTS, Log, Recorded
from projections.usage_log import TOPIC, USAGE, UsageRange

_CHANGES = (
    License.Issued,
    License.GraceOpened,
    License.PaymentSuspended,
    License.PaymentRecovered,
    License.Suspended,
    License.Reinstated,
    License.Revoked,
    License.PurchaseChanged,
    License.Renewed,
    License.Extended,
    License.Expired,
    License.Transferred,
    Subscription.PeriodBegan,
    Subscription.PeriodLearned,
    Organization.Merged,
    Organization.TimeZoneSet,
    Quota.Granted,
    Quota.Reset,
    UsageSubject.Claimed,
)


class QuotaRights:
    """Tells which accounts may do something else than before: `put` is given (topic, stream, version) of each event,
    and called again with the same ones when it fails."""

    name = "quota_rights"
    log: ClassVar[Log] = EVENTS
    topics: frozenset[str] | None = frozenset(event_class.topic() for event_class in _CHANGES)

    def __init__(self, put: Callable[[Iterable[tuple[str, UUID, int]]], None]) -> None:
        self._put = put

    def tell(self, batch: Sequence[Recorded]) -> None:
        """The events themselves are not looked at: one that cannot be decoded must not keep the others back."""
        self._put([(each.topic, each.stream_id, each.stored.originator_version) for each in batch])


class QuotaHeads:
    """Tells how far the usage log is, for counters that whoever stored a record did not live to tell. `put` is given
    the range of positions."""

    name = "quota_heads"
    log: ClassVar[Log] = USAGE
    topics: frozenset[str] | None = frozenset({TOPIC})

    def __init__(self, put: Callable[[int, int], None]) -> None:
        self._put = put

    def tell(self, batch: Sequence[UsageRange]) -> None:
        self._put(batch[0].after, batch[-1].position)


class QuotaWarnings(QuotaHeads):
    """Has somebody look at what the records of a range have used up."""

    name = "quota_warnings"


QUOTA_TELLERS = (QuotaRights, QuotaHeads, QuotaWarnings)
