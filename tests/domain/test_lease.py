"""What a lease says, and what is refused as one."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.errors import LeaseInvalid
from domain.lease import LeaseClaims, fingerprint_digest

CLAIMS = LeaseClaims(
    sid=UUID("0199aaaa-0000-7000-8000-000000000001"),
    lic=UUID("0199aaaa-0000-7000-8000-000000000002"),
    seat=7,
    fp=fingerprint_digest("machine-0123456789"),
    ver=13,
    iat=1_760_000_000,
    exp=1_760_000_360,
    grace=1800,
    product="coditect",
    features={"api": True, "projects": 50},
)


CLAIMED = ["sid", "lic", "seat", "fp", "ver", "iat", "exp", "grace", "product", "features"]


def as_json(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(json.dumps(asdict(CLAIMS), default=str))
    return said | changes


def test_the_claims_have_the_names_of_the_contract() -> None:
    assert list(as_json()) == [*CLAIMED, "bor"]


def test_what_was_said_is_read_again() -> None:
    assert LeaseClaims.stated(as_json()) == CLAIMS


def test_a_claim_of_a_newer_version_is_passed_over() -> None:
    assert LeaseClaims.stated(as_json(color="blue")) == CLAIMS


def test_a_lease_that_does_not_say_so_is_not_borrowed() -> None:
    said = as_json(bor=True)
    assert LeaseClaims.stated(said).bor
    del said["bor"]
    assert not LeaseClaims.stated(said).bor


@pytest.mark.parametrize("name", CLAIMED)
def test_no_claim_may_be_missing(name: str) -> None:
    said = as_json()
    del said[name]
    with pytest.raises(LeaseInvalid):
        LeaseClaims.stated(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seat": True},
        {"seat": "7"},
        {"seat": 7.0},
        {"exp": None},
        {"exp": "1760000360"},
        {"fp": 12},
        {"product": None},
        {"features": ["api"]},
        {"sid": "no uuid"},
        {"sid": 5},
        {"lic": None},
    ],
)
def test_no_claim_may_be_of_another_type(wrong: dict[str, Any]) -> None:
    with pytest.raises(LeaseInvalid):
        LeaseClaims.stated(as_json(**wrong))


@pytest.mark.parametrize("said", [None, [], "claims", 5])
def test_claims_are_an_object(said: object) -> None:
    with pytest.raises(LeaseInvalid):
        LeaseClaims.stated(said)


def test_times_are_unix_seconds() -> None:
    assert CLAIMS.issued_at == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
    assert CLAIMS.expires_at == datetime(2025, 10, 9, 8, 59, 20, tzinfo=UTC)


def test_a_fingerprint_is_shown_as_its_sha_256() -> None:
    # printf %s abc | openssl dgst -sha256 -binary | basenc --base64url
    assert fingerprint_digest("abc") == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"
