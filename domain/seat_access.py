"""Who may bid for a licence's seats and which limits a seat counts for: the plan's policy, and what the licence says
about people and machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from domain.errors import InvalidRequest, SeatNotAllowed
from domain.seat_policy import Leasing, SeatGroup, SeatPolicy


@dataclass(frozen=True)
class SeatRules:
    """What a licence says about people and machines; each is written `user:<digest>` or `machine:<digest>`.

    `members` says who is in which group of the plan. With `include` only those listed may sit, with `exclude` they may
    not; both list people, machines and `group:<name>`.
    """

    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Bidder(NamedTuple):
    """Who wants a seat: the digest of a machine's fingerprint, and of a user's name ('': nobody was named)."""

    machine: str
    user: str = ""

    @property
    def names(self) -> frozenset[str]:
        return frozenset({f"machine:{self.machine}"} | ({f"user:{self.user}"} if self.user else set()))


class Claim(NamedTuple):
    """A seat counts for this limit, which allows `most`."""

    name: str
    most: int

    @property
    def axis(self) -> str:
        """What kind of limit it is: holder, user, group or borrowed."""
        return self.name.partition(":")[0]

    @property
    def outlasts(self) -> bool:
        """What is borrowed counts until the end that was agreed, also when it is back: its lease could be a copy."""
        return self.axis == "borrowed"


class ClaimRefused(Exception):
    """A limit that a session would count for is reached; nothing of it was stored."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True)
class SeatAccess:
    """A seat policy with the people and machines that it applies to."""

    policy: SeatPolicy = field(default_factory=SeatPolicy)
    rules: SeatRules = field(default_factory=SeatRules)

    @classmethod
    def of(cls, policy: SeatPolicy, rules: SeatRules, seats: int | None = None) -> SeatAccess:
        """`resume` is left out: the pool has it, and no bidder is judged by it. Of more seats than there are (`seats`,
        None: no end) nothing is reserved: the groups of the highest priority keep theirs."""
        return cls(replace(policy, resume=timedelta(0), groups=_within(policy.groups, seats)), rules)

    @cached_property
    def digest(self) -> str:
        """Tells policies apart: 16 characters, '' for the one that is open to all."""
        if self == OPEN_TO_ALL:
            return ""
        return hashlib.sha256(json.dumps(asdict(self), default=str, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def size(self) -> int:
        """How many members its lists have together."""
        rules = self.rules
        return sum(map(len, rules.members.values())) + len(rules.include) + len(rules.exclude)

    def holder(self, bidder: Bidder) -> str:
        """Whose the seat is: the machine's, or the person's."""
        return bidder.user if self.policy.leasing is Leasing.USER else bidder.machine

    def require_admitted(self, bidder: Bidder) -> None:
        """Raises `InvalidRequest` when a person must be named, `SeatNotAllowed` when the lists leave the bidder out."""
        if not bidder.user and (self.policy.leasing is Leasing.USER or self.policy.seats_per_user is not None):
            raise InvalidRequest.field("user", "must be given: this licence counts the seats of people")
        names = bidder.names | {f"group:{group.name}" for group in self.groups_of(bidder)}
        if names & self._excluded or (self._included and not names & self._included):
            raise SeatNotAllowed()

    def groups_of(self, bidder: Bidder) -> tuple[SeatGroup, ...]:
        return tuple(each for each in self.policy.groups if bidder.names & self._members.get(each.name, frozenset()))

    def claims(self, bidder: Bidder, seats: int | None) -> Iterator[Claim]:
        """Every limit beside the licence's own (`seats`, None: no end) that a seat of this bidder counts for. A group
        without a limit or reserved seats is not counted: nobody asks how many it has."""
        yield Claim(f"holder:{self.holder(bidder)}", 1)
        if self.policy.seats_per_user is not None:
            yield Claim(f"user:{bidder.user}", self.policy.seats_per_user)
        for group in self.groups_of(bidder):
            if group.limit is not None or group.reserved:
                yield Claim(f"group:{group.name}", group.limit or seats or _NO_END)

    def reserved_for_others(self, bidder: Bidder, taken: Mapping[str, int]) -> int:
        """Seats that must stay free for groups the bidder is not in; `taken` is how many each claim name has now."""
        own = self.groups_of(bidder)
        others = (each for each in self.policy.groups if each.reserved and each not in own)
        return sum(max(0, each.reserved - taken.get(f"group:{each.name}", 0)) for each in others)

    def priority(self, bidder: Bidder) -> int:
        return max((group.priority for group in self.groups_of(bidder)), default=0)

    # a licence may list thousands, and every bidder is looked up in them

    @cached_property
    def _members(self) -> dict[str, frozenset[str]]:
        return {group: frozenset(names) for group, names in self.rules.members.items()}

    @cached_property
    def _included(self) -> frozenset[str]:
        return frozenset(self.rules.include)

    @cached_property
    def _excluded(self) -> frozenset[str]:
        return frozenset(self.rules.exclude)


def _within(groups: tuple[SeatGroup, ...], seats: int | None) -> tuple[SeatGroup, ...]:
    """The same groups, with at most `seats` reserved in all."""
    left, kept = seats, {}
    for group in sorted(groups, key=lambda each: -each.priority):
        kept[group.name] = group.reserved if left is None else min(group.reserved, left)
        left = None if left is None else left - kept[group.name]
    return tuple(replace(each, reserved=kept[each.name]) for each in groups)


OPEN_TO_ALL = SeatAccess()
_NO_END = 1_000_000
