"""Who belongs to the groups of a licence's plan, and who may sit at all: said by whoever knows the people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.work import Work, Works
from domain.lease import fingerprint_digest
from domain.license import License
from domain.problems import Problem, refuse
from domain.seat_access import SeatRules

if TYPE_CHECKING:
    from adapters.seat_rule_names import SeatRuleNames
    from adapters.user_digests import UserDigests

MOST_MEMBERS = 10_000


class Member(NamedTuple):
    """A user or a machine, by what it is told by (a user's name, a machine's fingerprint) or by the digest of that.
    `name` is what people call it."""

    told: str | None = None
    digest: str | None = None
    name: str | None = None


class People(NamedTuple):
    users: Sequence[Member] = ()
    machines: Sequence[Member] = ()
    groups: Sequence[str] = ()


class Wanted(NamedTuple):
    """The rules as somebody wants them, with the members of each of the plan's groups."""

    groups: Mapping[str, People]
    include: People
    exclude: People

    @property
    def lists(self) -> list[tuple[str, People]]:
        """Each list with the name of its field."""
        named = [(f"groups.{group}", people) for group, people in self.groups.items()]
        return [*named, ("include", self.include), ("exclude", self.exclude)]


class LicenseSeatRules:
    """Users and fingerprints are turned into digests here: a fingerprint is not kept, a name where it can be erased."""

    def __init__(self, names: SeatRuleNames, users: UserDigests, works: Works) -> None:
        self._names = names
        self._users = users
        self._works = works

    def set(self, license_id: UUID, wanted: Wanted, *, reason: str) -> License:
        """These rules in place of those there are; who sits stays. `NotFound`, `LicenseRevoked`, and `InvalidRequest`
        for a group that the plan does not have, somebody who is nobody, and more than 10,000 members."""

        def decide(work: Work, now: datetime) -> License:
            license = work.fetch(License, license_id)
            reading = _Reading(license, self._users)
            rules = reading.rules(wanted)
            license.set_seat_rules(rules, reason=reason, now=now)
            work.rows += self._names.replace(license_id, license.organization_id, reading.names)
            return license

        return self._works.run(decide)

    def names(self, license_id: UUID) -> dict[str, str]:
        """Member (`user:<digest>`, `machine:<digest>`) → name, of those that have one."""
        return self._names.of(license_id)


class _Reading:
    """Turns what was told into rules; `names` are those of the members then."""

    def __init__(self, license: License, users: UserDigests) -> None:
        self.names: dict[str, str] = {}
        self._license = license
        self._users = users
        self._problems: list[Problem] = []

    def rules(self, wanted: Wanted) -> SeatRules:
        """Raises `InvalidRequest` with everything that is wrong."""
        count = sum(len(each.users) + len(each.machines) + len(each.groups) for _, each in wanted.lists)
        if count > MOST_MEMBERS:
            refuse([Problem("groups", f"may list at most {MOST_MEMBERS:,} users, machines and groups in all")])
        read = {field: tuple(sorted(set(self._members(field, people)))) for field, people in wanted.lists}
        self._problems += [
            Problem(f"groups.{each}", "is no group of this licence's plan")
            for each in wanted.groups
            if not self._is_group(each)
        ]
        refuse(self._problems)
        members = {name: read[f"groups.{name}"] for name in sorted(wanted.groups) if read[f"groups.{name}"]}
        return SeatRules(members, read["include"], read["exclude"])

    def _members(self, field: str, people: People) -> Iterator[str]:
        for number, user in enumerate(people.users):
            yield self._named(f"user:{self._user(f'{field}.users.{number}', user)}", user.name)
        for machine in people.machines:
            yield self._named(f"machine:{machine.digest or fingerprint_digest(machine.told or '')}", machine.name)
        for number, group in enumerate(people.groups):
            if not self._is_group(group):
                self._problems.append(Problem(f"{field}.groups.{number}", "is no group of this licence's plan"))
            yield f"group:{group}"

    def _user(self, field: str, user: Member) -> str:
        digest = self._users.digest(self._license.id, user.told or "")
        if user.told is not None and not digest:
            self._problems.append(Problem(f"{field}.name", "must name somebody"))
        if digest and user.digest and digest != user.digest:
            self._problems.append(Problem(f"{field}.digest", "is not that of this name; leave one of them out"))
        return digest or user.digest or ""

    def _named(self, member: str, name: str | None) -> str:
        if name is not None:
            self.names[member] = name
        return member

    def _is_group(self, name: str) -> bool:
        return self._license.terms.entitlements.seat_policy.group(name) is not None
