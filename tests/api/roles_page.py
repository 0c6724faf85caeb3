"""`python -m tests.api.roles_page` writes into docs/roles.md who may call each route, from what the routes declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.routing import APIRoute

from api.access import Rule, Who, rule_of
from api.app import AT_ROOT, BASE, HOT, ROUTERS
from api.hot import HotRoute
from domain.role import Role

PAGE = Path(__file__).parents[2] / "docs" / "roles.md"
BEGIN, END = "<!-- written by python -m tests.api.roles_page -->\n", "<!-- until here -->\n"
_LEFT_OUT = ("/sandbox",)


class Ruled(NamedTuple):
    """A route as the OpenAPI document shows it; `path` is without the base path, unless it is beside it."""

    method: str
    path: str
    rule: Rule


def ruled_routes() -> list[Ruled]:
    """Every documented route, by its path."""
    found = {*_hot(), *_of(*ROUTERS), *_of(*AT_ROOT)}
    return sorted(found, key=lambda each: (each.path, each.method))


def written() -> str:
    """The part of the page that the declarations give."""
    routes = [each for each in ruled_routes() if not each.path.startswith(_LEFT_OUT)]
    return BEGIN + "\n\n".join(_sections(routes)) + "\n" + END


def on_page() -> str:
    text = PAGE.read_text()
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def _hot() -> Iterator[Ruled]:
    for route in HOT:
        assert isinstance(route, HotRoute)
        yield Ruled(route.method, route.path.removeprefix(BASE), route.rule)


def _of(*routers: APIRouter) -> Iterator[Ruled]:
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute) and route.include_in_schema:
            rule = rule_of(route)
            assert rule is not None, route.path
            for method in route.methods:
                yield Ruled(method, route.path, rule)


def _sections(routes: list[Ruled]) -> Iterator[str]:
    def of(who: Who) -> list[Ruled]:
        return [each for each in routes if each.rule.who is who]

    yield "### For an organization\n\n" + _table(
        ("route", *Role, "API key with"),
        [(_name(each), *_roles(each.rule), _key(each.rule)) for each in of(Who.MEMBER)],
    )
    yield "### A person's own\n\nWhoever is logged in, in whatever organization or in none; no API key.\n\n" + _list(
        of(Who.PERSON)
    )
    yield "### Opened by something else\n\n" + _table(
        ("route", "opened by"), [(_name(each), each.rule.holder) for each in routes if each.rule.holder]
    )
    yield "### For everybody\n\n" + _list(of(Who.ANYBODY))
    yield "### For the vendor\n\nAn API key with the scope `admin`.\n\n" + _list(of(Who.VENDOR))


def _roles(rule: Rule) -> list[str]:
    return ["✓" if role.covers(rule.role) else "" for role in Role]


def _key(rule: Rule) -> str:
    if not rule.keys:
        return "none"
    return ", ".join(f"`{scope}`" for scope in rule.scopes) or "any scope"


def _name(route: Ruled) -> str:
    return f"`{route.method} {route.path}`"


def _list(routes: list[Ruled]) -> str:
    return " · ".join(map(_name, routes))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().replace(on_page(), written()))
