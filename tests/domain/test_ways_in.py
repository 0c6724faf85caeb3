"""A person's ways in, and what an organization demands of them: what is recorded, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.errors import Conflict, NotFound, SignatureInvalid
from domain.sign_in import LinkCause
from domain.sign_in_policy import SignInPolicy
from domain.user import MOST_OPEN_LINKS, User

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID, CHANGE = UUID(int=1), UUID(int=2)


@pytest.fixture
def user() -> User:
    user = User.register(id=ID, organization_id=None, now=NOW)
    user.collect_events()
    return user


def facts(user: User | SignInPolicy) -> list[str]:
    return [type(event).__name__ for event in user.collect_events()]


def send(user: User, *numbers: int) -> None:
    for number in numbers:
        user.send_sign_in_link(link=UUID(int=number), cause=LinkCause.ASKED_FOR, now=NOW)


def test_a_link_is_used_once_and_proves_the_mailbox(user):
    send(user, 7)
    user.use_sign_in_link(link=UUID(int=7), now=NOW)
    assert facts(user) == ["SignInLinkRequested", "SignInLinkUsed", "EmailVerified"]
    with pytest.raises(SignatureInvalid):
        user.use_sign_in_link(link=UUID(int=7), now=NOW)
    assert facts(user) == []


def test_one_who_asks_voids_nobody_elses_link_before_the_fifth(user):
    send(user, *range(MOST_OPEN_LINKS))
    assert user.sign_in_links[0] == UUID(int=0)
    send(user, 99)
    assert UUID(int=0) not in user.sign_in_links and len(user.sign_in_links) == MOST_OPEN_LINKS
    with pytest.raises(SignatureInvalid):
        user.use_sign_in_link(link=UUID(int=0), now=NOW)


def test_an_address_changes_by_the_link_of_this_very_wish_under_the_same_password(user):
    user.request_email_change(change=CHANGE, now=NOW)
    for change, version in ((UUID(int=3), 1), (CHANGE, 2)):
        with pytest.raises(SignatureInvalid):
            user.change_email(change=change, credential_version=version, now=NOW)
    user.change_email(change=CHANGE, credential_version=1, now=NOW)
    assert facts(user) == ["EmailChangeRequested", "EmailChanged", "EmailVerified"]
    with pytest.raises(SignatureInvalid):
        user.change_email(change=CHANGE, credential_version=1, now=NOW)


def test_there_is_one_second_factor_and_recovery_codes_only_with_it(user):
    for act in (lambda: user.renew_recovery_codes(now=NOW), lambda: user.use_recovery_code(left=9, now=NOW)):
        with pytest.raises(Conflict):
            act()
    user.add_second_factor(now=NOW)
    with pytest.raises(Conflict):
        user.add_second_factor(now=NOW)
    user.use_recovery_code(left=9, now=NOW)
    user.renew_recovery_codes(now=NOW)
    for _ in range(2):
        user.remove_second_factor(now=NOW)
    assert facts(user) == ["SecondFactorAdded", "RecoveryCodeUsed", "RecoveryCodesRenewed", "SecondFactorRemoved"]


def test_an_erased_person_has_no_way_in(user):
    user.erase(now=NOW)
    for act in (
        lambda: send(user, 1),
        lambda: user.use_sign_in_link(link=UUID(int=1), now=NOW),
        lambda: user.request_email_change(change=CHANGE, now=NOW),
        lambda: user.change_email(change=CHANGE, credential_version=1, now=NOW),
        lambda: user.add_second_factor(now=NOW),
        lambda: user.link_identity(provider="google", now=NOW),
        lambda: user.unlink_identity(provider="google", now=NOW),
    ):
        with pytest.raises(NotFound):
            act()


def test_what_is_demanded_or_waived_twice_is_recorded_once():
    policy = SignInPolicy.open(id=ID, organization_id=UUID(int=4), now=NOW)
    policy.waive_second_factor(now=NOW)
    for _ in range(2):
        policy.demand_second_factor(now=NOW)
    for _ in range(2):
        policy.waive_second_factor(now=NOW)
    assert facts(policy) == ["Opened", "SecondFactorDemanded", "SecondFactorWaived"]
