"""Form encoding with brackets: `items[0][price]=price_1&expand[]=customer` as a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

Tree = dict[str, Any]
"""Texts by key; lists are trees with the keys "0", "1", …."""


def tree_of(encoded: str) -> Tree:
    """The tree of a query or of a form body."""
    return planted(parse_qsl(encoded, keep_blank_values=True))


def planted(pairs: Iterable[tuple[str, str]]) -> Tree:
    tree: Tree = {}
    for name, value in pairs:
        first, _, rest = name.partition("[")
        _plant(tree, [first, *re.findall(r"([^\[\]]*)\]", rest)], value)
    return tree


def _plant(tree: Tree, keys: list[str], value: str) -> None:
    for key, below in pairwise(keys):
        branch = tree.setdefault(key or _next(tree, below), {})
        if not isinstance(branch, dict):  # a text and a branch of one name: the later one counts
            branch = tree[key] = {}
        tree = branch
    tree[keys[-1] or str(len(tree))] = value


def _next(tree: Tree, below: str) -> str:
    """Where `[]` stands: the last element while it lacks the next key, then a new one (`items[][price]=…`)."""
    last = str(len(tree) - 1)
    return last if tree and below and isinstance(tree.get(last), dict) and below not in tree[last] else str(len(tree))


def pairs_of(tree: Mapping[str, Any] | list[Any], under: str = "") -> Iterable[tuple[str, str]]:
    """The same as name and value, to be encoded: `a[b][0]`."""
    branches = tree.items() if isinstance(tree, Mapping) else ((str(at), each) for at, each in enumerate(tree))
    for key, value in branches:
        name = f"{under}[{key}]" if under else key
        if isinstance(value, Mapping | list):
            yield from pairs_of(value, name)
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)
