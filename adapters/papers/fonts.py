"""The Noto fonts (SIL Open Font License 1.1), from two packages of font files: no font of the system is looked at."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_SCRIPTS = (
    *("Arabic", "Hebrew", "Devanagari", "Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam", "Oriya", "Sinhala"),
    *("Tamil", "Telugu", "Thai", "Lao", "Khmer", "Myanmar", "Armenian", "Georgian", "Ethiopic"),
)
_HAN = {"ja": "JP", "ko": "KR", "JP": "JP", "KR": "KR", "TW": "TC", "HK": "HK", "MO": "HK"}
"""Language or country → whose shapes of Han characters; simplified Chinese for all others."""


def folders() -> list[str]:
    """Where the files are."""
    specs = [find_spec(name) for name in _PACKAGES]
    return [str(Path(spec.origin).parent) for spec in specs if spec and spec.origin]


def families(language: str, country: str | None) -> list[str]:
    """In the order in which a character is looked for."""
    first = _HAN.get(language) or _HAN.get(country or "") or "SC"
    han = dict.fromkeys([first, "SC", "JP", "KR"])
    return [
        "Noto Sans",
        *(f"Noto Sans {script}" for script in _SCRIPTS),
        *(f"Noto Sans CJK {region}" for region in han),
        "Noto Sans Symbols",
        "Noto Emoji",
    ]
