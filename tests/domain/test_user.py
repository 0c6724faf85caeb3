"""A person: what is recorded, what is refused, and what holds whatever happens in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain.errors import EmailNotVerified, NotFound, SignatureInvalid
from domain.sign_in import PasswordProof
from domain.user import User

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ID, ORGANIZATION, SESSION = UUID(int=1), UUID(int=2), UUID(int=3)


def registered() -> User:
    user = User.register(id=ID, organization_id=ORGANIZATION, now=NOW)
    user.collect_events()
    return user


def facts(user: User) -> list[str]:
    return [type(event).__name__ for event in user.collect_events()]


def test_a_person_begins_unverified_with_a_first_password() -> None:
    user = User.register(id=ID, organization_id=ORGANIZATION, now=NOW)
    [event] = user.collect_events()
    assert event == User.Registered(ID, 1, NOW, "user", ORGANIZATION)
    assert (user.email_verified, user.credential_version, user.erased) == (False, 1, False)
    with pytest.raises(EmailNotVerified):
        user.require_verified()


def test_opening_the_verification_link_twice_records_it_once() -> None:
    user = registered()
    user.verify_email(now=NOW)
    user.verify_email(now=LATER)
    assert facts(user) == ["EmailVerified"]
    user.require_verified()


def test_a_reset_link_sets_a_password_and_proves_the_address() -> None:
    user = registered()
    user.request_password_reset(now=NOW)
    user.reset_password(credential_version=1, now=LATER)
    requested, changed, verified = user.collect_events()
    assert isinstance(requested, User.PasswordResetRequested)
    assert isinstance(changed, User.PasswordChanged)
    assert (changed.credential_version, changed.proof) == (2, PasswordProof.MAILED_LINK)
    assert isinstance(verified, User.EmailVerified)


def test_a_reset_link_works_once() -> None:
    user = registered()
    user.reset_password(credential_version=1, now=NOW)
    with pytest.raises(SignatureInvalid, match="used before"):
        user.reset_password(credential_version=1, now=LATER)


def test_a_new_password_kills_a_reset_link_that_is_still_in_the_mailbox() -> None:
    user = registered()
    user.change_password(now=NOW)
    with pytest.raises(SignatureInvalid):
        user.reset_password(credential_version=1, now=LATER)
    assert user.credential_version == 2


def test_changing_the_password_does_not_prove_the_address() -> None:
    user = registered()
    user.change_password(now=NOW)
    assert facts(user) == ["PasswordChanged"]
    assert not user.email_verified


def test_a_refresh_token_that_comes_twice_is_recorded_with_its_session() -> None:
    user = registered()
    user.end_reused_session(session=SESSION, now=NOW)
    [event] = user.collect_events()
    assert isinstance(event, User.RefreshTokenReused) and event.session == SESSION


def test_an_erased_person_is_nobody() -> None:
    user = registered()
    user.erase(now=NOW)
    user.erase(now=LATER)
    user.end_reused_session(session=SESSION, now=LATER)
    assert facts(user) == ["Erased"]
    for act in (
        lambda: user.verify_email(now=LATER),
        lambda: user.request_password_reset(now=LATER),
        lambda: user.reset_password(credential_version=1, now=LATER),
        lambda: user.change_password(now=LATER),
        lambda: user.rename(now=LATER),
    ):
        with pytest.raises(NotFound):
            act()
    assert facts(user) == []


class PersonMachine(RuleBasedStateMachine):
    """Any order of acts: every good reset link dies with any new password, and the history folds to the same person."""

    def __init__(self) -> None:
        super().__init__()
        self.user = User.register(id=ID, organization_id=ORGANIZATION, now=NOW)
        self.history = list(self.user.collect_events())
        self.links: list[int] = []
        self.passwords = 1

    def note(self) -> None:
        self.history += self.user.collect_events()

    @rule()
    @precondition(lambda self: not self.user.erased)
    def asks_for_a_link(self) -> None:
        self.user.request_password_reset(now=NOW)
        self.links.append(self.user.credential_version)
        self.note()

    @rule(data=some.data())
    @precondition(lambda self: self.links and not self.user.erased)
    def opens_a_link(self, data: some.DataObject) -> None:
        version = data.draw(some.sampled_from(self.links))
        if version == self.passwords:
            self.user.reset_password(credential_version=version, now=NOW)
            self.passwords += 1
            assert self.user.email_verified
        else:
            with pytest.raises(SignatureInvalid):
                self.user.reset_password(credential_version=version, now=NOW)
        self.note()

    @rule()
    @precondition(lambda self: not self.user.erased)
    def changes_the_password(self) -> None:
        self.user.change_password(now=NOW)
        self.passwords += 1
        self.note()

    @rule()
    @precondition(lambda self: not self.user.erased)
    def verifies(self) -> None:
        self.user.verify_email(now=NOW)
        self.note()

    @rule()
    def is_erased(self) -> None:
        self.user.erase(now=NOW)
        self.note()

    @invariant()
    def the_version_counts_the_passwords(self) -> None:
        assert self.user.credential_version == self.passwords

    @invariant()
    def the_history_folds_to_the_same_person(self) -> None:
        folded = None
        for event in self.history:
            folded = event.mutate(folded)
        assert folded == self.user
        assert sum(isinstance(event, User.Erased) for event in self.history) <= 1
        assert sum(isinstance(event, User.EmailVerified) for event in self.history) <= 1


TestPersonMachine = PersonMachine.TestCase
