"""Licence files and leases as clients check them: with the programs of docs/licence-files.md, run from the page."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.database import Database
from adapters.license_file import build_license_file
from adapters.secrets import Secrets
from adapters.signing import SigningKeys
from adapters.signing_key import Algorithm
from domain.errors import InvalidRequest
from domain.lease import LeaseClaims, fingerprint_digest

PAGE = (Path(__file__).parents[2] / "docs" / "licence-files.md").read_text(encoding="utf-8")
NOW = datetime.now(UTC)  # the programs of the page read the real clock
MACHINE = "machine-0123456789"
VERIFIERS = {
    "verify_license.py": [sys.executable],
    "verify_license.mjs": ["node"],
    "verify_license.sh": ["sh"],
}
LICENCE = {
    "id": uuid.UUID("0199aaaa-0000-7000-8000-000000000002"),
    "key_hint": "CODI-…-7K2QX",
    "product": "coditect",
    "plan": "pro",
    "seats": {"limit": 10},
    "features": {"api": True, "sso": False},
    "limits": {"note": 'Zürich "quoted" 日本'},
    "expires_at": NOW + timedelta(days=365),
    "suspended_reason": None,
}


@pytest.fixture
def signing(database_url: str) -> Iterator[SigningKeys]:
    database = Database(database_url, size=2)
    keys = SigningKeys(database, Secrets("a server secret that is long enough to be one"))
    keys.ensure(NOW)
    yield keys
    keys.close()
    database.close()


def program(name: str, folder: Path) -> Path:
    """Cuts the program out of the page: the fenced block whose first line names it."""
    (code,) = re.findall(rf"^```\w+\n((?:#|//) {re.escape(name)} .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = folder / name
    path.write_text(code, encoding="utf-8")
    return path


def run(command: list[str], *arguments: object) -> str | None:
    """What the program printed; None when it refused."""
    if shutil.which(command[0]) is None or (command == ["sh"] and shutil.which("openssl") is None):
        pytest.skip(f"no {command[0]} or openssl on this machine")
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, timeout=60, check=False)
    return done.stdout.decode() if done.returncode == 0 else None


def verified(name: str, file: bytes, key_set: dict[str, Any], folder: Path) -> Any:
    """The licence that a program of the page finds in a file; None when it refuses the file."""
    (folder / "license.json").write_bytes(file)
    (folder / "keys.json").write_text(json.dumps(key_set), encoding="utf-8")
    said = run(VERIFIERS[name], program(name, folder), folder / "license.json", folder / "keys.json")
    if said is None:
        return None
    return json.loads(said)["license"] if name.endswith(".sh") else json.loads(said)


def changed(file: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(file) | fields, indent=2).encode()


def as_json(facts: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> str:
        return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)

    result: dict[str, Any] = json.loads(json.dumps(facts, default=plain))
    return result


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("name", VERIFIERS)
def test_a_file_is_verified_with_nothing_but_the_published_keys(
    signing: SigningKeys, name: str, algorithm: Algorithm, tmp_path: Path
) -> None:
    file = build_license_file(signing, LICENCE, algorithm=algorithm, now=NOW)
    signing.sign_document(b"", Algorithm.RSA_4096, NOW)
    check = partial(verified, name, key_set=signing.jwks(NOW), folder=tmp_path)
    assert check(file) == as_json(LICENCE)

    said = json.loads(base64.b64decode(json.loads(file)["payload"]))
    said["license"]["seats"]["limit"] = 1000
    more_seats = base64.b64encode(json.dumps(said).encode()).decode()
    other_kid = next(jwk["kid"] for jwk in signing.jwks(NOW)["keys"] if jwk["kid"] != json.loads(file)["kid"])
    assert check(changed(file)) == as_json(LICENCE)  # the lay-out outside of the payload does not matter
    assert check(changed(file, payload=more_seats)) is None
    assert check(changed(file, signature=base64.b64encode(bytes(64)).decode())) is None
    assert check(changed(file, signature="")) is None
    assert check(changed(file, kid=other_kid)) is None
    assert check(changed(file, kid="unknown")) is None


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_file_of_another_installation_is_refused(signing: SigningKeys, name: str, tmp_path: Path) -> None:
    file = build_license_file(signing, LICENCE, now=NOW)
    (jwk,) = signing.jwks(NOW)["keys"]
    foreign = jwk | {"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}  # the public key of RFC 8037, appendix A.2
    assert verified(name, file, {"keys": [foreign | {"kid": "other"}, jwk]}, tmp_path) == as_json(LICENCE)
    assert verified(name, file, {"keys": [foreign]}, tmp_path) is None
    assert verified(name, file, {"keys": []}, tmp_path) is None


@pytest.mark.parametrize("name", ["verify_license.py", "verify_license.mjs"])
def test_an_expired_licence_is_refused(signing: SigningKeys, name: str, tmp_path: Path) -> None:
    for end, holds in [(NOW + timedelta(hours=1), True), (NOW - timedelta(seconds=1), False), (None, True)]:
        licence = LICENCE | {"expires_at": end}
        file = build_license_file(signing, licence, now=NOW)
        assert verified(name, file, signing.jwks(NOW), tmp_path) == (as_json(licence) if holds else None)


def test_a_file_of_a_retired_key_is_verified_within_the_overlap(signing: SigningKeys, tmp_path: Path) -> None:
    file = build_license_file(signing, LICENCE, now=NOW)
    signing.rotate(Algorithm.ED25519, NOW, timedelta(days=400))
    within, after = NOW + timedelta(days=399), NOW + timedelta(days=400)
    assert verified("verify_license.py", file, signing.jwks(within), tmp_path) == as_json(LICENCE)
    assert verified("verify_license.py", file, signing.jwks(after), tmp_path) is None


def test_only_the_payload_states_terms(signing: SigningKeys) -> None:
    file = json.loads(build_license_file(signing, LICENCE, now=NOW))
    assert file.keys() == {"usher_license", "about", "algorithm", "kid", "payload", "signature"}
    said = json.loads(base64.b64decode(file["payload"]))
    assert said.keys() == {"usher_license", "signed_at", "license"}
    assert said["signed_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert (file["usher_license"], file["algorithm"], file["kid"]) == (1, "ed25519", signing.ensure(NOW).kid)


def test_what_json_cannot_say_is_not_signed(signing: SigningKeys) -> None:
    for value in (timedelta(days=1), b"bytes", {1, 2}):
        with pytest.raises(TypeError, match="no place in a licence file"):
            build_license_file(signing, {"term": value}, now=NOW)
    with pytest.raises(ValueError, match="JSON"):
        build_license_file(signing, {"share": float("nan")}, now=NOW)


def test_an_unknown_algorithm_is_refused(signing: SigningKeys) -> None:
    with pytest.raises(InvalidRequest, match="rsa-4096"):
        build_license_file(signing, LICENCE, algorithm="rsa-2048", now=NOW)


def test_a_lease_is_checked_offline_as_the_page_shows(signing: SigningKeys, tmp_path: Path) -> None:
    issued = int(NOW.timestamp())
    claims = LeaseClaims(
        sid=uuid.uuid4(),
        lic=uuid.uuid4(),
        seat=3,
        fp=fingerprint_digest(MACHINE),
        ver=5,
        iat=issued,
        exp=issued + 360,
        grace=1800,
        product="coditect",
        features={"api": True},
    )
    (tmp_path / "keys.json").write_text(json.dumps(signing.jwks(NOW)), encoding="utf-8")
    check = partial(run, [sys.executable], program("check_lease.py", tmp_path))

    def refused(fingerprint: str = MACHINE, **other: int) -> bool:
        stated = LeaseClaims(**{name: getattr(claims, name) for name in claims.__slots__} | other)
        return check(signing.sign_lease(stated), tmp_path / "keys.json", fingerprint) is None

    lease = signing.sign_lease(claims)
    said = check(lease, tmp_path / "keys.json", MACHINE)
    assert said is not None
    assert LeaseClaims.stated(json.loads(said)) == claims
    assert not refused(iat=issued - 2000, exp=issued - 1000)  # within its grace
    assert refused(fingerprint="another-machine")
    assert refused(iat=issued - 3000, exp=issued - 1800)
    assert refused(iat=issued + 4000, exp=issued + 5000)
    header, payload, signature = lease.split(".")
    assert check(f"{header}.{payload[:-4]}AAAA.{signature}", tmp_path / "keys.json", MACHINE) is None


def test_the_page_names_the_claims_and_the_fields_there_are() -> None:
    rows = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in PAGE.splitlines() if line[:2] == "| ")))
    assert rows >= set(LeaseClaims.__slots__)
    assert rows >= {"usher_license", "about", "algorithm", "kid", "payload", "signature"}
