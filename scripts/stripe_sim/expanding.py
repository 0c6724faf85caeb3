"""`expand`: objects in place of their ids, and what an object shows only when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scripts.stripe_sim.annotations import class_named, fields_of
from scripts.stripe_sim.errors import Unjudged

Json = dict[str, Any]
DEEPEST = 4
"""Levels that Stripe expands, https://docs.stripe.com/expand."""


class Expanding:
    """`lookup` gives a copy of whatever has an id; `shown` makes what a field of a kind shows only when asked."""

    def __init__(
        self, lookup: Callable[[str], Json | None], shown: Mapping[tuple[str, str], Callable[[Json], Any]]
    ) -> None:
        self._lookup = lookup
        self._shown = shown

    def expand(self, answer: Json, path: str) -> None:
        """Replace the id at `latest_invoice`, `data.payment.payment_intent`, … by its object; on the answer itself."""
        steps = path.split(".")
        if len(steps) - steps.count("data") > DEEPEST:
            raise Unjudged(f"You cannot expand more than {DEEPEST} levels of a property ({path}).", param="expand")
        self._into(answer, steps, path)

    def _into(self, thing: Json, steps: list[str], path: str) -> None:
        field, *rest = steps
        value = thing[field] = self._value(thing, field, path)
        for each in value if isinstance(value, list) else [value]:
            if rest and isinstance(each, dict):
                self._into(each, rest, path)

    def _value(self, thing: Json, field: str, path: str) -> Any:
        kind = thing.get("object")
        if (kind, field) in self._shown:
            return self._shown[kind, field](thing)  # type: ignore[index]
        cls = class_named(kind) if isinstance(kind, str) else None
        if field not in (fields_of(cls) if cls else thing):
            raise Unjudged(f"This property cannot be expanded ({path}).", param="expand")
        value = thing.get(field)
        if isinstance(value, list):
            return [self._object(each, path) for each in value]
        return value if value is None else self._object(value, path)

    def _object(self, value: Any, path: str) -> Any:
        found = self._lookup(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            raise Unjudged(f"This property cannot be expanded ({path}).", param="expand")
        return found
