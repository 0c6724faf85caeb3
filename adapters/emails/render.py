"""A kind and its context become a subject, a plain text and an HTML page.

The words are rendered once, as plain text, and laid out twice. The HTML template escapes whatever it lays out, so no
name, reason or company can become markup.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.emails.kinds import COMMON, CONTEXTS, UNPROVEN, MailKind
from adapters.plain_text import one_line

_FOLDER = Path(__file__).parent
_DEFAULT_LANGUAGE = "en"
_TEXT_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Rendered:
    """`subject` is one line, `text` is wrapped at 72 columns, `html` is a whole page."""

    subject: str
    text: str
    html: str


def render(kind: MailKind, context: Mapping[str, object], locale: str = "en") -> Rendered:
    """Renders with exactly the keys of `CONTEXTS[kind]` and `COMMON`; a language we lack falls back to English.

    Times are aware datetimes, addresses http(s). Raises `ValueError` that names a missing, unknown, empty or unfit
    key, and `jinja2.UndefinedError` when the words use a key that is not documented.
    """
    language = _language(locale)
    parts = _in_words(MailKind(kind), _checked(MailKind(kind), context), language)
    layouts = _layouts()
    return Rendered(
        subject=parts["subject"],
        text=layouts.get_template("mail.txt.j2").render(parts),
        html=layouts.get_template("mail.html.j2").render(parts),
    )


def _checked(kind: MailKind, context: Mapping[str, object]) -> dict[str, object]:
    known = CONTEXTS[kind].keys | COMMON.keys()
    if known != context.keys():
        missing, unknown = sorted(known - context.keys()), sorted(context.keys() - known)
        raise ValueError(f"The mail {kind} lacks {missing or 'nothing'} and does not know {unknown or 'nothing else'}.")
    for key in CONTEXTS[kind].required:
        if context[key] is None or context[key] == "":
            raise ValueError(f"The mail {kind} needs a value for {key}.")
    return {key: one_line(value) if isinstance(value, str) else value for key, value in context.items()}


def _in_words(kind: MailKind, values: Mapping[str, object], language: str) -> dict[str, Any]:
    words = _words()[language]
    lines = words["kinds"][kind.value]
    greeting = "greeting_unproven" if kind in UNPROVEN else "greeting"

    def said(part: Any) -> Any:
        if isinstance(part, str):
            return one_line(_line(language, part).render(values))
        if isinstance(part, list):
            return [said(each) for each in part]
        return {key: _address(said(each)) if key == "url" else said(each) for key, each in part.items()}

    shown = [block for block in lines["body"] if "if" not in block or values[block["if"]] is not None]
    return {
        **{key: said(lines[key]) for key in ("subject", "preview", "heading")},
        **{key: said(words[key]) for key in ("footer", "or_copy")},
        "greeting": said(words[greeting]),
        "body": _joined([said({key: block[key] for key in block if key != "if"}) for block in shown]),
        "sender": values["sender"],
        "language": language,
        "direction": words["direction"],
    }


def _joined(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts that follow facts are one table."""
    joined: list[dict[str, Any]] = []
    for block in blocks:
        if "facts" in block and joined and "facts" in joined[-1]:
            joined[-1] = {"facts": joined[-1]["facts"] + block["facts"]}
        else:
            joined.append(block)
    return joined


def _address(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("A link in a mail starts with https:// or http://.")
    return url


@lru_cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / "words.yaml").read_text("utf-8"))
    return loaded


def _language(locale: str) -> str:
    """`de-AT` → `de` when we have it, else English."""
    candidates = (locale, locale.replace("_", "-").split("-")[0].lower())
    return next((name for name in candidates if name in _words()), _DEFAULT_LANGUAGE)


@lru_cache(maxsize=1024)
def _line(language: str, source: str) -> Any:
    return _sayings(language).from_string(source)


@lru_cache
def _sayings(language: str) -> Environment:
    """Renders single lines: plain text, so nothing is escaped here."""
    words = _words()[language]
    lines = Environment(undefined=StrictUndefined, autoescape=False)
    lines.filters["date"] = lambda at: _when(words, "date", at)
    lines.filters["moment"] = lambda at: _when(words, "moment", at)
    lines.filters["money"] = lambda money: money.text
    lines.filters["role"] = lambda role: words["roles"][role]
    lines.filters["reason"] = lambda reason: words["reasons"].get(reason, reason)
    lines.filters["advice"] = lambda reason: words["advice"].get(reason, words["advice"]["other"])
    return lines


def _when(words: Mapping[str, Any], style: str, at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("A time in a mail must know its zone.")
    utc = at.astimezone(UTC)
    month = words["months"][utc.month - 1]
    said: str = words[style].format(day=utc.day, month=month, year=utc.year, time=f"{utc:%H:%M}")
    return said


@lru_cache
def _layouts() -> Environment:
    layouts = Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    layouts.filters["wrapped"] = _wrapped
    layouts.filters["aligned"] = lambda label: f"{label:<18}"
    return layouts


def _wrapped(text: str, hanging: str = "") -> str:
    return textwrap.fill(text, _TEXT_WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
