"""The life of signing keys: the first one, rotation with overlap, several processes, what the table holds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.secrets import SealBroken, Secrets
from adapters.signing import SigningKeys
from adapters.signing_key import Algorithm
from domain.errors import ConcurrentChange, LeaseInvalid
from tests.adapters.signing_processes import NOW, Processes, claims_at, decoded, refused

ED25519 = Algorithm.ED25519


@pytest.fixture
def processes(database_url: str) -> Iterator[Processes]:
    processes = Processes(database_url)
    yield processes
    processes.close()


@pytest.fixture
def keys(processes: Processes) -> SigningKeys:
    keys = processes.open()
    keys.ensure(NOW)
    return keys


# --- rotation ---


def test_a_new_key_is_published_before_it_signs(keys: SigningKeys) -> None:
    old = keys.ensure(NOW)
    new = keys.rotate(ED25519, NOW)
    assert {jwk["kid"] for jwk in keys.jwks(NOW)["keys"]} == {old.kid, new.kid}
    assert keys.ensure(NOW + timedelta(seconds=9)).kid == old.kid
    assert keys.ensure(NOW + timedelta(seconds=10)).kid == new.kid


def test_a_retired_key_is_accepted_until_the_overlap_ends(keys: SigningKeys) -> None:
    old = keys.ensure(NOW)
    start = claims_at(NOW, exp=int(NOW.timestamp()) + 10**8)
    token = keys.sign_lease(start)
    keys.rotate(ED25519, NOW, timedelta(days=3))
    end = NOW.replace(microsecond=0) + timedelta(days=3)
    assert keys.read_lease(token, end - timedelta(microseconds=1)) == start
    assert old.kid in {jwk["kid"] for jwk in keys.jwks(end - timedelta(microseconds=1))["keys"]}
    with pytest.raises(LeaseInvalid):
        keys.read_lease(token, end)
    assert old.kid not in {jwk["kid"] for jwk in keys.jwks(end)["keys"]}


def test_the_overlap_is_thirty_days_unless_stated(keys: SigningKeys) -> None:
    keys.rotate(ED25519, NOW)
    (retired,) = [key for key in keys.list(NOW) if key.valid_until]
    assert retired.valid_until == NOW.replace(microsecond=0) + timedelta(days=30)


def test_without_overlap_a_stolen_key_counts_for_nothing_from_now_on(keys: SigningKeys) -> None:
    token = keys.sign_lease(claims_at(NOW))
    stolen = keys.ensure(NOW)
    keys.rotate(ED25519, NOW, timedelta(0))
    assert refused(keys, token)
    fresh = keys.sign_lease(claims_at(NOW))
    assert keys.read_lease(fresh, NOW) == claims_at(NOW)
    assert decoded(fresh.split(".")[0])["kid"] != stolen.kid


def test_without_overlap_keys_that_had_retired_before_end_too(keys: SigningKeys) -> None:
    token = keys.sign_lease(claims_at(NOW))
    keys.rotate(ED25519, NOW, timedelta(days=400))
    keys.rotate(ED25519, NOW, timedelta(days=1))
    assert not refused(keys, token)
    newest = keys.rotate(ED25519, NOW, timedelta(0))
    assert refused(keys, token)
    assert [jwk["kid"] for jwk in keys.jwks(NOW)["keys"]] == [newest.kid]


def test_a_later_rotation_does_not_shorten_an_overlap(keys: SigningKeys) -> None:
    first = keys.ensure(NOW)
    keys.rotate(ED25519, NOW, timedelta(days=400))
    keys.rotate(ED25519, NOW, timedelta(days=1))
    assert first.kid in {jwk["kid"] for jwk in keys.jwks(NOW + timedelta(days=399))["keys"]}


def test_a_rotation_in_the_middle_of_another_leaves_a_signer_at_every_moment(keys: SigningKeys) -> None:
    keys.rotate(ED25519, NOW)
    keys.rotate(ED25519, NOW + timedelta(seconds=5), timedelta(seconds=2))
    for second in range(60):
        now = NOW + timedelta(seconds=second)
        if second >= 5:
            assert keys.read_lease(keys.sign_lease(claims_at(now)), now) == claims_at(now)
    assert keys.sign_lease(claims_at(NOW + timedelta(days=400)))


def test_a_negative_overlap_is_refused(keys: SigningKeys) -> None:
    with pytest.raises(ValueError, match="overlap"):
        keys.rotate(ED25519, NOW, timedelta(seconds=-1))


class Noticing(SigningKeys):
    """Says when it has looked, so that a test can wait for it."""

    def refresh(self) -> None:
        super().refresh()
        vars(self).setdefault("looked", threading.Semaphore(0)).release()


def test_other_processes_notice_a_rotation_by_themselves(keys: SigningKeys, processes: Processes) -> None:
    other = processes.open(kind=Noticing, look_every=0.01)
    assert isinstance(other, Noticing)
    new = keys.rotate(ED25519, NOW)
    token = keys.sign_lease(claims_at(NOW + timedelta(minutes=1)))
    assert decoded(token.split(".")[0])["kid"] == new.kid
    while new.kid not in {jwk["kid"] for jwk in other.jwks(NOW)["keys"]}:
        assert other.looked.acquire(timeout=20), "it stopped looking"  # type: ignore[attr-defined]
    assert other.read_lease(token, NOW)


def test_an_unknown_key_makes_a_process_look_at_once(keys: SigningKeys, processes: Processes) -> None:
    other = processes.open(kind=Noticing, look_every=3600)
    keys.rotate(ED25519, NOW, timedelta(0))
    token = keys.sign_lease(claims_at(NOW))
    assert refused(other, token)
    while refused(other, token):
        assert other.looked.acquire(timeout=20), "it did not look"  # type: ignore[attr-defined]


def test_a_failed_look_is_not_the_last_one(keys: SigningKeys, processes: Processes, database_url: str) -> None:
    other = processes.open(kind=Noticing, look_every=0.01)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table signing_keys rename to hidden")
        with pytest.raises(psycopg.errors.UndefinedTable):
            other.refresh()
        connection.execute("alter table hidden rename to signing_keys")
    new = keys.rotate(ED25519, NOW)
    while new.kid not in {jwk["kid"] for jwk in other.jwks(NOW)["keys"]}:
        assert other.looked.acquire(timeout=20), "it stopped looking"  # type: ignore[attr-defined]


# --- the table ---


def test_processes_that_start_at_once_agree_on_one_first_key(processes: Processes) -> None:
    started = [processes.open() for _ in range(6)]
    gate = threading.Barrier(6)

    def start(keys: SigningKeys) -> str:
        gate.wait()
        return keys.ensure(NOW).kid

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(start, started))) == 1
    assert [key.status for key in started[0].list(NOW)] == ["active"]


def test_rotations_at_once_leave_one_current_key(keys: SigningKeys, processes: Processes) -> None:
    started = [processes.open() for _ in range(4)]
    gate = threading.Barrier(4)

    def rotate(process: SigningKeys) -> str:
        gate.wait()
        try:
            return process.rotate(ED25519, NOW).kid
        except ConcurrentChange:
            return "somebody else did"

    with ThreadPoolExecutor(4) as pool:
        made = {kid for kid in pool.map(rotate, started) if kid != "somebody else did"}
    listed = keys.list(NOW)
    assert made
    assert len(listed) == 1 + len(made)
    assert len([key for key in listed if key.valid_until is None]) == 1


def test_a_key_is_kept_by_the_next_start(keys: SigningKeys, processes: Processes) -> None:
    assert processes.open().ensure(NOW + timedelta(days=400)).kid == keys.ensure(NOW).kid


def test_a_clock_behind_the_one_that_made_the_key_still_finds_it(keys: SigningKeys) -> None:
    early = NOW - timedelta(minutes=5)
    assert keys.read_lease(keys.sign_lease(claims_at(early)), early)


def test_another_server_secret_does_not_open_the_keys(keys: SigningKeys, processes: Processes) -> None:
    with pytest.raises(SealBroken, match="SECRET_KEY"):
        processes.open(Secrets("another server secret, as long as the first"))


def test_the_table_holds_no_private_key_in_the_clear(keys: SigningKeys, database_url: str) -> None:
    key = keys.ensure(NOW)
    assert isinstance(key.private, Ed25519PrivateKey)
    with psycopg.connect(database_url) as connection:
        (row,) = connection.execute("select signing_keys::text, private_key from signing_keys").fetchall()
    assert key.private.private_bytes_raw() not in row[1]
    assert key.private.private_bytes_raw().hex() not in row[0]


def test_a_sealed_key_cannot_be_moved_to_another_row(
    keys: SigningKeys, processes: Processes, database_url: str
) -> None:
    keys.rotate(ED25519, NOW)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "update signing_keys a set private_key = b.private_key from signing_keys b where a.kid <> b.kid"
        )
    with pytest.raises(SealBroken):
        processes.open()


def test_a_rotation_destroys_private_halves_whose_time_is_over(keys: SigningKeys, database_url: str) -> None:
    first = keys.ensure(NOW)
    keys.rotate(ED25519, NOW, timedelta(days=1))
    second = keys.ensure(NOW + timedelta(hours=1))
    keys.rotate(ED25519, NOW + timedelta(days=2), timedelta(days=1))
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select kid, private_key is not null from signing_keys").fetchall()
    left = {kid: kept for kid, kept in rows}
    assert not left[first.kid]
    assert left[second.kid]


def test_the_list_shows_every_key_and_what_it_does(keys: SigningKeys) -> None:
    first = keys.ensure(NOW)
    second = keys.rotate(ED25519, NOW, timedelta(days=1))

    def statuses(now: datetime) -> dict[str, str]:
        return {key.kid: key.status for key in keys.list(now)}

    assert statuses(NOW) == {first.kid: "active", second.kid: "announced"}
    assert statuses(NOW + timedelta(hours=1)) == {first.kid: "retired", second.kid: "active"}
    assert statuses(NOW + timedelta(days=1)) == {first.kid: "expired", second.kid: "active"}
    facts = keys.list(NOW)[-1]
    public = load_pem_public_key(facts.public_key.encode())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(first.sign(b"x"), b"x")
