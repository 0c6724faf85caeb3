"""YAML or JSON text as a tree in which every value has a path, and every path a line.

Read from parser events rather than loaded: a loader forgets lines, keeps the last of two equal keys, expands aliases
(a few lines can become gigabytes) and guesses (`no` is false, `010` is eight). Here a plain scalar is null, true,
false, a decimal number or text; aliases and tags are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Union

import yaml

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 16
MOST_VALUES = 50_000
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.A)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,17})\.\d{1,18}", re.A)
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATES = re.compile(r"((?<!\\)(?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.I)

Value = Union[None, bool, int, Decimal, str, "dict[str, Node]", "list[Node]"]


@dataclass(frozen=True)
class Node:
    """A value at `path` (`plans[0].name`, empty for the whole); `name` is its key in a mapping."""

    path: str
    value: Value
    name: str = ""


class Flaw(Exception):
    """What is wrong with the text itself, and where."""

    def __init__(self, path: str, line: int, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        super().__init__(f"line {line}, {path}: {message}")


@dataclass(frozen=True)
class Tree:
    """`lines` has the line of each path (of a field: where its name stands); `flaws` left the rest readable."""

    root: Node
    lines: dict[str, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)


def read_tree(data: str | bytes) -> Tree:
    """The one document in `data`. Raises `Flaw` when there is none, or it cannot be read as one."""
    text = _json_as_yaml(_text_of(data))
    builder = _Builder(yaml.parse(text, Loader=_PARSER))
    try:
        return builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"this is not YAML: {error.problem or error.context}"
        raise Flaw(builder.path, mark.line + 1 if mark else 1, message) from error


class _Builder:
    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._lines: dict[str, int] = {}
        self._flaws: list[Flaw] = []
        self.path = ""
        """Where the reading is, for errors of the parser."""

    def document(self) -> Tree:
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise Flaw("", 1, "the file is empty")
        root = self._node(next(self._events), "", 1)
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise Flaw("", after.start_mark.line + 1, "there must be one document only, but a second begins here")
        return Tree(root, self._lines, self._flaws)

    def _node(self, event: Any, path: str, depth: int, name: str = "") -> Node:
        line = event.start_mark.line + 1
        self.path = path
        self._lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            raise Flaw(path, line, f"aliases (*{event.anchor[:40]}) are not read here; write the value out")
        if event.tag not in (None, "!"):
            raise Flaw(path, line, f"tags ({event.tag[:40]}) are not read here")
        if depth > MOST_DEPTH:
            raise Flaw(path, line, f"nested deeper than {MOST_DEPTH} levels")
        if len(self._lines) > MOST_VALUES:
            raise Flaw(path, line, f"more than {MOST_VALUES:,} values")
        if isinstance(event, yaml.ScalarEvent):
            return Node(path, _resolved(event), name)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(path, list(self._items(path, depth)), name)
        return Node(path, self._mapping(path, depth), name)

    def _items(self, path: str, depth: int) -> Iterator[Node]:
        index = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, f"{path}[{index}]", depth + 1)
            index += 1

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, line = self._key(event, path), event.start_mark.line + 1
            inner = f"{path}.{key}" if path else key
            if key in found:
                self._flaws.append(Flaw(inner, line, f"given twice, again on line {line}"))
            self._lines.setdefault(inner, line)
            node = self._node(next(self._events), inner, depth + 1, key)
            found.setdefault(key, node)
        return found

    def _key(self, event: Any, path: str) -> str:
        line = event.start_mark.line + 1
        key = _resolved(event) if isinstance(event, yaml.ScalarEvent) and event.tag in (None, "!") else None
        if not isinstance(key, str):
            raise Flaw(path, line, "a field name must be text; put it in quotes")
        if not (key.isprintable() and len(key) <= 100):
            raise Flaw(path, line, "a field name must be at most 100 printable characters")
        return key


def _resolved(event: Any) -> Value:
    """The value of a scalar: quoted is text, plain is what it looks like."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _text_of(data: str | bytes) -> str:
    if len(data) > MOST_BYTES:
        raise Flaw("", 1, "larger than 1 MiB")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise Flaw("", error.object.count(b"\n", 0, error.start) + 1, "this is not UTF-8 text") from error
    if strange := _NOT_TEXT.search(text):
        line = text.count("\n", 0, strange.start()) + 1
        raise Flaw("", line, f"the control character U+{ord(strange[0]):04X} cannot stand here")
    return text


def _json_as_yaml(text: str) -> str:
    """JSON is YAML but for two things: it may be indented with tabs, and it may write one character as two escapes."""
    if not text.lstrip().startswith("{"):
        return text
    return _SURROGATES.sub(_one_character, text.replace("\t", " "))


def _one_character(pair: re.Match[str]) -> str:
    high, low = int(pair[2], 16), int(pair[3], 16)
    return pair[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
