"""The licence key a person types: derived, printable, forgiving to read, with a check character.

    CODI-7K2QX-M9D4R-00FZT-8WHVC-N3PJ5
    └┬─┘ └────────── body: 24 characters of 5 bits, then one check character ──────────┘
     the product's prefix

Alphabet and forgiveness are Crockford's base 32 (https://www.crockford.com/base32.html). Any hyphens, dashes and spaces
are ignored, case too; `O` is read as `0`, `I` and `L` as `1`, also in the prefix (so `CODI` and `c0d1` are the same),
where `U`, which the alphabet lacks, is read as `V`.

The check character is Damm's (H. M. Damm, Total anti-symmetrische Quasigruppen, Marburg 2004) over GF(32): reading from
the left, `state = 2 · (state + symbol)`; addition is exclusive or, the field is GF(2)[x] / (x⁵ + x² + 1), in which 2
has order 31. Every wrong symbol and every swap of two unequal symbols up to 30 places apart changes the result. It
covers the prefix, so a key of one product with the prefix of another is a typing error.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from uuid import UUID

from domain.errors import LicenseKeyInvalid

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {symbol: value for value, symbol in enumerate(_ALPHABET)}
_TWICE = tuple((2 * value) ^ (0b100101 if value & 0b10000 else 0) for value in range(32))
_FORGIVEN = str.maketrans("OIL", "011")
_BODY = 25
_LONGEST_INPUT = 100
_PREFIX = re.compile(r"[A-Z0-9]{1,16}")  # wider than what a product may choose today: old keys must read
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")  # word processors turn hyphens into dashes


@dataclass(frozen=True, slots=True)
class LicenseKey:
    """A key whose check character is right. `text` (and `str`) is the secret; `repr` shows the hint only.

    Two readings of one key are equal however the prefix was written.
    """

    prefix: str = field(compare=False)
    symbols: str
    """Prefix and body in the 32 symbols, without separators: what is digested."""

    @property
    def text(self) -> str:
        """The whole key as it is printed: `CODI-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`."""
        body = self.symbols[-_BODY:]
        return "-".join((self.prefix, *(body[at : at + 5] for at in range(0, _BODY, 5))))

    @property
    def hint(self) -> str:
        """What may be shown and logged, e.g. `CODI-…-N3PJ5`: 20 of the 120 derived bits and the check character (5
        bits more at most), so at least 95 bits stay unknown."""
        return f"{self.prefix}-…-{self.symbols[-5:]}"

    @property
    def digest(self) -> str:
        """What is stored: SHA-256 (hex) of `symbols`.

        Neither salted, peppered nor slow, unlike a password's: with 120 derived bits there is nothing to guess, and
        a licence is found by its digest, which has to be the same for every reading of the key.
        """
        return hashlib.sha256(self.symbols.encode()).hexdigest()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"LicenseKey({self.hint})"


def derive(secret: bytes, license_id: UUID, version: int, prefix: str) -> LicenseKey:
    """The key of a licence: 120 bits of HMAC-SHA256 of `secret` (32 bytes) over the licence's id and key version.

    The same arguments give the same key for ever; a rotated key is the next `version` (from 1). `ValueError` for a
    prefix that is not 1–16 letters and digits, in capitals, or a version that is not positive.
    """
    if not is_prefix(prefix):
        raise ValueError(f"{prefix!r} is no licence key prefix: 1-16 capital letters and digits")
    if version < 1:
        raise ValueError(f"key versions start at 1, not {version}")
    said = b"usher license key 1|" + license_id.bytes + version.to_bytes(4, "big")
    number = int.from_bytes(hmac.digest(secret, said, "sha256")[:15], "big")
    body = "".join(_ALPHABET[number >> shift & 31] for shift in range(115, -1, -5))
    unchecked = _prefix_symbols(prefix) + body
    return LicenseKey(prefix, unchecked + _ALPHABET[_state_after(unchecked)])


def parse(text: str) -> LicenseKey:
    """Reads a key as people write it; `LicenseKeyInvalid` when it is no key or the check character is wrong."""
    if len(text) > _LONGEST_INPUT:
        raise LicenseKeyInvalid()
    written = _SEPARATORS.sub("", text)
    # Before upper(): "ß" and "ı" would become letters of the alphabet.
    if not written.isascii():
        raise LicenseKeyInvalid()
    written = written.upper()
    prefix, body = written[:-_BODY], written[-_BODY:].translate(_FORGIVEN)
    if not is_prefix(prefix) or not _VALUE.keys() >= set(body):
        raise LicenseKeyInvalid()
    symbols = _prefix_symbols(prefix) + body
    if _state_after(symbols) != 0:
        raise LicenseKeyInvalid()
    return LicenseKey(prefix, symbols)


def is_prefix(text: str) -> bool:
    """Whether keys can begin with this; `domain/product.py` decides what a product may choose."""
    return _PREFIX.fullmatch(text) is not None


def _prefix_symbols(prefix: str) -> str:
    return prefix.translate(_FORGIVEN).replace("U", "V")


def _state_after(symbols: str) -> int:
    """Damm's state: the check symbol of what was read, 0 when that symbol was read too."""
    state = 0
    for symbol in symbols:
        state = _TWICE[state ^ _VALUE[symbol]]
    return state
