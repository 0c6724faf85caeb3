"""Which licence file is believed (docs/licence-files.md of Usher)."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from stand_in import SigningKey, digest, encoded

from usher_client import (
    KeySet,
    LicenseExpired,
    LicenseFileInvalid,
    LicenseRevoked,
    LicenseSuspended,
    Unavailable,
    read_license_file,
)
from usher_client.keys import UnknownKey

NOW = 1_760_000_000  # 2025-10-09T08:53:20Z
MACHINE = "fingerprint-of-ada"


def file_of(key: SigningKey, licence: dict[str, Any], **outer: Any) -> bytes:
    inner = {"usher_license": 1, "signed_at": "2025-10-09T08:53:20Z", "license": licence, **outer.pop("inner", {})}
    payload = json.dumps(inner).encode()
    signature = b64encode(key.private.sign(payload)).decode()
    file = {"usher_license": 1, "kid": key.kid, "payload": b64encode(payload).decode(), "signature": signature}
    return json.dumps({**file, **outer}).encode()


@pytest.fixture
def key(engine) -> SigningKey:
    return engine.keys[0]


@pytest.fixture
def keys(key) -> KeySet:
    return KeySet({"keys": [key.jwk()]})


@pytest.fixture
def licence() -> dict[str, Any]:
    return {
        "product": "coditect",
        "status": "active",
        "expires_at": "2026-10-09T08:53:20Z",
        "machines": None,
        "features": {},
    }


def read(file: bytes, keys: KeySet, **more: Any) -> dict[str, Any]:
    return read_license_file(file, keys, **{"now": NOW, "product": "coditect", "fingerprint": MACHINE, **more})


def test_a_good_file_is_read(key, keys, licence):
    assert read(file_of(key, licence), keys) == licence
    assert read(file_of(key, {**licence, "expires_at": None}), keys)["expires_at"] is None


def test_it_ends(key, keys, licence):
    file = file_of(key, {**licence, "expires_at": "2025-10-09T08:53:21.5Z"})
    read(file, keys, now=NOW + 1)
    with pytest.raises(LicenseExpired):
        read(file, keys, now=NOW + 2)


@pytest.mark.parametrize(
    ("status", "error"), [("suspended", LicenseSuspended), ("expired", LicenseExpired), ("revoked", LicenseRevoked)]
)
def test_a_licence_that_does_not_stand_is_refused(key, keys, licence, status, error):
    with pytest.raises(error):
        read(file_of(key, {**licence, "status": status}), keys)


def test_a_licence_of_another_product_is_refused(key, keys, licence):
    with pytest.raises(LicenseFileInvalid, match="another product"):
        read(file_of(key, licence), keys, product="cortex")


def test_a_clock_that_was_set_back_is_noticed(key, keys, licence):
    read(file_of(key, licence), keys, now=NOW - 300)
    with pytest.raises(LicenseFileInvalid, match="set back"):
        read(file_of(key, licence), keys, now=NOW - 301)


def test_only_the_payload_is_believed(key, keys, licence):
    better = {**licence, "expires_at": "2099-01-01T00:00:00Z"}
    assert read(file_of(key, licence, license=better, algorithm="none", about="free"), keys) == licence
    forged = json.loads(file_of(key, licence))
    forged["payload"] = json.loads(file_of(SigningKey(), better))["payload"]
    with pytest.raises(LicenseFileInvalid, match="signature"):
        read(json.dumps(forged).encode(), keys)


def test_a_key_that_is_not_published_is_asked_for(licence, keys):
    with pytest.raises(UnknownKey):
        read(file_of(SigningKey(), licence), keys)


@pytest.mark.parametrize(
    "outer",
    [
        {"usher_license": 2},
        {"usher_license": None},
        {"signature": ""},
        {"signature": "!!!!"},
        {"signature": None},
        {"payload": 7},
        {"payload": "e30="},
        {"inner": {"usher_license": 2}},
        {"inner": {"signed_at": None}},
        {"inner": {"signed_at": "yesterday"}},
        {"inner": {"license": None}},
    ],
    ids=str,
)
def test_a_file_that_is_damaged_or_of_the_future_is_refused(key, keys, licence, outer):
    with pytest.raises(LicenseFileInvalid):
        read(file_of(key, licence, **outer), keys)


@pytest.mark.parametrize("file", [b"", b"[]", b"7", b"{}", b"\xff", b"[" * 100_000, b" " * 1_100_000])
def test_what_is_no_file_at_all_is_refused(keys, file):
    with pytest.raises(LicenseFileInvalid):
        read(file, keys)


def test_a_lease_is_no_licence_file(engine, key, keys):
    """Both are signed by the same key: neither can be passed off as the other."""
    token = key.jwt(engine.claims(engine.seat(MACHINE, 1)))
    header, payload, signature = token.split(".")
    signed = b64encode(f"{header}.{payload}".encode()).decode()
    outer = {"usher_license": 1, "kid": key.kid, "payload": signed, "signature": signature.replace("-", "+")}
    outer["signature"] = b64encode(key.private.sign(f"{header}.{payload}".encode())).decode()
    with pytest.raises(LicenseFileInvalid, match="payload"):
        read(json.dumps(outer).encode(), keys)


class TestFilesOfNodeLockedLicences:
    @pytest.fixture
    def bound(self, licence) -> dict[str, Any]:
        named = [digest("somebody else"), digest(MACHINE)]
        return {**licence, "machines": {"fingerprints": named, "holds_until": "2025-11-08T08:53:20Z"}}

    def test_it_holds_on_the_machine_it_names_for_a_while(self, key, keys, bound):
        assert read(file_of(key, bound), keys) == bound
        with pytest.raises(LicenseFileInvalid, match="fetch a new one"):
            read(file_of(key, bound), keys, now=NOW + 30 * 86_400)

    @pytest.mark.parametrize("fingerprint", [None, "fingerprint-of-bob", MACHINE.upper()])
    def test_it_does_not_hold_on_another(self, key, keys, bound, fingerprint):
        with pytest.raises(LicenseFileInvalid, match="this machine"):
            read(file_of(key, bound), keys, fingerprint=fingerprint)

    @pytest.mark.parametrize("machines", [{}, [], 7, {"fingerprints": "all"}])
    def test_it_must_name_machines(self, key, keys, licence, machines):
        with pytest.raises(LicenseFileInvalid):
            read(file_of(key, {**licence, "machines": machines}), keys)


def test_an_rsa_file_is_read_with_an_rsa_key(licence):
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    n, e = (encoded(value.to_bytes((value.bit_length() + 7) // 8, "big")) for value in (numbers.n, numbers.e))
    keys = KeySet({"keys": [{"kty": "RSA", "alg": "RS256", "n": n, "e": e, "kid": "rsa"}]})
    signer = SigningKey()
    file = json.loads(file_of(signer, licence, kid="rsa"))
    with pytest.raises(LicenseFileInvalid, match="signature"):
        read(json.dumps(file).encode(), keys)
    payload = json.dumps({"usher_license": 1, "signed_at": "2025-10-09T08:53:20Z", "license": licence}).encode()
    file["signature"] = b64encode(private.sign(payload, padding.PKCS1v15(), SHA256())).decode()
    assert read(json.dumps(file).encode(), keys) == licence


class TestAProgramWithAFile:
    def test_it_asks_for_the_keys_once_and_then_needs_no_network(self, program, engine, office, key, licence, tmp_path):
        path = tmp_path / "licence.json"
        path.write_bytes(file_of(key, {**licence, "expires_at": "2099-01-01T00:00:00Z"}))
        assert program().read_license_file(path)["product"] == "coditect"
        office.close()
        assert program().read_license_file(path.read_bytes())["product"] == "coditect"
        assert engine.seen("GET", "keys") == 1

    def test_without_keys_and_network_it_cannot_tell(self, program, office, key, licence):
        office.close()
        with pytest.raises(Unavailable):
            program().read_license_file(file_of(key, licence))

    def test_a_key_that_usher_does_not_know_is_refused(self, program, licence):
        with pytest.raises(LicenseFileInvalid, match="unknown key"):
            program().read_license_file(file_of(SigningKey(), licence))
