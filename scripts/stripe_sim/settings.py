"""What a vendor sets in Stripe's dashboard, not in the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

AfterRetries = Literal["past_due", "unpaid", "canceled", "paused"]


@dataclass
class Settings:
    """`retries`: after how long a failed payment is tried again, each counted from the failure before it; then the
    subscription becomes `after_retries`. `upcoming_notice` (seconds, 0 for none) is when a renewal is announced."""

    retries: Sequence[timedelta] = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
    after_retries: AfterRetries = "past_due"
    upcoming_notice: int = 7 * 86_400
