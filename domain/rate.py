"""How often something may be asked, and what is left of that."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Rate(NamedTuple):
    """So many calls in so much time."""

    limit: int
    per: timedelta


class Allowance(NamedTuple):
    """What is left of a rate; times in seconds, rounded up. `retry_after` is 0 unless the call was refused."""

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0
