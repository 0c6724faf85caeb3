"""One-time codes, by the vectors of RFC 6238 (appendix B)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from domain.totp import STEP, address, code_at, spelled, step_of

SECRET = b"12345678901234567890"
NOW = datetime(2026, 11, 20, 12, 0, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds, code):
    assert code_at(SECRET, seconds // STEP, digits=8) == code
    assert code_at(SECRET, seconds // STEP) == code[2:]


def test_a_clock_may_be_off_by_half_a_minute_and_no_more():
    current = int(NOW.timestamp()) // STEP
    found = {
        off: step_of(SECRET, code_at(SECRET, current), NOW + timedelta(seconds=off)) for off in (-60, -30, 0, 30, 60)
    }
    assert found == {-60: None, -30: current, 0: current, 30: current, 60: None}


@pytest.mark.parametrize("code", ["", "000000", "12345", "é23456", "1234567"])
def test_another_code_belongs_to_no_step(code):
    assert step_of(SECRET, code, NOW) is None


def test_the_picture_says_whose_code_it_is_and_a_colon_cannot_change_that():
    parts = urlsplit(address(SECRET, issuer="Usher: the best", account="ann@example.com"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/Usher%20%20the%20best:ann@example.com"
    assert parse_qs(parts.query) == {"secret": [spelled(SECRET)], "issuer": ["Usher: the best"]}
    assert spelled(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
