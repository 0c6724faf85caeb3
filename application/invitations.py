"""Inviting people by mail, and what they do with the link: single use, seven days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from application.attribution import attribution
from application.policies import Agreement, Signer
from application.users import Link, Registration
from application.work import Work, Works
from domain.errors import ConcurrentChange, EmailTaken, NotAllowed, NotAuthenticated, SignatureInvalid
from domain.member_errors import AlreadyMember
from domain.organization import Organization
from domain.role import Authority, Role
from domain.user import User

if TYPE_CHECKING:
    from adapters.clock import Clock
    from adapters.memberships import Memberships
    from adapters.passwords import Passwords
    from adapters.personal_data import PersonalData
    from adapters.sent_invitations import SentInvitation, SentInvitations
    from adapters.tokens import Tokens
    from application.organizations import Organizations
    from application.policies import Policies

OPEN_FOR = timedelta(days=7)


class Offer(NamedTuple):
    """What whoever holds an invitation's link is told."""

    sent: SentInvitation
    organization_name: str | None
    has_account: bool


class Invitations:
    """The address is kept beside the log; the link that only its mailbox gets proves that it is the reader's."""

    def __init__(
        self,
        works: Works,
        sent: SentInvitations,
        people: PersonalData,
        memberships: Memberships,
        organizations: Organizations,
        passwords: Passwords,
        tokens: Tokens,
        policies: Policies,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._works = works
        self._sent = sent
        self._people = people
        self._memberships = memberships
        self._organizations = organizations
        self._passwords = passwords
        self._tokens = tokens
        self._policies = policies
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    # by the organization

    def invite(self, organization_id: UUID, email: str, role: Role, *, by: Authority) -> SentInvitation:
        """Has a link mailed; one that the address got before ends with it. `AlreadyMember`; raises as
        `Organization.invite`."""
        if self._memberships.has_address(organization_id, email):
            raise AlreadyMember()
        id = self._clock.new_id()

        def decide(work: Work, now: datetime) -> None:
            organization, expires_at = work.fetch(Organization, organization_id), now + OPEN_FOR
            self._replace(work, organization, email, by, now)
            organization.invite(id, role=role, expires_at=expires_at, by=by, now=now)
            facts: dict[str, Any] = {"email": email, "role": role, "invited_by": by.user_id}
            work.rows.append(self._sent.enter(id, organization_id, **facts, now=now, expires_at=expires_at))

        self._works.run(decide)
        sent = self._sent.find(id)
        if sent is None:
            raise ConcurrentChange("The invitation was withdrawn at the same moment.", retry_after=1)
        return sent

    def withdraw(self, organization_id: UUID, invitation_id: UUID, *, by: Authority) -> None:
        """Its link ends. Raises as `Organization.withdraw_invitation`."""

        def decide(work: Work, now: datetime) -> None:
            work.fetch(Organization, organization_id).withdraw_invitation(invitation_id, by=by, now=now)
            work.rows.append(self._sent.remove(invitation_id))

        self._works.run(decide)

    def open(
        self, organization_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int = 25
    ) -> Sequence[SentInvitation]:
        """Those that can still be accepted, the oldest first."""
        return self._sent.open(organization_id, self._clock.now(), after=after, limit=limit)

    def to(self, email: str) -> Sequence[SentInvitation]:
        """Every organization's to this address."""
        return self._sent.to_address(email)

    def link(self, invitation_id: UUID) -> Link | None:
        """For the mail; None when the invitation was used or withdrawn, or is out of date."""
        sent, now = self._sent.find(invitation_id), self._clock.now()
        if sent is None or sent.expires_at <= now:
            return None
        claims = {"sub": str(invitation_id)}
        token = self._tokens.sign("invitation", claims, now=now, lifetime=sent.expires_at - now)
        return Link(f"{self._public_url}/invitation?token={token}", sent.expires_at)

    # by whoever was invited; `SignatureInvalid` when the link is not ours or out of date, was used or withdrawn

    def offer(self, token: str) -> Offer:
        """What the invitation is to."""
        sent = self._read(token)
        contact = self._organizations.contact(sent.organization_id)
        has_account = self._people.person_with(sent.email) is not None
        return Offer(sent, contact.company_name if contact else None, has_account)

    def accept(self, token: str, user_id: UUID) -> SentInvitation:
        """By the person of that very address. `NotAllowed` for another one, `AlreadyMember`."""
        sent, person = self._read(token), self._people.person(user_id)
        if person is None:
            raise NotAuthenticated("This account does not exist any more.")
        if person.email.lower() != sent.email.lower():
            raise NotAllowed("This invitation was sent to another address; log in with the account of that address.")
        self._organizations.require_room(user_id)
        attribution().actor = f"user:{user_id}"

        def decide(work: Work, now: datetime) -> None:
            work.fetch(User, user_id).require_verified()  # seen: one who is erased meanwhile does not join
            self._join(work, sent, user_id, now)

        self._works.run(decide)
        self._memberships.changed(sent.organization_id, user_id)
        return sent

    def register(self, token: str, *, password: str, full_name: str, agreed: Sequence[Agreement] = ()) -> Registration:
        """A new person, whose address the link has proven. As `Users.register`; an invited person agrees for itself
        only."""
        sent = self._read(token)
        self._passwords.check_new(password, email=sent.email)
        password_hash, user_id = self._passwords.hash(password), self._clock.new_id()
        attribution().actor = f"user:{user_id}"

        def decide(work: Work, now: datetime) -> None:
            if self._people.person_with(sent.email):
                raise EmailTaken()
            user = work.add(User.register(id=user_id, organization_id=None, now=now))
            user.verify_email(now=now)
            for record in self._policies.at_registration(Signer(user_id), agreed, now):
                work.add(record)
            work.rows += [
                self._people.register(
                    user_id, None, email=sent.email, full_name=full_name, password_hash=password_hash, now=now
                ),
                self._people.mark_verified(user_id, now),
            ]
            self._join(work, sent, user_id, now)

        self._works.run(decide)
        return Registration(user_id, sent.organization_id)

    def _replace(self, work: Work, organization: Organization, email: str, by: Authority, now: datetime) -> None:
        former = self._sent.to(organization.id, email)
        if former is None:
            return
        if former.invitation_id in organization.invitations:
            organization.withdraw_invitation(former.invitation_id, by=by, now=now)
        work.rows.append(self._sent.remove(former.invitation_id))

    def _join(self, work: Work, sent: SentInvitation, user_id: UUID, now: datetime) -> None:
        organization = work.fetch(Organization, sent.organization_id)
        organization.accept_invitation(sent.invitation_id, user_id=user_id, now=now)
        work.rows += [
            self._memberships.put(sent.organization_id, user_id, sent.role, now),
            self._sent.remove(sent.invitation_id),
        ]

    def _read(self, token: str) -> SentInvitation:
        claims = self._tokens.read("invitation", token, now=self._clock.now())
        sent = self._sent.find(UUID(claims["sub"])) if claims else None
        if sent is None:
            raise SignatureInvalid("This invitation was used or withdrawn, or is out of date; ask for a new one.")
        return sent
