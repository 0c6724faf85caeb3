"""What has to be delivered to webhook endpoints, in the order in which it came about, and what became of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Json = dict[str, Any]
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 3600.0
GIVE_UP_AFTER = 3 * 86_400.0
"""Seconds of real time: Stripe tries for three days, with pauses that grow."""
REMEMBERED = 1000


@dataclass
class Attempt:
    """`status` is the answer's, or what went wrong; `took` is in seconds."""

    at: float
    status: str
    took: float = 0.0


@dataclass
class Delivery:
    number: int
    event: Json
    endpoint: str
    due: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    done: bool = False
    given_up: bool = False

    @property
    def pause(self) -> float:
        """Seconds until the next attempt, four times as long each time."""
        return float(min(FIRST_PAUSE * 4 ** (len(self.attempts) - 1), LONGEST_PAUSE))


class Outbox:
    """Moments are seconds of the system's monotonic clock: the world outside does not follow the account's time."""

    def __init__(self) -> None:
        self._count = count(1)
        self._open: list[Delivery] = []
        self._recent: deque[Delivery] = deque(maxlen=REMEMBERED)

    def put(self, event: Json, endpoint: Json) -> None:
        delivery = Delivery(next(self._count), event, endpoint["id"])
        self._open.append(delivery)
        self._recent.append(delivery)

    def due(self, now: float) -> list[Delivery]:
        """What can be tried now, the oldest first."""
        return [each for each in self._open if each.due <= now]

    def delivered(self, delivery: Delivery, at: float, status: str, took: float = 0.0) -> None:
        delivery.attempts.append(Attempt(at, status, took))
        delivery.done = True
        self._close(delivery)

    def failed(self, delivery: Delivery, at: float, status: str, took: float = 0.0) -> None:
        delivery.attempts.append(Attempt(at, status, took))
        delivery.due = at + delivery.pause
        if at - delivery.attempts[0].at > GIVE_UP_AFTER:
            delivery.given_up = True
            self._close(delivery)

    def drop(self, delivery: Delivery, at: float) -> None:
        """As if it had been sent and nobody had it: it is tried no more."""
        delivery.attempts.append(Attempt(at, "dropped"))
        delivery.given_up = True
        self._close(delivery)

    def retry(self) -> None:
        """Try everything that is open at once."""
        for delivery in self._open:
            delivery.due = 0.0

    def resend(self, number: int) -> bool:
        """Deliver again what was delivered, dropped or given up; False when it is forgotten."""
        for delivery in self._recent:
            if delivery.number == number:
                delivery.done = delivery.given_up = False
                delivery.due = 0.0
                if delivery not in self._open:
                    self._open.append(delivery)
                return True
        return False

    @property
    def open(self) -> list[Delivery]:
        return list(self._open)

    @property
    def recent(self) -> list[Delivery]:
        """The newest first."""
        return list(reversed(self._recent))

    def next_due(self) -> float | None:
        return min((each.due for each in self._open), default=None)

    def _close(self, delivery: Delivery) -> None:
        if delivery in self._open:
            self._open.remove(delivery)
        if delivery.done and delivery.event["pending_webhooks"] > 0:
            delivery.event["pending_webhooks"] -= 1
