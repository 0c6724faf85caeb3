"""Members of an organization: who may do what to whom, and that there is always an owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.api_key import OWNER_SCOPES, Scope
from domain.errors import NotAllowed, NotFound, SignatureInvalid, UsherError
from domain.member_errors import AlreadyMember, LastOwner, TooManyMembers
from domain.organization import MOST_MEMBERS, Organization
from domain.role import Authority, Role

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEEK = NOW + timedelta(days=7)
ID, ANN, BOB, CAT, EVE = (UUID(int=n) for n in range(1, 6))
INVITATION = UUID(int=100)
VENDOR, PROGRAM = Authority(Role.OWNER), Authority(Role.ADMIN)


def by(user_id: UUID) -> Authority:
    return Authority(Role.VIEWER, user_id)  # whatever it says: the organization knows better


def organization(**members: Role) -> Organization:
    """Ann's, and with these members: `bob=Role.ADMIN`."""
    made = Organization.register(id=ID, founder=ANN, now=NOW)
    for number, (name, role) in enumerate(members.items()):
        invite(made, role, UUID(int=200 + number))
        made.accept_invitation(UUID(int=200 + number), user_id=globals()[name.upper()], now=NOW)
    made.collect_events()
    return made


def invite(made: Organization, role: Role, id: UUID = INVITATION, authority: Authority = VENDOR) -> None:
    made.invite(id, role=role, expires_at=WEEK, by=authority, now=NOW)


def facts(made: Organization) -> list[str]:
    return [type(event).__name__ for event in made.collect_events()]


# roles


def test_each_role_may_do_all_that_the_next_one_may() -> None:
    for higher, lower in pairwise(Role):
        assert higher.covers(lower) and not lower.covers(higher) and higher.covers(higher)
        assert higher.scopes >= lower.scopes
    assert Role.OWNER.scopes == OWNER_SCOPES and Role.VIEWER.scopes


def test_a_viewer_changes_nothing() -> None:
    assert all(scope.endswith(":read") for scope in Role.VIEWER.scopes)


def test_the_least_role_with_a_right_is_known_and_the_vendors_is_nobodys() -> None:
    assert Role.least_with(Scope.LICENSES_READ) is Role.VIEWER
    assert Role.least_with(Scope.LICENSES_READ, Scope.API_KEYS) is Role.DEVELOPER
    assert Role.least_with(Scope.AUDIT) is Role.ADMIN
    assert Role.least_with() is Role.VIEWER
    assert Role.least_with(Scope.ADMIN) is None


# founding and recognizing


def test_whoever_registers_it_is_its_owner() -> None:
    assert Organization.register(id=ID, founder=ANN, now=NOW).members == {ANN: Role.OWNER}


def test_one_that_was_registered_before_members_were_known_is_told_its_owner_once() -> None:
    old = Organization.register(id=ID, now=NOW)
    old.recognize_owner(ANN, now=NOW)
    old.recognize_owner(BOB, now=NOW)
    assert old.members == {ANN: Role.OWNER}
    assert facts(old) == ["Registered", "OwnerRecognized"]


def test_one_that_was_made_for_a_customer_is_unclaimed_until_somebody_proves_to_be_it() -> None:
    adopted = Organization.adopt(id=ID, provider="stripe", customer="cus_1", now=NOW)
    assert adopted.is_unclaimed and not organization().is_unclaimed
    adopted.recognize_owner(ANN, now=NOW)
    assert not adopted.is_unclaimed


# invitations


def test_an_invitation_is_good_once() -> None:
    made = organization()
    invite(made, Role.DEVELOPER, authority=by(ANN))
    made.accept_invitation(INVITATION, user_id=BOB, now=NOW)
    with pytest.raises(SignatureInvalid):
        made.accept_invitation(INVITATION, user_id=CAT, now=NOW)
    assert made.members == {ANN: Role.OWNER, BOB: Role.DEVELOPER}
    assert facts(made) == ["MemberInvited", "MemberJoined"]


def test_an_invitation_ends_after_its_time_and_when_it_is_withdrawn() -> None:
    made = organization()
    invite(made, Role.VIEWER)
    with pytest.raises(SignatureInvalid):
        made.accept_invitation(INVITATION, user_id=BOB, now=WEEK)
    made.withdraw_invitation(INVITATION, by=by(ANN), now=NOW)
    for act in (
        lambda: made.accept_invitation(INVITATION, user_id=BOB, now=NOW),
        lambda: made.withdraw_invitation(INVITATION, by=by(ANN), now=NOW),
    ):
        with pytest.raises((SignatureInvalid, NotFound)):
            act()
    assert list(made.members) == [ANN]


def test_a_member_does_not_join_again() -> None:
    made = organization(bob=Role.ADMIN)
    invite(made, Role.VIEWER)
    with pytest.raises(AlreadyMember):
        made.accept_invitation(INVITATION, user_id=BOB, now=NOW)
    assert made.members[BOB] is Role.ADMIN


def test_open_invitations_count_as_members_until_they_are_out_of_date() -> None:
    made = organization()
    for number in range(MOST_MEMBERS - 1):
        invite(made, Role.VIEWER, UUID(int=1000 + number))
    with pytest.raises(TooManyMembers):
        invite(made, Role.VIEWER)
    made.invite(INVITATION, role=Role.VIEWER, expires_at=WEEK + timedelta(days=7), by=VENDOR, now=WEEK)


# who may do what to whom


def test_nobody_gives_changes_or_takes_a_role_above_the_own_one() -> None:
    made = organization(bob=Role.ADMIN, cat=Role.OWNER, eve=Role.DEVELOPER)
    invite(made, Role.OWNER)
    made.collect_events()
    for act in (
        lambda: invite(made, Role.OWNER, UUID(int=7), by(BOB)),
        lambda: made.withdraw_invitation(INVITATION, by=by(BOB), now=NOW),
        lambda: made.change_role(EVE, Role.OWNER, by=by(BOB), now=NOW),
        lambda: made.change_role(CAT, Role.VIEWER, by=by(BOB), now=NOW),
        lambda: made.remove(CAT, by=by(BOB), now=NOW),
        lambda: made.remove(CAT, by=PROGRAM, now=NOW),
        lambda: made.change_role(EVE, Role.ADMIN, by=by(EVE), now=NOW),
        lambda: made.transfer_ownership(EVE, by=BOB, now=NOW),
    ):
        with pytest.raises(NotAllowed, match="With the role"):
            act()
    assert facts(made) == []


def test_the_role_that_counts_is_the_one_that_the_organization_knows() -> None:
    """A request may have been let in just before its sender was demoted or removed."""
    made = organization(bob=Role.ADMIN, cat=Role.VIEWER)
    made.remove(BOB, by=by(ANN), now=NOW)
    for act in (
        lambda: invite(made, Role.VIEWER, authority=Authority(Role.OWNER, BOB)),
        lambda: made.remove(CAT, by=Authority(Role.OWNER, BOB), now=NOW),
        lambda: made.transfer_ownership(CAT, by=BOB, now=NOW),
    ):
        with pytest.raises(NotAllowed, match="not a member"):
            act()


def test_a_role_changes_once_and_both_are_on_record() -> None:
    made = organization(bob=Role.VIEWER)
    for _ in range(2):
        made.change_role(BOB, Role.DEVELOPER, by=by(ANN), now=NOW)
    [changed] = made.collect_events()
    assert isinstance(changed, Organization.RoleChanged)
    assert (changed.user_id, changed.role, changed.former) == (BOB, Role.DEVELOPER, Role.VIEWER)


def test_what_is_no_member_is_not_found() -> None:
    made = organization()
    for act in (
        lambda: made.change_role(BOB, Role.VIEWER, by=VENDOR, now=NOW),
        lambda: made.remove(BOB, by=VENDOR, now=NOW),
        lambda: made.leave(BOB, now=NOW),
        lambda: made.transfer_ownership(BOB, by=ANN, now=NOW),
        lambda: made.set_contact(BOB, now=NOW),
    ):
        with pytest.raises(NotFound):
            act()


# always an owner


def test_the_last_owner_cannot_go_in_any_way() -> None:
    made = organization(bob=Role.ADMIN)
    for act in (
        lambda: made.leave(ANN, now=NOW),
        lambda: made.remove(ANN, by=VENDOR, now=NOW),
        lambda: made.change_role(ANN, Role.ADMIN, by=by(ANN), now=NOW),
        lambda: made.forget(ANN, now=NOW),
    ):
        with pytest.raises(LastOwner):
            act()
    made.change_role(BOB, Role.OWNER, by=by(ANN), now=NOW)
    made.leave(ANN, now=NOW)
    assert made.owners == (BOB,)


def test_an_owner_hands_over_and_is_an_admin_then() -> None:
    made = organization(bob=Role.VIEWER)
    made.transfer_ownership(ANN, by=ANN, now=NOW)
    made.transfer_ownership(BOB, by=ANN, now=NOW)
    assert made.members == {ANN: Role.ADMIN, BOB: Role.OWNER}
    assert facts(made) == ["OwnershipTransferred"]


def test_the_only_member_may_be_erased_and_leaves_nobody() -> None:
    made = organization()
    with pytest.raises(LastOwner):
        made.leave(ANN, now=NOW)
    for _ in range(2):
        made.forget(ANN, now=NOW)
    assert made.members == {} and facts(made) == ["MemberErased"]


class AnyMembers(RuleBasedStateMachine):
    """Whatever is tried in whatever order: there is an owner as long as there is a member, nobody rises by an act of
    somebody below, and the history folds to the same organization."""

    people = some.sampled_from([ANN, BOB, CAT, EVE])
    roles = some.sampled_from(list(Role))

    def __init__(self) -> None:
        super().__init__()
        self.organization = Organization.register(id=ID, founder=ANN, now=NOW)
        self.history = list(self.organization.collect_events())
        self.invitations = 0

    def attempt(self, act: object, power: Role | None) -> None:
        before = dict(self.organization.members)
        try:
            act()  # type: ignore[operator]
        except UsherError:
            assert self.organization.members == before
        changed = {
            role
            for user_id in before.keys() | self.organization.members.keys()
            if before.get(user_id) != self.organization.members.get(user_id)
            for role in (before.get(user_id), self.organization.members.get(user_id))
            if role
        }
        assert power is None or all(power.covers(role) for role in changed)
        self.history += self.organization.collect_events()

    def power_of(self, user_id: UUID) -> Role:
        return self.organization.members.get(user_id, Role.VIEWER)

    @rule(actor=people, guest=people, role=roles)
    def joins(self, actor: UUID, guest: UUID, role: Role) -> None:
        self.invitations += 1
        id = UUID(int=1000 + self.invitations)

        def act() -> None:
            invite(self.organization, role, id, by(actor))
            self.organization.accept_invitation(id, user_id=guest, now=NOW)

        self.attempt(act, self.power_of(actor))

    @rule(actor=people, user=people, role=roles)
    def changes(self, actor: UUID, user: UUID, role: Role) -> None:
        act = self.organization.change_role
        self.attempt(lambda: act(user, role, by=by(actor), now=NOW), self.power_of(actor))

    @rule(actor=people, user=people)
    def removes(self, actor: UUID, user: UUID) -> None:
        self.attempt(lambda: self.organization.remove(user, by=by(actor), now=NOW), self.power_of(actor))

    @rule(user=people)
    def leaves(self, user: UUID) -> None:
        self.attempt(lambda: self.organization.leave(user, now=NOW), None)

    @rule(user=people)
    def is_erased(self, user: UUID) -> None:
        self.attempt(lambda: self.organization.forget(user, now=NOW), None)

    @rule(actor=people, user=people)
    def hands_over(self, actor: UUID, user: UUID) -> None:
        act = self.organization.transfer_ownership
        self.attempt(lambda: act(user, by=actor, now=NOW), self.power_of(actor))

    @invariant()
    def there_is_an_owner(self) -> None:
        assert not self.organization.members or self.organization.owners

    @invariant()
    def the_history_folds_to_the_same_organization(self) -> None:
        folded = None
        for event in self.history:
            folded = event.mutate(folded)
        assert folded is not None and folded.members == self.organization.members


TestAnyMembers = AnyMembers.TestCase
TestAnyMembers.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
