"""What people are asked to agree to, what they agreed to, and what is outstanding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from application.work import Work, Works
from domain.consent_record import ConsentRecord, ConsentRequired, lacks
from domain.errors import InvalidRequest, NotAllowed, NotFound
from domain.ids import consent_record_id_for, policy_book_id
from domain.policy_book import Demand, Party, Policy, PolicyBook, PolicyVersion
from domain.role import Role

if TYPE_CHECKING:
    from application.store import Store


class Agreement(NamedTuple):
    """That a version of a policy was shown and agreed to."""

    policy: str
    version: str


class Signer(NamedTuple):
    """A person, and for which organization it acts in which role, if for any."""

    user_id: UUID
    organization_id: UUID | None = None
    role: Role | None = None

    def party_of(self, policy: Policy) -> UUID:
        """Whose agreement it is. `NotAllowed` for what only an owner may agree to."""
        if policy.party is Party.PERSON:
            return self.user_id
        if self.organization_id is None or self.role is not Role.OWNER:
            raise NotAllowed(f"Only an owner agrees to {policy.code}: it binds the organization.")
        return self.organization_id

    def may_sign(self, policy: Policy) -> bool:
        return policy.party is Party.PERSON or (self.organization_id is not None and self.role is Role.OWNER)


class Policies:
    """Reads come from the aggregates: what was agreed to is outstanding no more in the very next answer."""

    def __init__(self, store: Store, works: Works) -> None:
        self._store = store
        self._works = works

    # the vendor

    def publish(self, policy: str, party: Party, version: PolicyVersion) -> Policy:
        """As `PolicyBook.publish`."""

        def decide(work: Work, now: datetime) -> Policy:
            book = work.find(PolicyBook, policy_book_id()) or work.add(PolicyBook.open(now=now))
            book.publish(policy, party, version, now=now)
            return book.find(policy)

        return self._works.run(decide)

    def withdraw(self, policy: str) -> None:
        """`NotFound`."""

        def decide(work: Work, now: datetime) -> None:
            _book_of(work, policy).withdraw(policy, now=now)

        self._works.run(decide)

    def known(self) -> list[Policy]:
        """Every policy that was ever published, by its code."""
        book = self._store.find(PolicyBook, policy_book_id())
        return [each for _, each in sorted(book.policies.items())] if book else []

    def in_force(self) -> list[Policy]:
        return [each for each in self.known() if not each.withdrawn]

    # whoever is asked

    def outstanding(self, signer: Signer) -> list[Policy]:
        """What is required of the person, or of the organization by this owner, and was not agreed to."""
        asked = [each for each in self.in_force() if signer.may_sign(each) and lacks(None, each)]
        ids = {each.code: consent_record_id_for(signer.party_of(each)) for each in asked}
        records = {each.id: each for each in self._store.find_all(ConsentRecord, set(ids.values()))} if ids else {}
        return [each for each in asked if lacks(records.get(ids[each.code]), each)]

    def give(self, signer: Signer, agreed: Agreement) -> Policy:
        """`NotFound` for a policy that there is not, `InvalidRequest` for such a version, `PolicyVersionSuperseded`,
        `NotAllowed` for what only an owner agrees to."""

        def decide(work: Work, now: datetime) -> Policy:
            policy = _book_of(work, agreed.policy).find(agreed.policy)
            _require_version(policy, agreed.version, "version")
            record = _record_of(work, signer, policy, now)
            _give(record, policy, agreed.version, signer, now)
            return policy

        return self._works.run(decide)

    def take_back(self, signer: Signer, policy: str) -> None:
        """`ConsentRequired` for what is not optional; `NotFound`, `NotAllowed`."""

        def decide(work: Work, now: datetime) -> None:
            known = _book_of(work, policy).find(policy)
            record = work.find(ConsentRecord, consent_record_id_for(signer.party_of(known)))
            if record is not None:
                record.withdraw(known, user_id=signer.user_id, now=now)

        self._works.run(decide)

    def at_registration(self, signer: Signer, agreed: Sequence[Agreement], now: datetime) -> list[ConsentRecord]:
        """To be stored with the new person. `ConsentRequired` naming what the vendor lets nobody register without;
        otherwise what is missing is outstanding at the first log-in. `InvalidRequest` for what there is not."""
        in_force = {each.code: each for each in self.in_force()}
        given = dict(agreed)
        records: dict[UUID, ConsentRecord] = {}
        for index, (code, version) in enumerate(agreed):
            policy = in_force.get(code)
            if policy is None or not signer.may_sign(policy):
                raise InvalidRequest.field(f"consents.{index}.policy", f"nobody is asked for {code} here")
            _require_version(policy, version, f"consents.{index}.version")
            record = _new_record(records, signer, policy, now)
            _give(record, policy, version, signer, now)
        missing = [each for code, each in in_force.items() if code not in given and signer.may_sign(each)]
        if wanted := [each for each in missing if each.current.demand is Demand.AT_REGISTRATION]:
            raise ConsentRequired.to(wanted)
        return list(records.values())


def _book_of(work: Work, policy: str) -> PolicyBook:
    book = work.find(PolicyBook, policy_book_id())
    if book is None:
        raise NotFound.of("policy", policy)
    return book


def _require_version(policy: Policy, version: str, field: str) -> None:
    if policy.find(version) is None:
        raise InvalidRequest.field(field, f"{policy.code} has no version {version}; now it is {policy.current.version}")


def _record_of(work: Work, signer: Signer, policy: Policy, now: datetime) -> ConsentRecord:
    known = work.find(ConsentRecord, consent_record_id_for(signer.party_of(policy)))
    return known or work.add(_opened(signer, policy, now))


def _new_record(records: dict[UUID, ConsentRecord], signer: Signer, policy: Policy, now: datetime) -> ConsentRecord:
    party = signer.party_of(policy)
    if party not in records:
        records[party] = _opened(signer, policy, now)
    return records[party]


def _opened(signer: Signer, policy: Policy, now: datetime) -> ConsentRecord:
    of_person, party = policy.party is Party.PERSON, signer.party_of(policy)
    user_id, organization_id = (party, None) if of_person else (None, party)
    return ConsentRecord.open(
        id=consent_record_id_for(party), user_id=user_id, organization_id=organization_id, now=now
    )


def _give(record: ConsentRecord, policy: Policy, version: str, signer: Signer, now: datetime) -> None:
    organization_id = None if policy.party is Party.PERSON else signer.organization_id
    record.give(policy, version, user_id=signer.user_id, organization_id=organization_id, now=now)
