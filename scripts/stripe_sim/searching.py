"""Stripe's search queries: `status:'active' AND metadata['plan']:'pro'`.

Grammar: https://docs.stripe.com/search#search-query-language. Unlike Stripe, which indexes within a minute, what is
found is what is there now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.stripe_sim.errors import NotThere, Unjudged
from scripts.stripe_sim.listing import limit_of

Json = dict[str, Any]
_TERM = re.compile(
    r"""\s*(?P<without>-)?(?P<field>[\w.]+)(?:\[(?P<quote>['"])(?P<key>[^'"]*)(?P=quote)\])?"""
    r"""(?P<operator>:|~|>=|<=|>|<)(?:(?P<q>['"])(?P<text>(?:\\.|(?!(?P=q)).)*)(?P=q)|(?P<word>[\w.-]+))\s*"""
)
_JOINT = re.compile(r"AND\b|OR\b")


def searched(things: Sequence[Json], given: Mapping[str, Any], url: str) -> Json:
    """A page of what the query finds; `page` is the cursor that the page before gave."""
    fits = _query(given["query"])
    found = [thing for thing in things if fits(thing)]
    if cursor := given.get("page"):
        start = next((at for at, thing in enumerate(found) if thing["id"] == cursor), None)
        if start is None:
            raise NotThere("page", cursor, "page")
        found = found[start:]
    limit = limit_of(given)
    more = found[limit]["id"] if len(found) > limit else None
    return {
        "object": "search_result",
        "data": found[:limit],
        "has_more": more is not None,
        "next_page": more,
        "url": url,
    }


def _query(text: str) -> Any:
    """A test for one thing. All terms, or any of them; Stripe does not mix the two either."""
    terms, joints, rest = [], [], text
    while True:
        term = _TERM.match(rest)
        if term is None:
            raise Unjudged(f"We were unable to parse your search query: {text}", param="query")
        terms.append(_test(term))
        rest = rest[term.end() :]
        if not rest:
            break
        joint = _JOINT.match(rest)
        joints.append(joint[0] if joint else "AND")
        rest = rest[joint.end() :] if joint else rest
    if len(set(joints)) > 1:
        raise Unjudged("A search query cannot combine AND and OR.", param="query")
    holds = any if "OR" in joints else all
    return lambda thing: holds(test(thing) for test in terms)


def _test(term: re.Match[str]) -> Any:
    wanted = term["text"] if term["q"] else term["word"]

    def holds(thing: Json) -> bool:
        value = _value(thing, term["field"], term["key"])
        if wanted == "null" and not term["q"]:
            return value is None
        return value is not None and _compared(value, term["operator"], str(wanted))

    return (lambda thing: not holds(thing)) if term["without"] else holds


def _value(thing: Json, field: str, key: str | None) -> Any:
    value: Any = thing
    for name in [*field.split("."), *([key] if key is not None else [])]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _compared(value: Any, operator: str, wanted: str) -> bool:
    if operator in (":", "~"):
        text, asked = str(value).lower(), wanted.lower()
        return asked in text if operator == "~" else text == asked
    bounds = {">": value > int(wanted), "<": value < int(wanted)}
    return bounds.get(operator, value == int(wanted) or bounds[operator[0]])
