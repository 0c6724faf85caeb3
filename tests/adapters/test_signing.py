"""Leases and signed documents: what clients can check, what we accept, every way to forge one that is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import adapters.signing
from adapters.signing import SigningKeys
from adapters.signing_key import Algorithm, SigningKey
from domain.errors import InvalidRequest, LeaseInvalid, Unavailable
from domain.lease import LeaseClaims
from tests.adapters.signing_processes import NOW, Processes, claims_at, decoded, refused, segment, unpadded

ED25519, RSA = Algorithm.ED25519, Algorithm.RSA_4096


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


def verify_as_a_client(token: str, key_set: dict[str, Any]) -> Any:
    """A lease checked with nothing but the published keys."""
    header, payload, signature = token.split(".")
    (jwk,) = [jwk for jwk in key_set["keys"] if jwk["kid"] == decoded(header)["kid"]]
    public = Ed25519PublicKey.from_public_bytes(unpadded(jwk["x"]))
    public.verify(unpadded(signature), f"{header}.{payload}".encode())
    return decoded(payload)


# --- leases ---


def test_a_lease_is_verified_with_nothing_but_the_published_keys(keys: SigningKeys) -> None:
    token = keys.sign_lease(claims_at(NOW))
    said = verify_as_a_client(token, keys.jwks(NOW))
    assert list(said) == ["sid", "lic", "seat", "fp", "ver", "iat", "exp", "grace", "product", "features", "bor"]
    assert LeaseClaims.stated(said) == claims_at(NOW)
    assert decoded(token.split(".")[0]) == {"alg": "EdDSA", "typ": "JWT", "kid": keys.ensure(NOW).kid}


def test_a_lease_is_read_by_every_process(keys: SigningKeys, processes: Processes) -> None:
    token = keys.sign_lease(claims_at(NOW))
    assert processes.open().read_lease(token, NOW) == claims_at(NOW)


def test_a_lease_holds_until_it_ends_or_as_long_after_as_the_caller_allows(keys: SigningKeys) -> None:
    token = keys.sign_lease(claims_at(NOW))
    end = claims_at(NOW).expires_at
    just_before = timedelta(microseconds=1)
    assert keys.read_lease(token, end - just_before)
    assert keys.read_lease(token, end + timedelta(hours=1) - just_before, late=timedelta(hours=1))
    assert keys.read_lease(token, end + timedelta(days=29), late=timedelta.max)
    for now, late in [(end, timedelta(0)), (end + timedelta(hours=1), timedelta(hours=1))]:
        with pytest.raises(LeaseInvalid, match="expired"):
            keys.read_lease(token, now, late=late)


@pytest.mark.parametrize("who", ["the process that signed it", "another process"])
def test_a_lease_that_was_edited_anywhere_is_refused(keys: SigningKeys, processes: Processes, who: str) -> None:
    token = keys.sign_lease(claims_at(NOW))
    keys = processes.open() if who == "another process" else keys
    assert not refused(keys, token)
    for at in range(0, len(token), 3):
        edited = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert refused(keys, edited), f"changed at {at}"


def test_a_seat_number_cannot_be_edited(keys: SigningKeys) -> None:
    header, payload, signature = keys.sign_lease(claims_at(NOW)).split(".")
    other = segment(decoded(payload) | {"seat": 1})
    assert refused(keys, f"{header}.{other}.{signature}")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, "HS256", "ES256", "RS256", "eddsa"])
def test_no_other_algorithm_is_accepted(keys: SigningKeys, name: str | None) -> None:
    header, payload, signature = keys.sign_lease(claims_at(NOW)).split(".")
    other = segment(decoded(header) | {"alg": name})
    assert refused(keys, f"{other}.{payload}.")
    assert refused(keys, f"{other}.{payload}.{signature}")


def test_a_mac_made_with_the_public_key_is_refused(keys: SigningKeys) -> None:
    kid = keys.ensure(NOW).kid
    signed = segment({"alg": "HS256", "typ": "JWT", "kid": kid}) + "." + segment({"seat": 1})
    (jwk,) = keys.jwks(NOW)["keys"]
    for secret in (unpadded(jwk["x"]), jwk["x"].encode(), json.dumps(jwk).encode()):
        assert refused(keys, signed + "." + segment(hmac.digest(secret, signed.encode(), hashlib.sha256)))


def test_a_key_that_the_token_brings_along_is_refused(keys: SigningKeys) -> None:
    own = Ed25519PrivateKey.generate()
    payload = keys.sign_lease(claims_at(NOW)).split(".")[1]
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": segment(own.public_key().public_bytes_raw())}
    for kid in (keys.ensure(NOW).kid, "mine"):
        for header in ({"alg": "EdDSA", "typ": "JWT", "kid": kid}, {"alg": "EdDSA", "kid": kid, "jwk": jwk}):
            signed = f"{segment(header)}.{payload}"
            assert refused(keys, f"{signed}.{segment(own.sign(signed.encode()))}")


def test_what_another_installation_signed_is_refused(keys: SigningKeys) -> None:
    foreign = SigningKey.generate(ED25519, NOW)
    signed = foreign.jwt_header.decode() + "." + keys.sign_lease(claims_at(NOW)).split(".")[1]
    assert refused(keys, f"{signed}.{segment(foreign.sign(signed.encode()))}")


@pytest.mark.parametrize("token", ["", ".", "..", "...", "eyJ", "a.b.c", "ä.ö.ü", "\x00.\x00.\x00", "x" * 100_000])
def test_what_is_no_lease_is_refused(keys: SigningKeys, token: str) -> None:
    assert refused(keys, token)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"not json", b"\xff", b'{"seat":1}'])
def test_what_our_key_signed_that_is_no_lease_is_refused(keys: SigningKeys, payload: bytes) -> None:
    key = keys.ensure(NOW)
    signed = key.jwt_header + b"." + segment(payload).encode()
    assert refused(keys, signed.decode() + "." + segment(key.sign(signed)))


def test_a_signed_document_cannot_be_passed_off_as_a_lease(keys: SigningKeys) -> None:
    document = segment({"alg": "EdDSA"}).encode()
    signature = keys.sign_document(document, ED25519, NOW)
    header = keys.ensure(NOW).jwt_header.decode()
    assert refused(keys, f"{header}.{document.decode()}.{segment(signature.value)}")


def test_unknown_keys_are_unavailable_once_postgres_was_not_asked_for_a_while(
    keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = SigningKey.generate(ED25519, NOW).jwt_header.decode()
    assert refused(keys, f"{foreign}.e30.AAAA")
    monkeypatch.setattr(adapters.signing, "ANNOUNCEMENT", timedelta(seconds=-1))
    with pytest.raises(Unavailable):
        keys.read_lease(f"{foreign}.e30.AAAA", NOW)
    keys.read_lease(keys.sign_lease(claims_at(NOW)), NOW)


# --- documents ---


def test_an_rsa_key_is_made_by_the_first_document_and_only_once(keys: SigningKeys, processes: Processes) -> None:
    assert {jwk["kty"] for jwk in keys.jwks(NOW)["keys"]} == {"OKP"}
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda process: process.sign_document(b"{}", RSA, NOW), [keys, keys]))
    made.append(processes.open().sign_document(b"{}", RSA, NOW))
    assert len({signature.kid for signature in made}) == 1
    assert len(made[0].value) == 512
    (jwk,) = [jwk for jwk in keys.jwks(NOW)["keys"] if jwk["kty"] == "RSA"]
    assert (jwk["alg"], jwk["kid"], jwk["e"], len(unpadded(jwk["n"]))) == ("RS256", made[0].kid, "AQAB", 512)


def test_a_kid_is_the_thumbprint_of_its_key(keys: SigningKeys) -> None:
    (jwk,) = keys.jwks(NOW)["keys"]
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    assert jwk["kid"] == segment(hashlib.sha256(members.encode()).digest())[:16]
    assert jwk.keys() == {"kty", "crv", "x", "kid", "alg", "use"}


def test_a_document_signature_is_over_exactly_its_bytes(keys: SigningKeys) -> None:
    signature = keys.sign_document(b"{}", ED25519, NOW)
    public = Ed25519PublicKey.from_public_bytes(unpadded(keys.jwks(NOW)["keys"][0]["x"]))
    public.verify(signature.value, b"{}")
    with pytest.raises(InvalidSignature):
        public.verify(signature.value, b"{ }")


def test_algorithms_are_named_as_in_the_contract() -> None:
    assert (Algorithm.named("ed25519"), Algorithm.named("rsa-4096")) == (ED25519, RSA)
    with pytest.raises(InvalidRequest, match="ed25519, rsa-4096"):
        Algorithm.named("rsa-1024")


def test_before_the_first_key_nothing_is_signed(processes: Processes) -> None:
    with pytest.raises(Unavailable):
        processes.open().sign_lease(claims_at(NOW))
