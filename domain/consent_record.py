"""What one person, or one organization, agreed to, and what it took back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict
from domain.policy_book import Demand, Policy


class PolicyVersionSuperseded(Conflict):
    code = "policy_version_superseded"
    sentence = "There is a newer version of this policy; show that one."


class ConsentRequired(Conflict):
    code = "consent_required"
    sentence = "This cannot be done without agreeing to what the vendor requires."

    @classmethod
    def to(cls, policies: Iterable[Policy]) -> ConsentRequired:
        """Names what has to be agreed to."""
        wanted = [{"policy": each.code, "version": each.current.version, "url": each.current.url} for each in policies]
        names = ", ".join(each["policy"] for each in wanted)
        return cls(f"Agree to {names} to register.", details={"policies": wanted})


class ConsentRecord(Aggregate):
    """One for each party that was ever asked; its id follows from the party's. It holds ids and codes only."""

    TOPIC = "consent_record"

    if TYPE_CHECKING:
        standing: dict[str, str]

    @classmethod
    def open(cls, *, id: UUID, user_id: UUID | None, organization_id: UUID | None, now: datetime) -> ConsentRecord:
        """For the person, or for the organization: one of them is None."""
        return cls.begin(cls.Opened, id=id, now=now, user_id=user_id, organization_id=organization_id)

    def give(
        self, policy: Policy, version: str, *, user_id: UUID, organization_id: UUID | None = None, now: datetime
    ) -> None:
        """The person agrees (for the organization, if one is named) to the version that is asked for now. One that
        stands already: no effect, however old. `PolicyVersionSuperseded`."""
        if self.standing.get(policy.code) == version:
            return
        if policy.current.version != version or policy.withdrawn:
            raise PolicyVersionSuperseded(details={"current": None if policy.withdrawn else policy.current.version})
        facts = {"policy": policy.code, "version": version, "user_id": user_id, "organization_id": organization_id}
        self.record(self.Given, now=now, **facts)

    def withdraw(self, policy: Policy, *, user_id: UUID, now: datetime) -> None:
        """Takes it back; what was never given: no effect. `ConsentRequired` for what is not optional."""
        version = self.standing.get(policy.code)
        if version is None:
            return
        if policy.current.demand is not Demand.OPTIONAL and not policy.withdrawn:
            raise ConsentRequired("This is required as long as there is an account; delete the account instead.")
        self.record(self.Withdrawn, now=now, policy=policy.code, version=version, user_id=user_id)

    class Opened(Created):
        TOPIC = "consent_record.opened"
        user_id: UUID | None
        organization_id: UUID | None

        def apply(self, record: ConsentRecord) -> None:
            record.standing = {}

    class Given(Aggregate.Event):
        TOPIC = "consent_record.given"
        policy: str
        version: str
        user_id: UUID
        organization_id: UUID | None

        def apply(self, record: ConsentRecord) -> None:
            record.standing[self.policy] = self.version

    class Withdrawn(Aggregate.Event):
        TOPIC = "consent_record.withdrawn"
        policy: str
        version: str
        user_id: UUID

        def apply(self, record: ConsentRecord) -> None:
            record.standing.pop(self.policy, None)


def lacks(record: ConsentRecord | None, policy: Policy) -> bool:
    """Whether what is required now was not agreed to; whoever has no record agreed to nothing."""
    given = record.standing.get(policy.code) if record else None
    return policy.current.demand is not Demand.OPTIONAL and given != policy.current.version
