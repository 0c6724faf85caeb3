"""Who buys: the owner of subscriptions, licences and invoices, and who may act for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.counting import check_zone
from domain.errors import NotAllowed, NotFound, SignatureInvalid
from domain.invitation import Invitation
from domain.member_errors import AlreadyMember, LastOwner, TooManyMembers
from domain.problems import refuse
from domain.role import Authority, Role

MOST_MEMBERS = 1_000
"""Of one organization, open invitations included: every change reads all of them."""


class Organization(Aggregate):
    """A company or a person that buys; its name and address live in `organization_contacts`, never here.

    Once it has a member it always has an owner, until the last member is erased. Nobody gives or takes a role above the
    own one. One that was made for a provider's customer has no members until somebody proves to be that customer.
    Through which customers of a payment provider it pays is known by the `BillingAccount`s.
    """

    TOPIC = "organization"

    if TYPE_CHECKING:
        adopted_from: tuple[str, str] | None  # the provider and its customer
        merged_into: UUID | None
        time_zone: str  # whose days and months limits follow
        members: dict[UUID, Role]
        invitations: dict[UUID, Invitation]  # neither accepted nor withdrawn; some may be out of date

    @classmethod
    def register(cls, *, id: UUID, now: datetime, founder: UUID | None = None) -> Organization:
        """Made by a person, who is its first owner."""
        return cls.begin(cls.Registered, id=id, now=now, founder=founder)

    @classmethod
    def adopt(cls, *, id: UUID, provider: str, customer: str, now: datetime) -> Organization:
        """Made for a provider's customer that nobody here knows."""
        return cls.begin(cls.Adopted, id=id, now=now, provider=provider, customer=customer)

    def rename(self, *, now: datetime) -> None:
        """The name itself may be a person's and stays out of the log."""
        self.record(self.Renamed, now=now)

    def set_contact(self, user_id: UUID, *, now: datetime) -> None:
        """The member to whom mails about licences and payments go from now on. `NotFound` when it is no member."""
        self._role_of_member(user_id)
        self.record(self.ContactSet, now=now, user_id=user_id)

    def merge(self, *, into: UUID, now: datetime) -> None:
        """It was made for a customer that turned out to be `into`'s; all it had moves there."""
        if self.merged_into is None and into != self.id:
            self.record(self.Merged, now=now, into=into)

    def set_time_zone(self, time_zone: str, *, now: datetime) -> None:
        """A name of the IANA database, e.g. `Europe/Berlin`; `InvalidRequest` for another."""
        refuse(check_zone("time_zone", time_zone))
        if time_zone != self.time_zone:
            self.record(self.TimeZoneSet, now=now, time_zone=time_zone)

    def recognize_owner(self, user_id: UUID, *, now: datetime) -> None:
        """Nobody is a member, and this person proved to be whom it was made for."""
        if not self.members:
            self.record(self.OwnerRecognized, now=now, user_id=user_id)

    # invitations

    def invite(self, invitation_id: UUID, *, role: Role, expires_at: datetime, by: Authority, now: datetime) -> None:
        """`NotAllowed` for a role above the inviter's, `TooManyMembers`."""
        self._require_power(by, role)
        if len(self.members) + len(self.open_invitations(now)) >= MOST_MEMBERS:
            raise TooManyMembers(limit=MOST_MEMBERS)
        self.record(
            self.MemberInvited,
            now=now,
            invitation_id=invitation_id,
            role=role,
            expires_at=expires_at,
            invited_by=by.user_id,
        )

    def withdraw_invitation(self, invitation_id: UUID, *, by: Authority, now: datetime) -> None:
        """`NotFound` when it was accepted or withdrawn, `NotAllowed` when it offers more than the own role."""
        invitation = self.invitations.get(invitation_id)
        if invitation is None:
            raise NotFound.of("invitation", invitation_id)
        self._require_power(by, invitation.role)
        self.record(self.InvitationWithdrawn, now=now, invitation_id=invitation_id)

    def accept_invitation(self, invitation_id: UUID, *, user_id: UUID, now: datetime) -> None:
        """By whoever the address belongs to that it was sent to. `SignatureInvalid` when it was used, withdrawn or is
        out of date, `AlreadyMember`."""
        invitation = self.open_invitations(now).get(invitation_id)
        if invitation is None:
            raise SignatureInvalid("This invitation was used or withdrawn, or is out of date; ask for a new one.")
        if user_id in self.members:
            raise AlreadyMember()
        self.record(self.MemberJoined, now=now, user_id=user_id, role=invitation.role, invitation_id=invitation_id)

    def open_invitations(self, now: datetime) -> dict[UUID, Invitation]:
        """Those that can be accepted."""
        return {id: each for id, each in self.invitations.items() if each.expires_at > now}

    # members

    def change_role(self, user_id: UUID, role: Role, *, by: Authority, now: datetime) -> None:
        """`NotFound` when it is no member; `NotAllowed` when the old or the new role is above the own; `LastOwner`."""
        former = self._role_of_member(user_id)
        self._require_power(by, former, role)
        if role is former:
            return
        self._require_another_owner(user_id)
        self.record(self.RoleChanged, now=now, user_id=user_id, role=role, former=former)

    def remove(self, user_id: UUID, *, by: Authority, now: datetime) -> None:
        """`NotFound` when it is no member, `NotAllowed` when its role is above the own, `LastOwner`."""
        self._require_power(by, self._role_of_member(user_id))
        self._require_another_owner(user_id)
        self.record(self.MemberRemoved, now=now, user_id=user_id)

    def leave(self, user_id: UUID, *, now: datetime) -> None:
        """By the member itself. `NotFound` when it is none, `LastOwner`."""
        self._role_of_member(user_id)
        self._require_another_owner(user_id)
        self.record(self.MemberLeft, now=now, user_id=user_id)

    def transfer_ownership(self, user_id: UUID, *, by: UUID, now: datetime) -> None:
        """An owner makes another member the owner and is an admin from then on. `NotFound`, `NotAllowed`."""
        self._role_of_member(user_id)
        self._require_power(Authority(Role.OWNER, by), Role.OWNER)
        if user_id != by:
            self.record(self.OwnershipTransferred, now=now, user_id=user_id, former=by)

    def forget(self, user_id: UUID, *, now: datetime) -> None:
        """The member is erased. `LastOwner` when others are left and none of them is an owner."""
        if user_id not in self.members:
            return
        if len(self.members) > 1:
            self._require_another_owner(user_id)
        self.record(self.MemberErased, now=now, user_id=user_id)

    @property
    def is_unclaimed(self) -> bool:
        """Made for a provider's customer, and nobody has proven to be that customer yet."""
        return self.adopted_from is not None and self.merged_into is None and not self.members

    @property
    def owners(self) -> tuple[UUID, ...]:
        """In the order in which they came."""
        return tuple(user_id for user_id, role in self.members.items() if role is Role.OWNER)

    def _role_of_member(self, user_id: UUID) -> Role:
        role = self.members.get(user_id)
        if role is None:
            raise NotFound.of("member", user_id)
        return role

    def _require_power(self, by: Authority, *touched: Role) -> None:
        power = by.role if by.user_id is None else self.members.get(by.user_id)
        if power is None:
            raise NotAllowed("You are not a member of this organization any more.")
        if above := next((role for role in touched if not power.covers(role)), None):
            raise NotAllowed(f"With the role {power} nobody gives, changes or takes the role {above}.")

    def _require_another_owner(self, user_id: UUID) -> None:
        if self.owners == (user_id,):
            raise LastOwner()

    class Registered(Created):
        """`founder` None: registered before members were known; who it was is said by `OwnerRecognized`."""

        TOPIC = "organization.registered"
        founder: UUID | None = None

        def apply(self, organization: Organization) -> None:
            _begin(organization, adopted_from=None)
            if self.founder:
                organization.members[self.founder] = Role.OWNER

    class Adopted(Created):
        TOPIC = "organization.adopted"
        provider: str
        customer: str

        def apply(self, organization: Organization) -> None:
            _begin(organization, adopted_from=(self.provider, self.customer))

    class Merged(Aggregate.Event):
        TOPIC = "organization.merged"
        into: UUID

        def apply(self, organization: Organization) -> None:
            organization.merged_into = self.into

    class Renamed(Aggregate.Event):
        TOPIC = "organization.renamed"

    class TimeZoneSet(Aggregate.Event):
        TOPIC = "organization.time_zone_set"
        time_zone: str

        def apply(self, organization: Organization) -> None:
            organization.time_zone = self.time_zone

    class ContactSet(Aggregate.Event):
        TOPIC = "organization.contact_set"
        user_id: UUID

    class OwnerRecognized(Aggregate.Event):
        TOPIC = "organization.owner_recognized"
        user_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.members[self.user_id] = Role.OWNER

    class MemberInvited(Aggregate.Event):
        """`invited_by` None: a program or the vendor."""

        TOPIC = "organization.member_invited"
        invitation_id: UUID
        role: Role
        expires_at: datetime
        invited_by: UUID | None

        def apply(self, organization: Organization) -> None:
            organization.invitations[self.invitation_id] = Invitation(self.role, self.expires_at)

    class InvitationWithdrawn(Aggregate.Event):
        TOPIC = "organization.invitation_withdrawn"
        invitation_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.invitations.pop(self.invitation_id, None)

    class MemberJoined(Aggregate.Event):
        TOPIC = "organization.member_joined"
        user_id: UUID
        role: Role
        invitation_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.invitations.pop(self.invitation_id, None)
            organization.members[self.user_id] = self.role

    class RoleChanged(Aggregate.Event):
        TOPIC = "organization.role_changed"
        user_id: UUID
        role: Role
        former: Role

        def apply(self, organization: Organization) -> None:
            organization.members[self.user_id] = self.role

    class MemberRemoved(Aggregate.Event):
        TOPIC = "organization.member_removed"
        user_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.members.pop(self.user_id, None)

    class MemberLeft(Aggregate.Event):
        TOPIC = "organization.member_left"
        user_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.members.pop(self.user_id, None)

    class OwnershipTransferred(Aggregate.Event):
        TOPIC = "organization.ownership_transferred"
        user_id: UUID
        former: UUID

        def apply(self, organization: Organization) -> None:
            organization.members[self.former] = Role.ADMIN
            organization.members[self.user_id] = Role.OWNER

    class MemberErased(Aggregate.Event):
        TOPIC = "organization.member_erased"
        user_id: UUID

        def apply(self, organization: Organization) -> None:
            organization.members.pop(self.user_id, None)


def _begin(organization: Organization, *, adopted_from: tuple[str, str] | None) -> None:
    organization.adopted_from = adopted_from
    organization.merged_into = None
    organization.members = {}
    organization.invitations = {}
    organization.time_zone = "UTC"
