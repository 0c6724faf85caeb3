"""From a licence key to a seat, waiting in the queue if need be."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from usher_client.conversation import Conversation
from usher_client.errors import SeatsExhausted
from usher_client.flow import Flow
from usher_client.queueing import Queue
from usher_client.sitting import Sitting
from usher_client.status import Status


def acquire(
    talk: Conversation,
    *,
    wait: float,
    on_place: Callable[[int], object] | None,
    on_change: Callable[[Status], object] | None,
) -> Flow[Sitting]:
    """A seat, from Usher or, while it cannot be reached, by the lease of the last run. `wait` in seconds."""
    heard = True
    try:
        held, heard = yield from talk.first_seat()
    except SeatsExhausted as full:
        if wait <= 0 or not full.has_queue:
            raise
        held = yield from Queue(talk, full, on_place).seat(wait)
    return Sitting(talk, held, heard=heard, on_change=on_change)


def seconds(wait: float | timedelta) -> float:
    """`ValueError` for a wait that is negative or no number; one without an end is fine."""
    given = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
    if math.isnan(given) or given < 0:
        raise ValueError("a wait is a number of seconds, 0 or more")
    return given
