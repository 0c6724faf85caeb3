"""Answers for people (tables, on a terminal in colour) and for programs (JSON)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Say = Callable[[int, int], None]
_WIDE = 400
"""Letters in a line when nobody's terminal limits it: one row stays one line for `grep`."""
SayStep = Callable[[str, int, int], None]


def answer(value: object, as_json: bool, show: Callable[[Any], None]) -> None:
    """One answer: as JSON, or in the way that `show` shows it."""
    if as_json:
        print(text(value))
    else:
        show(value)


def text(value: object) -> str:
    """JSON with times in UTC and `Z`, durations in ISO 8601, ids as text."""
    from application.past import plain

    return json.dumps(plain(value), ensure_ascii=False)


def table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, empty: str) -> None:
    """One line a row; `empty` is said when there are none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(empty)
        return
    names = list(columns)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        shown.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell(row[name])) for name in names))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(shown)


def fields(values: Mapping[str, Any]) -> None:
    """One thing: a line for each of its fields."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        print(f"{name.replace('_', ' '):<{width}}  {cell(value)}")


def cell(value: object) -> str:
    """A value as a person reads it, with nothing that a terminal would obey."""
    from application.past import plain

    value = plain(value)
    if value is None:
        return "-"
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else "�" for letter in said)


@contextmanager
def progress(what: str) -> Iterator[Say]:
    """A bar on a terminal, nothing elsewhere; is told (done, of)."""
    with progress_in_steps() as say:
        yield lambda done, of: say(what, done, of)


@contextmanager
def progress_in_steps() -> Iterator[SayStep]:
    """The same for work in several steps; is told (what is being done, done, of)."""
    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)
