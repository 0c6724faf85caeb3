"""What the reader sees: chapters, calm sentences, a few figures; colours on a terminal, plain text elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.text import Text

WIDTH = 100
INDENT = "   "
LABEL = 20


def day(moment: datetime) -> str:
    """Thursday 5 March, 09:00"""
    return f"{moment:%A} {moment.day} {moment:%B}, {moment:%H:%M}"


def short_day(moment: datetime) -> str:
    """Thu 5 Mar, 09:00"""
    return f"{moment:%a} {moment.day} {moment:%b}, {moment:%H:%M}"


def number(count: int, noun: str) -> str:
    """1 event, 12 events"""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


class Page:
    """Sentences may carry rich's markup; what comes from outside goes through `quoted`."""

    def __init__(self) -> None:
        console = Console(highlight=False, emoji=False)
        self._width = min(console.width, WIDTH) if console.is_terminal else WIDTH
        self._console = Console(highlight=False, emoji=False, width=self._width)
        self._began = time.monotonic()
        self._chapter = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def title(self, name: str, sentence: str) -> None:
        self._console.print(f"[bold]{name}[/]")
        self._wrapped(sentence, "")

    def chapter(self, name: str, moment: datetime | None = None) -> None:
        """A heading, with the engine's date at the right."""
        self._chapter += 1
        date = day(moment) if moment else ""
        gap = " " * max(2, self._width - len(INDENT) - len(name) - len(date))
        self._console.print(f"\n[bold cyan]{self._chapter:<{len(INDENT)}}{name}[/]{gap}[dim]{date}[/]", soft_wrap=True)

    def say(self, sentence: str) -> None:
        self._wrapped(sentence, INDENT)

    def lines(self, lines: Iterable[str]) -> None:
        """Lines that stay as they are, a little aside."""
        for line in lines:
            self._console.print(f"{INDENT}  {line}", soft_wrap=True)

    def item(self, label: str, sentence: str) -> None:
        """A sentence beside its label, a date mostly."""
        hanging = INDENT + " " * LABEL
        for number, line in enumerate(self._lines_of(sentence, hanging)):
            before = f"{INDENT}[dim]{label:<{LABEL}}[/]" if number == 0 else hanging
            self._console.print(Text.from_markup(before) + line, soft_wrap=True)

    def broke(self, what: str, log: Iterable[str]) -> None:
        self._console.print(f"\n[bold red]The story broke:[/] {escape(what)}", soft_wrap=True)
        self._console.print("[dim]The engine's last words:[/]")
        for line in log:
            self._console.print(Text(f"  {line}"), soft_wrap=True)

    def end(self, sentence: str) -> None:
        self._console.print()
        self._wrapped(sentence, "")

    def _wrapped(self, sentence: str, indent: str) -> None:
        for line in self._lines_of(sentence, indent):
            self._console.print(Text(indent) + line, soft_wrap=True)

    def _lines_of(self, sentence: str, indent: str) -> Iterator[Text]:
        for line in Text.from_markup(sentence).wrap(self._console, self._width - len(indent)):
            line.rstrip()
            yield line


def quoted(text: object) -> str:
    """Words from outside, safe inside a sentence."""
    return escape(str(text))
