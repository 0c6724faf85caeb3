"""Telling customers ahead of time: a reminder that has fallen due becomes a fact, and facts become mails."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from application.attribution import acting
from domain.billing_account import BillingAccount
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.store import Store


class Reminding:
    """Asked at any time and any number of times: what was told is not due any more."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def remind(self, stream: str, stream_id: UUID) -> None:
        """Tells what is due of a subscription or of a provider's customer (`stream`: which kind of aggregate)."""
        now = self._clock.now()
        with acting("worker:reminders", f"{stream}:{stream_id}"):
            if stream == Subscription.TOPIC:
                self._store.change(Subscription, stream_id, lambda each: each.remind(now=now))
            else:
                self._store.change(BillingAccount, stream_id, lambda each: each.remind(now=now))
