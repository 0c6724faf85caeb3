"""What will go wrong in a run, and what the administrator will do: a pure function of the seed and the length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from random import Random
from typing import NamedTuple, Self

APIS = ("api-1", "api-2")
WORKERS = ("worker", "projector", "scheduler", "dispatcher")
PROCESSES = (*APIS, *WORKERS)
SERVERS = ("valkey", "postgres")
LINKS = (*(f"clients>{api}" for api in APIS), *(f"{one}>{other}" for one, other in product(PROCESSES, SERVERS)))
"""Who talks to whom, each through a proxy of its own."""
LICENSES = {"one": 1, "three": 3, "ten": 10, "hundred": 100}
"""The licences of a run and their seats."""


class Fault(StrEnum):
    KILL = "kill"  # at once and without a word, and started again after `seconds`; Valkey empty
    PAUSE = "pause"  # stopped by the system for `seconds`, then goes on
    FLUSH = "flush"  # Valkey forgets everything
    RESTORE = "restore"  # Valkey is killed and comes back with what it knew `seconds` ago
    REFUSE = "refuse"  # the link is cut and refuses new connections for `seconds`
    HOLD = "hold"  # nothing passes for `seconds`, then all of it, late
    SWALLOW = "swallow"  # nothing passes for `seconds`, then the connections break and it is lost
    BREAK = "break"  # the connections of the link break; new ones are fine


class Deed(StrEnum):
    """What the administrator does; the target is a licence."""

    SUSPEND = "suspend"  # and reinstates after `seconds`
    SHRINK = "shrink"  # to a share of its seats, and back after `seconds`
    EVICT = "evict"  # somebody who sits


class Step(NamedTuple):
    """`at` and `seconds`: of the run. `share`: chance for whatever has to be chosen on the spot, from 0 to 1."""

    at: float
    what: Fault | Deed
    target: str
    seconds: float
    share: float


_LONGEST = {
    Fault.KILL: 4.0,
    Fault.PAUSE: 15.0,
    Fault.RESTORE: 8.0,
    Fault.REFUSE: 8.0,
    Fault.HOLD: 12.0,
    Fault.SWALLOW: 12.0,
    Deed.SUSPEND: 8.0,
    Deed.SHRINK: 12.0,
}
_CALM = 3.0
"""Seconds without a fault at the beginning."""
_AT_ONCE = 3
"""Faults under way at one time, at most."""
_LINKS_A_DECK = 10


@dataclass(frozen=True)
class Plan:
    seed: int
    seconds: float
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, seed: int, seconds: float, without: frozenset[str] = frozenset()) -> Self:
        """Faults every two seconds or so, deeds beside them; all are over when the time is. `without`: kinds of faults
        to be left out, while one looks for others."""
        faults = [each for each in _faults(Random(f"{seed} faults"), seconds) if each.what not in without]
        deeds = list(_deeds(Random(f"{seed} deeds"), seconds))
        return cls(seed, seconds, tuple(sorted(faults + deeds)))

    def __str__(self) -> str:
        lines = [f"Seed {self.seed}: {len(self.steps)} steps in {self.seconds:.0f} s"]
        for step in self.steps:
            lasting = f" for {step.seconds:.1f} s" if step.seconds else ""
            lines.append(f"  {step.at:6.1f}  {step.what} {step.target}{lasting}")
        return "\n".join(lines)


def _faults(chance: Random, seconds: float) -> Iterator[Step]:
    """Cards from one shuffled deck after the other, so that none is forgotten for long."""
    now, under_way, deck = _CALM, {}, []
    while now < seconds - 1:
        deck = deck or _deck(chance)
        what, target = deck.pop()
        lasting, share = _duration(chance, what), chance.random()
        under_way = {busy: end for busy, end in under_way.items() if end > now}
        if target in under_way or len(under_way) >= _AT_ONCE or now + lasting > seconds:
            deck.insert(0, (what, target))
            now += 0.5
            continue
        under_way[target] = now + lasting
        yield Step(now, what, target, lasting, share)
        now += chance.expovariate(0.5)


def _deck(chance: Random) -> list[tuple[Fault, str]]:
    """Every process and server is killed and paused; Redis and Postgres and those in front of them more often."""
    deck = [(what, target) for what in (Fault.KILL, Fault.PAUSE) for target in (*PROCESSES, *SERVERS)]
    deck += [(Fault.KILL, "valkey"), (Fault.KILL, "postgres"), (Fault.PAUSE, "valkey")]
    deck += [(Fault.FLUSH, "valkey")] * 3 + [(Fault.RESTORE, "valkey")] * 2
    cuts = (Fault.REFUSE, Fault.HOLD, Fault.SWALLOW, Fault.BREAK)
    deck += [(cuts[number % len(cuts)], link) for number, link in enumerate(chance.sample(LINKS, _LINKS_A_DECK))]
    chance.shuffle(deck)
    return deck


def _deeds(chance: Random, seconds: float) -> Iterator[Step]:
    """Half of them evict; a licence has one deed at a time."""
    now, busy_until = _CALM, dict.fromkeys(LICENSES, 0.0)
    while now < seconds - 1:
        what = chance.choice((Deed.EVICT, Deed.EVICT, Deed.SUSPEND, Deed.SHRINK))
        license, lasting, share = chance.choice(list(LICENSES)), _duration(chance, what), chance.random()
        possible = what is not Deed.SHRINK or LICENSES[license] > 1
        if possible and busy_until[license] <= now and now + lasting < seconds:
            busy_until[license] = now + lasting + 2
            yield Step(now, what, license, lasting, share)
        now += chance.expovariate(0.3)


def _duration(chance: Random, what: Fault | Deed) -> float:
    """Mostly short; those that are over at once have none."""
    longest = _LONGEST.get(what, 0.0)
    return longest and 0.5 + (longest - 0.5) * chance.random() ** 2
