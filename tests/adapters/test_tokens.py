"""Signed tokens: good for one purpose, until their end, and not to be altered."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from adapters.secrets import Secrets
from adapters.tokens import Tokens

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOKENS = Tokens(Secrets("a secret of many letters"))
GOOD = TOKENS.sign("access", {"sub": "ann"}, now=NOW, lifetime=timedelta(minutes=15))


def test_a_token_is_read_until_its_last_second() -> None:
    claims = TOKENS.read("access", GOOD, now=NOW + timedelta(minutes=14, seconds=59))
    assert claims is not None and claims["sub"] == "ann"
    assert TOKENS.read("access", GOOD, now=NOW + timedelta(minutes=15)) is None


def test_another_purpose_or_another_secret_does_not_read_it() -> None:
    assert TOKENS.read("refresh", GOOD, now=NOW) is None
    assert Tokens(Secrets("another secret")).read("access", GOOD, now=NOW) is None


def test_every_altered_character_is_noticed() -> None:
    for place in range(len(GOOD) - 1):  # the last character carries bits that are not used
        altered = GOOD[:place] + ("A" if GOOD[place] != "A" else "B") + GOOD[place + 1 :]
        assert TOKENS.read("access", altered, now=NOW) is None


@pytest.mark.parametrize(
    "token", ["", ".", "..", "eyJ", "x" * 5000, "\u00e9.\u00e9.\u00e9", "eyJhbGciOiJIUzI1NiJ9.e30."]
)
def test_what_is_no_token_is_none(token: str) -> None:
    assert TOKENS.read("access", token, now=NOW) is None


def test_a_token_that_chooses_its_own_algorithm_is_none() -> None:
    unsigned = jwt.encode({"sub": "ann", "aud": "access", "iat": 0, "exp": 2**40}, None, algorithm="none")
    assert TOKENS.read("access", unsigned, now=NOW) is None
    header = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    assert TOKENS.read("access", f"{header}.{GOOD.split('.')[1]}.{GOOD.split('.')[2]}", now=NOW) is None


def test_a_proof_holds_for_its_purpose_and_data_alone() -> None:
    proof = TOKENS.mac("cursor", b"data")
    assert len(proof) == 16 and proof == TOKENS.mac("cursor", b"data")
    assert proof != TOKENS.mac("cursor", b"date") and proof != TOKENS.mac("other", b"data")
