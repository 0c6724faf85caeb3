"""The machine's clocks: one for people, one that nobody can set; and when they disagree."""

from __future__ import annotations

import random
import sys
import time

_JUMP = 10.0
"""Seconds that a clock may be away from what was expected before it counts as a jump; NTP adjusts by less."""


class Clock:
    """`wall` is Unix time as the machine has it, right or wrong. `steady` only ever goes forward, counts the time that
    the machine slept, and cannot be set by anybody; its zero means nothing. Both in seconds."""

    def wall(self) -> float:
        return time.time()

    def steady(self) -> float:
        return _steady()

    def between(self, low: float, high: float) -> float:
        """A number by chance: a thousand clients that start together must not ask together for ever."""
        return random.uniform(low, high)


def _steady_of(platform: str) -> int | None:
    """Which POSIX clock counts sleep: `CLOCK_BOOTTIME` on Linux; `CLOCK_MONOTONIC` on macOS, where Python's
    `time.monotonic` stands still while the machine sleeps. On Windows `time.monotonic` goes on by itself."""
    name = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(platform)
    found = getattr(time, name, None) if name else None
    return found if isinstance(found, int) else None


_CLOCK = _steady_of(sys.platform)


def _steady() -> float:
    return time.monotonic() if _CLOCK is None or sys.platform == "win32" else time.clock_gettime(_CLOCK)


class Watch:
    """Notices that the machine slept or that somebody set its clock, between two looks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steady, self._wall = clock.steady(), clock.wall()

    def jumped(self, pause: float) -> bool:
        """Whether more time than the `pause` that was meant went by, or the clocks moved apart, since the last call."""
        steady, wall = self._clock.steady(), self._clock.wall()
        slept = steady - self._steady > pause + _JUMP
        was_set = abs((wall - self._wall) - (steady - self._steady)) > _JUMP
        self._steady, self._wall = steady, wall
        return slept or was_set


class Backoff:
    """Exponential, with full jitter; never before the server's `Retry-After`."""

    def __init__(self, clock: Clock, *, first: float, longest: float) -> None:
        self._clock = clock
        self._first, self._longest = first, longest
        self._failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait after one more failure."""
        span = min(self._longest, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        pause = self._clock.between(0.0, span)
        return pause if retry_after is None else retry_after + min(pause, max(retry_after, self._first))

    def reset(self) -> None:
        self._failures = 0
