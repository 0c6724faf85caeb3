"""API keys: what of a secret is kept, which scopes a key can carry, and when it ends."""

from __future__ import annotations

import hashlib
import string
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.api_key import OWNER_SCOPES, ApiKey, Scope, digest_of, is_mistyped, make_secret, prefix_of
from domain.errors import Conflict, InvalidRequest, NotAllowed
from domain.key_restrictions import Restrictions, network

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID, ORGANIZATION = UUID(int=1), UUID(int=2)
SECRET = make_secret(b"\x01" * 32)


def issued(*scopes: Scope, organization_id: UUID | None = ORGANIZATION, **more: Any) -> ApiKey:
    wanted = scopes or [Scope.LICENSES_READ]
    return ApiKey.issue(id=ID, organization_id=organization_id, scopes=wanted, secret=SECRET, now=NOW, **more)


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


def test_a_former_secret_works_on_for_the_overlap_and_only_the_last_one_does() -> None:
    key, second, third = issued(), make_secret(b"\x02" * 32), make_secret(b"\x03" * 32)
    key.rotate(secret=second, now=NOW, overlap=timedelta(days=30))
    assert key.former_digest == digest_of(SECRET) and key.former_until == NOW + timedelta(days=30)
    key.rotate(secret=third, now=NOW, overlap=timedelta(hours=1))
    assert key.former_digest == digest_of(second) and key.former_until == NOW + timedelta(hours=1)
    key.rotate(secret=SECRET, now=NOW)
    assert key.former_digest is None and key.former_until is None
    for overlap in (timedelta(days=30, seconds=1), timedelta(seconds=-1)):
        with pytest.raises(InvalidRequest):
            key.rotate(secret=second, now=NOW, overlap=overlap)


def test_a_key_that_has_expired_is_not_rotated() -> None:
    key = issued(restrictions=Restrictions(expires_at=NOW + timedelta(hours=1)))
    with pytest.raises(Conflict):
        key.rotate(secret=make_secret(b"\x02" * 32), now=NOW + timedelta(hours=1))


def test_a_key_is_never_born_dead_and_no_address_reaches_the_log() -> None:
    with pytest.raises(InvalidRequest):
        issued(restrictions=Restrictions(expires_at=NOW))
    [event] = issued(restrictions=Restrictions((network("203.0.113.7"),), NOW + timedelta(1))).collect_events()
    assert "203.0.113.7" not in repr(event) and isinstance(event, ApiKey.Issued) and event.networks == 1
    with pytest.raises(InvalidRequest):
        issued(restrictions=Restrictions(tuple(network(f"10.0.0.{n}") for n in range(51))))


def test_other_bounds_are_a_fact_and_a_revoked_key_has_none() -> None:
    key = issued()
    key.restrict(Restrictions((network("10.0.0.0/8"),), NOW + timedelta(1)), now=NOW)
    assert (key.networks, key.expires_at) == (1, NOW + timedelta(1))
    key.revoke(now=NOW)
    with pytest.raises(Conflict):
        key.restrict(Restrictions(), now=NOW)


def test_a_solutions_key_sees_tokens_and_is_the_vendors() -> None:
    assert issued(Scope.TOKENS_READ, organization_id=None, product="coditect").product == "coditect"
    with pytest.raises(InvalidRequest):
        issued(Scope.TOKENS_READ, product="coditect")
    with pytest.raises(InvalidRequest):
        issued(Scope.TOKENS_READ, Scope.AUDIT, organization_id=None, product="coditect")


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
    assert len(secret) == 53 and secret.startswith("usk_")
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for letter in secret[4:47]:
        number = number * 62 + letters.index(letter)
    assert number.to_bytes(32, "big") == randomness
    assert not is_mistyped(secret)


@given(some.binary(min_size=32, max_size=32), some.integers(4, 52), some.sampled_from(string.ascii_letters))
def test_a_scanner_knows_a_secret_from_a_likeness_without_a_call(randomness: bytes, at: int, letter: str) -> None:
    secret = make_secret(randomness)
    check = 0
    for digit in secret[47:]:
        check = check * 62 + (string.digits + string.ascii_uppercase + string.ascii_lowercase).index(digit)
    assert check == zlib.crc32(secret[:47].encode()), "as docs/api-keys.md says it"
    other = secret[:at] + letter + secret[at + 1 :]
    assert is_mistyped(other) == (other != secret)


def test_secrets_of_other_forms_are_not_judged() -> None:
    assert not any(map(is_mistyped, [SECRET[:47], "usk_short", "my-own-admin-key", "x" * 53, f"usk_{'-' * 49}"]))


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
