"""A kind and its context become a subject, a plain text and an HTML page.

The words are rendered once, as plain text, and laid out twice. The HTML template escapes whatever it lays out, so no
name, reason or company can become markup.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.emails.kinds import COMMON, CONTEXTS, UNPROVEN, MailKind
from adapters.emails.speech import DEFAULT_LANGUAGE, Speech, language_for, words_of
from adapters.plain_text import one_line

_FOLDER = Path(__file__).parent
_TEXT_WIDTH = 72
_AS_IT_IS = frozenset({"license_key", "reason", "role"})
"""A key is copied, mark for mark; a reason and a role are codes that the language has words for."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`subject` is one line, `text` is wrapped at 72 columns, `html` is a whole page; `direction` is ltr or rtl."""

    subject: str
    text: str
    html: str
    direction: str = "ltr"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, as the foot of a mail says it: `lines` such as address and tax numbers. `logo` is the content id of
    an image that comes with the mail."""

    name: str
    lines: tuple[str, ...] = ()
    email: str | None = None
    website: str | None = None
    logo: str | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the words of a kind."""

    letterhead: Letterhead
    language: str = DEFAULT_LANGUAGE
    unsubscribe_url: str | None = field(default=None, repr=False)


def render(kind: MailKind, context: Mapping[str, object], frame: Frame) -> Rendered:
    """Renders with exactly the keys of `CONTEXTS[kind]` and `COMMON`; a language we lack falls back to English.

    Times are aware datetimes, addresses http(s). Raises `ValueError` that names a missing, unknown, empty or unfit
    key, and `jinja2.UndefinedError` when the words use a key that is not documented.
    """
    kind, language = MailKind(kind), language_for(frame.language)
    parts = _in_words(kind, _checked(kind, context), language) | _framed(frame, language)
    layouts = _layouts()
    return Rendered(
        subject=parts["subject"],
        text=layouts.get_template("mail.txt.j2").render(parts),
        html=layouts.get_template("mail.html.j2").render(parts),
        direction=parts["direction"],
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
    words, speech = words_of(language), _speech(language)
    lines = words["kinds"][kind.value]
    greeting = "greeting_unproven" if kind in UNPROVEN else "greeting"
    placed = {
        key: speech.own(value) if isinstance(value, str) and key not in _AS_IT_IS else value
        for key, value in values.items()
    }

    def said(part: Any) -> Any:
        if isinstance(part, str):
            return _line(language, part).render(placed)
        if isinstance(part, list):
            return [said(each) for each in part]
        return {
            key: _http(_line(language, each).render(values)) if key == "url" else said(each)
            for key, each in part.items()
        }

    shown = [block for block in lines["body"] if "if" not in block or values[block["if"]] is not None]
    body = _joined([said({key: block[key] for key in block if key != "if"}) for block in shown])
    return {
        **{key: said(lines[key]) for key in ("subject", "preview", "heading")},
        **{key: said(words[key]) for key in ("footer", "or_copy", "unsubscribe")},
        "greeting": said(words[greeting]),
        "body": body,
        "copied": next((block["button"]["url"] for block in body if "button" in block), None),
        "tone": CONTEXTS[kind].tone.value,
        "language": language,
        "direction": speech.direction,
    }


def _framed(frame: Frame, language: str) -> dict[str, Any]:
    head, own = frame.letterhead, _speech(language).own
    reach = [own(each) for each in (head.email, head.website) if each]
    return {
        "sender": own(head.name),
        "logo": head.logo,
        "imprint": [own(line) for line in head.lines],
        "reach": reach,
        "unsubscribe_url": _http(frame.unsubscribe_url) if frame.unsubscribe_url else None,
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


def _http(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("A link in a mail starts with https:// or http://.")
    return url


@lru_cache
def _speech(language: str) -> Speech:
    return Speech(language)


@lru_cache(maxsize=4096)
def _line(language: str, source: str) -> Any:
    return _sayings(language).from_string(source)


@lru_cache
def _sayings(language: str) -> Environment:
    """Renders single lines: plain text, so nothing is escaped here."""
    lines = Environment(undefined=StrictUndefined, autoescape=False)
    lines.filters |= _speech(language).filters
    return lines


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
    layouts.filters["labelled"] = _labelled
    return layouts


def _wrapped(text: str, hanging: str = "") -> str:
    return textwrap.fill(text, _TEXT_WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def _labelled(value: str, label: str, facts: list[list[str]]) -> str:
    """The values of a table begin below each other, and so do their further lines."""
    width = max(len(each) for each, _ in facts) + 3
    return _wrapped(f"{label}:".ljust(width) + value, " " * width)
