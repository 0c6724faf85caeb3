"""Licence keys: derived, checked, forgiving."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import LicenseKeyInvalid
from domain.license_key import LicenseKey, derive, is_prefix, parse

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET = bytes(range(32))
LICENSE = UUID("0199aaaa-0000-7000-8000-000000000001")

prefixes = st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True)
keys = st.builds(derive, st.binary(min_size=32, max_size=32), st.uuids(), st.integers(1, 2**32 - 1), prefixes)


def read_as(symbol: str) -> str:
    """How a symbol of a prefix or a body is read, by the contract."""
    return {"O": "0", "I": "1", "L": "1", "U": "V"}.get(symbol, symbol)


def test_a_key_derived_today_is_the_key_derived_years_ago() -> None:
    key = derive(SECRET, LICENSE, 1, "CODI")
    assert key.text == "CODI-8SGXX-YQJ2K-FBADX-KNB5J-PP0W2"
    assert key.digest == "fff711eab18dacce05faf200878b78d4a3c67c34083dd7c3c86da3f4dafcce26"


@given(keys)
def test_a_key_has_the_printed_form_of_the_contract(key: LicenseKey) -> None:
    assert re.fullmatch(rf"[A-Z0-9]{{1,6}}(-[{ALPHABET}]{{5}}){{5}}", key.text)
    assert str(key) == key.text


@given(keys)
def test_what_is_printed_reads_as_the_same_key(key: LicenseKey) -> None:
    again = parse(key.text)
    assert (again, again.prefix, again.text, again.digest) == (key, key.prefix, key.text, key.digest)


@given(st.uuids(), st.uuids(), st.integers(1, 50), st.integers(1, 50))
def test_another_licence_or_another_version_has_another_key(a: UUID, b: UUID, m: int, n: int) -> None:
    assume((a, m) != (b, n))
    assert derive(SECRET, a, m, "CODI").digest != derive(SECRET, b, n, "CODI").digest


def test_another_secret_gives_another_key() -> None:
    assert derive(SECRET, LICENSE, 1, "CODI") != derive(b"\xff" * 32, LICENSE, 1, "CODI")


@given(keys, st.data())
def test_every_wrong_character_is_caught(key: LicenseKey, data: st.DataObject) -> None:
    text = key.text
    at = data.draw(st.sampled_from([i for i, symbol in enumerate(text) if symbol != "-"]))
    wrong = data.draw(st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*#?_é"))
    assume(read_as(wrong) != read_as(text[at]))
    with pytest.raises(LicenseKeyInvalid):
        parse(text[:at] + wrong + text[at + 1 :])


@given(keys, st.data())
def test_every_swap_of_neighbours_is_caught(key: LicenseKey, data: st.DataObject) -> None:
    text = key.text.replace("-", "")
    at = data.draw(st.integers(0, len(text) - 2))
    assume(read_as(text[at]) != read_as(text[at + 1]))
    with pytest.raises(LicenseKeyInvalid):
        parse(text[:at] + text[at + 1] + text[at] + text[at + 2 :])


@given(keys, st.data())
def test_a_key_with_the_prefix_of_another_product_is_caught(key: LicenseKey, data: st.DataObject) -> None:
    other = data.draw(st.sampled_from(ALPHABET))
    assume(read_as(key.prefix[-1]) != other)
    with pytest.raises(LicenseKeyInvalid):
        parse(key.prefix[:-1] + other + key.text.removeprefix(key.prefix))


@given(keys, st.data())
def test_case_separators_and_look_alikes_are_forgiven(key: LicenseKey, data: st.DataObject) -> None:
    looks = {"0": "0oO", "1": "1iIlL"}
    noise = st.sampled_from(["", "", "-", " ", "  ", "\u2013", "\u2011", "\u00a0", "\t", "\n"])
    letters = [data.draw(st.sampled_from(looks.get(s, s + s.lower()))) for s in key.text.replace("-", "")]
    written = "".join(letter + data.draw(noise) for letter in letters)
    assume(len(written) <= 100)
    again = parse(written)
    assert again == key
    assert again.digest == key.digest


def test_a_prefix_is_read_like_the_body() -> None:
    key = derive(SECRET, LICENSE, 1, "CODI")
    assert parse(key.text.replace("CODI", "c0d1")).digest == key.digest
    usher = derive(SECRET, LICENSE, 1, "USHR")
    assert parse(usher.text) == parse(usher.text.replace("USHR", "VSHR")) == usher


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "CODI",
        "CODI-7K2QX",
        "00000-00000-00000-00000-00000",  # a body without a prefix
        "A" * 17 + "0" * 25,
        "CODI" + "0" * 5000,
        "CODI-UUUUU-UUUUU-UUUUU-UUUUU-UUUUU",
        "CODI-\u0131\u0131\u0131\u0131\u0131-00000-00000-00000-00000",
        "CODI-ßßßßß-ßßßßß-ßßßß",
        "CODI-00000-00000-00000-00000-0000\x00",
        "usk_0123456789abcdefghijklmnopqrstuvwxyz",
        "'; drop table license_keys; --",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(LicenseKeyInvalid):
        parse(text)


@given(st.text(max_size=120))
def test_any_text_is_either_a_key_or_refused(text: str) -> None:
    try:
        key = parse(text)
    except LicenseKeyInvalid:
        return
    assert parse(key.text) == key


def test_the_hint_is_the_prefix_and_the_last_five_and_repr_shows_no_more() -> None:
    key = derive(SECRET, LICENSE, 1, "CODI")
    assert key.hint == "CODI-…-" + key.text[-5:]
    assert key.text[5:-6] not in repr(key)
    assert repr(key) == f"LicenseKey({key.hint})"


@pytest.mark.parametrize("prefix", ["", "codi", "CO-DI", "CÖDI", "A" * 17, "CODI\n", "٣"])
def test_a_prefix_that_could_not_be_printed_is_refused(prefix: str) -> None:
    assert not is_prefix(prefix)
    with pytest.raises(ValueError, match="prefix"):
        derive(SECRET, LICENSE, 1, prefix)


def test_key_versions_start_at_one() -> None:
    with pytest.raises(ValueError, match="versions start at 1"):
        derive(SECRET, LICENSE, 0, "CODI")
