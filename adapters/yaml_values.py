"""Reading typed values out of a YAML tree, collecting every problem instead of stopping at the first."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from adapters.yaml_tree import Node
from domain import durations
from domain.problems import Problem, under

Convert = Callable[["Reading", Node], Any]
"""How a field is read: the value, or `Wrong`."""


_LONGEST_TEXT = 500


class Wrong(Exception):
    """This value cannot be read; the message says why. Its path and line are those of the node being read."""


class Unread:
    """In place of a value that could not be read; the reason is noted."""


class Reading:
    """The problems found so far, each once: a value is asked for its problems, and its owner again."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> list[Problem]:
        return list(self._problems)

    def note(self, problems: Iterable[Problem]) -> None:
        self._problems.update(dict.fromkeys(problems))

    def convert(self, convert: Convert, node: Node) -> Any:
        """The value, or `Unread` with the reason noted."""
        try:
            return convert(self, node)
        except Wrong as wrong:
            self.note([Problem(node.path, str(wrong))])
            return Unread()

    def record(self, make: Callable[..., Any], node: Node, fields: Mapping[str, Convert], *required: str) -> Any:
        """`make(**values)`, asked for its problems, when every field could be read. A null field counts as left out."""
        given = {name: value for name, value in entries_of(node).items() if value.value is not None}
        missing = [name for name in required if name not in given]
        self.note(Problem(each.path, _unknown(name, fields)) for name, each in given.items() if name not in fields)
        self.note(under(node.path, [Problem(name, "is missing") for name in missing]))
        values = {name: self.convert(fields[name], each) for name, each in given.items() if name in fields}
        if missing or _has_unread(values.values()):
            return Unread()
        made = make(**values)
        self.note(under(node.path, made.problems()))
        return made

    def all(self, convert: Convert, nodes: Iterable[Node]) -> Any:
        """Every value as a tuple, or `Unread` when one of them is."""
        values = tuple(self.convert(convert, node) for node in nodes)
        return Unread() if _has_unread(values) else values


def word(words: type[StrEnum], reading: Reading, node: Node) -> StrEnum:
    if node.value not in list(words):
        raise Wrong(f"{shown(node)} is none of {', '.join(words)}")
    return words(node.value)


def text(reading: Reading, node: Node) -> str:
    if not isinstance(node.value, str):
        raise Wrong(f"{shown(node)} is not text; if it is meant as text, put it in quotes")
    if len(node.value) > _LONGEST_TEXT:
        raise Wrong(f"{shown(node)} is longer than {_LONGEST_TEXT} characters")
    return node.value


def integer(reading: Reading, node: Node) -> int:
    return number(node, "a whole number")


def boolean(reading: Reading, node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise Wrong(f"{shown(node)} is neither true nor false")
    return node.value


def share(reading: Reading, node: Node) -> Decimal:
    if isinstance(node.value, bool) or not isinstance(node.value, int | Decimal):
        raise Wrong(f"{shown(node)} is not a number such as 0.8")
    return Decimal(node.value)


def duration(reading: Reading, node: Node) -> Any:
    return parsed(durations.parse, node)


def each_duration(reading: Reading, node: Node) -> Any:
    return reading.all(duration, items_of(node))


def number(node: Node, wanted: str) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise Wrong(f"{shown(node)} is not {wanted}")
    return node.value


def parsed(parse: Callable[[str], Any], node: Node, otherwise: str = "") -> Any:
    """What `parse` makes of a text; its ValueError is the message, then `otherwise`."""
    try:
        return parse(node.value[:_LONGEST_TEXT] if isinstance(node.value, str) else shown(node))
    except ValueError as error:
        raise Wrong(f"{error} {otherwise}".strip()) from error


def entries_of(node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise Wrong(f"{shown(node)} is not a mapping of names to values")
    return node.value


def items_of(node: Node) -> list[Node]:
    if not isinstance(node.value, list):
        raise Wrong(f"{shown(node)} is not a list")
    return node.value


def shown(node: Node) -> str:
    """A value as a person wrote it, shortened."""
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool() | str():
            written = json.dumps(node.value, ensure_ascii=False)
            return written if len(written) <= 60 else f'{written[:57]}…"'
        case number:
            return str(number)


def _has_unread(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Unread) for value in values)


def _unknown(name: str, fields: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(fields), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}"
    return f"is not a field here; {hint}"
