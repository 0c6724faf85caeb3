"""Lists as Stripe gives them: filtered, the newest first, page by page in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scripts.stripe_sim.errors import NotThere, Unjudged
from scripts.stripe_sim.objects import page

Json = dict[str, Any]
PAGING = frozenset(("limit", "starting_after", "ending_before", "page"))
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}
Filter = Callable[[Json, Any], bool]


def fitting(things: Sequence[Json], given: Mapping[str, Any], filters: Mapping[str, Filter]) -> list[Json]:
    """The things that all given filters let through; a filter without a rule of its own compares the field."""
    asked = [(name, value) for name, value in given.items() if name not in PAGING]
    return [
        thing
        for thing in things
        if all(
            filters[name](thing, value) if name in filters else fits(thing.get(name), value) for name, value in asked
        )
    ]


def fits(field: Any, value: Any) -> bool:
    """Equal, within `{"gt": …, "lte": …}`, or with all the given parts."""
    if isinstance(value, Mapping):
        if value.keys() <= COMPARED.keys():
            return field is not None and all(COMPARED[word](field, bound) for word, bound in value.items())
        return isinstance(field, Mapping) and all(fits(field.get(name), part) for name, part in value.items())
    return bool(field == value or (isinstance(field, Mapping) and field.get("id") == value))


def paged(things: Sequence[Json], given: Mapping[str, Any], url: str) -> Json:
    """The page of a list that is asked for: `limit` (10, at most 100) things after or before a thing that is named."""
    limit = limit_of(given)
    after, before = given.get("starting_after"), given.get("ending_before")
    if after and before:
        raise Unjudged("You cannot parameterize both `starting_after` and `ending_before`.", param="ending_before")
    if before:
        things = things[: _position(things, before, "ending_before")]
        return page(things[-limit:], url, has_more=len(things) > limit)
    if after:
        things = things[_position(things, after, "starting_after") + 1 :]
    return page(things[:limit], url, has_more=len(things) > limit)


def limit_of(given: Mapping[str, Any]) -> int:
    limit: int = given.get("limit", 10)
    if not 1 <= limit <= 100:
        raise Unjudged(f"Invalid limit: {limit} (1 to 100).", param="limit")
    return limit


def _position(things: Sequence[Json], id: str, param: str) -> int:
    for at, thing in enumerate(things):
        if thing["id"] == id:
            return at
    raise NotThere("object", id, param)
