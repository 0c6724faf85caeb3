"""Words of a person, fit to be placed in a mail or on a paper."""

from __future__ import annotations

import unicodedata

_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(value: str) -> str:
    """The text without line breaks, control characters and direction overrides: a name cannot leave its place."""
    plain = "".join(
        " " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or char in _DIRECTION_OVERRIDES else char
        for char in value
    )
    return " ".join(plain.split())
