"""API keys: what of a secret is kept, which scopes a key can carry, and when it ends."""

from __future__ import annotations

import hashlib
import string
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.api_key import OWNER_SCOPES, ApiKey, Scope, digest_of, make_secret, prefix_of
from domain.errors import Conflict, InvalidRequest, NotAllowed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID, ORGANIZATION = UUID(int=1), UUID(int=2)
SECRET = make_secret(b"\x01" * 32)


def issued(*scopes: Scope, organization_id: UUID | None = ORGANIZATION) -> ApiKey:
    return ApiKey.issue(
        id=ID, organization_id=organization_id, scopes=scopes or [Scope.LICENSES_READ], secret=SECRET, now=NOW
    )


def facts(key: ApiKey) -> list[str]:
    return [type(event).__name__ for event in key.collect_events()]


def test_a_key_keeps_digest_and_prefix_of_its_secret_and_nothing_else() -> None:
    [event] = issued().collect_events()
    assert isinstance(event, ApiKey.Issued)
    assert event.digest == hashlib.sha256(SECRET.encode()).hexdigest()
    assert event.prefix == SECRET[:12]
    assert SECRET[12:] not in repr(event)


def test_scopes_are_kept_once_and_in_order() -> None:
    [event] = issued(Scope.USAGE_WRITE, Scope.AUDIT, Scope.USAGE_WRITE).collect_events()
    assert isinstance(event, ApiKey.Issued)
    assert event.scopes == (Scope.AUDIT, Scope.USAGE_WRITE)


def test_a_key_without_a_scope_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        ApiKey.issue(id=ID, organization_id=None, scopes=[], secret=SECRET, now=NOW)


def test_admin_is_the_vendors_alone() -> None:
    with pytest.raises(NotAllowed):
        issued(Scope.ADMIN)
    assert issued(Scope.ADMIN, organization_id=None).scopes == {Scope.ADMIN}
    assert Scope.ADMIN not in OWNER_SCOPES


def test_a_rotated_key_has_another_secret_and_the_same_rights() -> None:
    key, other = issued(Scope.AUDIT), make_secret(b"\x02" * 32)
    key.rotate(secret=other, now=NOW)
    assert key.digest == digest_of(other) and key.prefix == prefix_of(other)
    assert key.scopes == {Scope.AUDIT}
    assert facts(key) == ["Issued", "Rotated"]


def test_a_revoked_key_stays_revoked() -> None:
    key = issued()
    key.revoke(now=NOW)
    key.revoke(now=NOW)
    with pytest.raises(Conflict):
        key.rotate(secret=make_secret(b"\x02" * 32), now=NOW)
    assert key.revoked and facts(key) == ["Issued", "Revoked"]


@given(some.binary(min_size=32, max_size=32))
def test_every_randomness_makes_a_secret_of_the_same_form_that_can_be_read_back(randomness: bytes) -> None:
    secret = make_secret(randomness)
    assert len(secret) == 47 and secret.startswith("usk_")
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for letter in secret[4:]:
        number = number * 62 + letters.index(letter)
    assert number.to_bytes(32, "big") == randomness


def test_a_short_secret_from_the_settings_shows_a_third_at_most() -> None:
    assert prefix_of("0123456789abcdef") == "01234"


class KeyMachine(RuleBasedStateMachine):
    """Rotations and revocations in any order: the newest secret counts, and nothing follows a revocation."""

    def __init__(self) -> None:
        super().__init__()
        self.key = issued()
        self.history = list(self.key.collect_events())
        self.secret = SECRET

    @rule(randomness=some.binary(min_size=32, max_size=32))
    def rotates(self, randomness: bytes) -> None:
        secret = make_secret(randomness)
        if self.key.revoked:
            with pytest.raises(Conflict):
                self.key.rotate(secret=secret, now=NOW)
        else:
            self.key.rotate(secret=secret, now=NOW)
            self.secret = secret
        self.history += self.key.collect_events()

    @rule()
    def revokes(self) -> None:
        self.key.revoke(now=NOW)
        self.history += self.key.collect_events()

    @invariant()
    def the_newest_secret_counts_and_the_history_folds_to_it(self) -> None:
        folded = None
        for event in self.history:
            folded = event.mutate(folded)
        assert folded == self.key
        assert self.key.digest == digest_of(self.secret)
        revocations = [number for number, event in enumerate(self.history) if isinstance(event, ApiKey.Revoked)]
        assert revocations in ([], [len(self.history) - 1])


TestKeyMachine = KeyMachine.TestCase
