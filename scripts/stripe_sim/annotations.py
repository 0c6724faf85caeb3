"""What the installed `stripe` package declares: kinds of objects, their fields with types, what each event is about."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, get_origin, get_type_hints

from stripe._object_classes import OBJECT_CLASSES
from stripe.events._event_classes import get_v2_event_notification_class


def class_named(kind: str) -> type | None:
    """The class of a kind of object (`invoice`, `checkout.session`), None for a kind that Stripe does not have."""
    if kind not in OBJECT_CLASSES:
        return None
    module, name = OBJECT_CLASSES[kind]
    cls: type = getattr(import_module(module), name)
    return cls


@cache
def fields_of(cls: type) -> Mapping[str, Any]:
    """Field → annotation with every forward reference resolved."""
    hints = get_type_hints(cls, localns=TypingImports(cls.__module__))
    return {
        field: hint for field, hint in hints.items() if not field.startswith("_") and get_origin(hint) is not ClassVar
    }


@cache
def subject_of(event_type: str) -> type | None:
    """The class that an event's `data.object` has (`invoice.paid` → Invoice), where the package says it."""
    notification = get_v2_event_notification_class(f"v1.{event_type}")
    fetch = getattr(notification, "fetch_related_object", None)
    if fetch is None or getattr(notification, "LOOKUP_TYPE", None) != f"v1.{event_type}":
        return None
    subject: type = get_type_hints(fetch, localns=TypingImports(notification.__module__))["return"]
    return subject


class TypingImports(Mapping[str, Any]):
    """Names that a module imports under TYPE_CHECKING only, where its annotations come from; imported when asked."""

    def __init__(self, module: str):
        self._sources = _imports_for_typing(module)

    def __getitem__(self, name: str) -> Any:
        module, original = self._sources[name]
        return getattr(import_module(module), original)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


@cache
def _imports_for_typing(module: str) -> Mapping[str, tuple[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: (str(node.module), name.name) for node in imports for name in node.names}
