"""What the vendor asks people and organizations to agree to: terms, a privacy notice, a data processing agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, NotFound
from domain.ids import policy_book_id
from domain.problems import Problem, check_code, check_name, refuse

MOST_POLICIES = 50
MOST_VERSIONS = 200
LONGEST_URL = 2_048


class PolicyVersionPublished(Conflict):
    code = "policy_version_published"
    sentence = "This version was published with other words; what people agreed to never changes. Publish the next one."


class Party(StrEnum):
    """Who agrees: each person, or an owner for the whole organization."""

    PERSON = "person"
    ORGANIZATION = "organization"


class Demand(StrEnum):
    """OPTIONAL: asked, and taken back at will. REQUIRED: outstanding until it is agreed to. AT_REGISTRATION: besides,
    nobody registers without."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    AT_REGISTRATION = "at_registration"


@dataclass(frozen=True)
class PolicyVersion:
    """`url` is where its text stays to be read."""

    version: str
    title: str
    url: str
    demand: Demand

    def problems(self) -> Iterator[Problem]:
        yield from check_code("version", self.version)
        yield from check_name("title", self.title)
        if len(self.url) > LONGEST_URL or not _is_https(self.url):
            yield Problem("url", f"must be an https:// address of at most {LONGEST_URL:,} characters")


@dataclass(frozen=True)
class Policy:
    """All versions of one text, the oldest first; the last one is asked for, unless it is withdrawn."""

    code: str
    party: Party
    versions: tuple[PolicyVersion, ...]
    withdrawn: bool = False

    @property
    def current(self) -> PolicyVersion:
        return self.versions[-1]

    def find(self, version: str) -> PolicyVersion | None:
        return next((each for each in self.versions if each.version == version), None)


class PolicyBook(Aggregate):
    """One stream: a few texts with a few versions each, all of which every log-in asks for."""

    TOPIC = "policy_book"

    if TYPE_CHECKING:
        policies: dict[str, Policy]

    @classmethod
    def open(cls, *, now: datetime) -> PolicyBook:
        return cls.begin(cls.Opened, id=policy_book_id(), now=now)

    def publish(self, policy: str, party: Party, version: PolicyVersion, *, now: datetime) -> None:
        """From now on this version is asked for. The same again: no effect, but that a withdrawn policy is back.
        `PolicyVersionPublished` for other words or another party; `InvalidRequest`."""
        refuse([*check_code("policy", policy), *version.problems()])
        known = self.policies.get(policy)
        if known is None:
            _require_room(len(self.policies), MOST_POLICIES, "policies")
        elif known.party is not party or known.find(version.version) not in (None, version):
            raise PolicyVersionPublished()
        elif known.find(version.version) is None:
            _require_room(len(known.versions), MOST_VERSIONS, "versions of this policy")
        elif not known.withdrawn:
            return
        self.record(self.Published, now=now, policy=policy, party=party, version=version)

    def withdraw(self, policy: str, *, now: datetime) -> None:
        """Nobody is asked any more. Again: no effect. `NotFound`."""
        if not self.find(policy).withdrawn:
            self.record(self.Withdrawn, now=now, policy=policy)

    def find(self, policy: str) -> Policy:
        """`NotFound`."""
        if policy not in self.policies:
            raise NotFound.of("policy", policy)
        return self.policies[policy]

    @property
    def in_force(self) -> list[Policy]:
        """Those that people are asked for, by their codes."""
        return [each for _, each in sorted(self.policies.items()) if not each.withdrawn]

    class Opened(Created):
        TOPIC = "policy_book.opened"

        def apply(self, book: PolicyBook) -> None:
            book.policies = {}

    class Published(Aggregate.Event):
        TOPIC = "policy_book.published"
        policy: str
        party: Party
        version: PolicyVersion

        def apply(self, book: PolicyBook) -> None:
            known = book.policies.get(self.policy)
            earlier = [each for each in known.versions if each != self.version] if known else []
            book.policies[self.policy] = Policy(self.policy, self.party, (*earlier, self.version))

    class Withdrawn(Aggregate.Event):
        TOPIC = "policy_book.withdrawn"
        policy: str

        def apply(self, book: PolicyBook) -> None:
            book.policies[self.policy] = replace(book.policies[self.policy], withdrawn=True)


def _require_room(used: int, most: int, what: str) -> None:
    if used >= most:
        raise Conflict(f"There are {most} {what}, and no more fit.")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and url.isprintable() and " " not in url
