"""Who may call a route. Each declares one rule, which is enforced before anything else; docs/roles.md lists them all.

A rule is declared by the dependency that enforces it (`require(…)`, `person_of`, `ANYBODY` …, see api/auth.py), by a
hot route's own argument, and never beside it: what is written is what is done. An application does not start with a
route that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute

from domain.api_key import Scope
from domain.errors import NotAllowed
from domain.rate import RateClass
from domain.role import Role

if TYPE_CHECKING:
    from api.auth import Caller

D = TypeVar("D", bound=Callable[..., Any])


class Who(StrEnum):
    """HOLDER: of something that proves its own right (a licence key, a lease, a ticket, a signature). PERSON: whoever
    is logged in, for what is the person's own. MEMBER: whoever acts for an organization, members by their role and its
    keys by their scopes; and the vendor."""

    ANYBODY = "anybody"
    HOLDER = "holder"
    PERSON = "person"
    MEMBER = "member"
    VENDOR = "vendor"


@dataclass(frozen=True)
class Rule:
    """Of a MEMBER rule, `role` is the least that a person needs, `scopes` what a key needs; with `keys` False it is for
    people only. `holder` says what opens the route without an account. `rate` is what its calls are counted as
    (api/call_rates.py); those of one that is not `limited` are never refused for their number."""

    who: Who
    scopes: tuple[Scope, ...] = ()
    role: Role = Role.VIEWER
    keys: bool = True
    holder: str = ""
    rate: RateClass = RateClass.API
    limited: bool = True

    def check(self, caller: Caller, organization_id: UUID | None = None) -> None:
        """`NotAllowed` for what the caller may not do; `NotFound` when the address names another organization."""
        if self.who is Who.PERSON and caller.user_id is None:
            raise NotAllowed("This is for a person who is logged in, not for an API key.")
        if self.who is Who.VENDOR:
            caller.require(Scope.ADMIN)
        if self.who is Who.MEMBER:
            if organization_id is not None:
                caller.must_see(organization_id, "organization", organization_id)
            self._check_member(caller)

    def _check_member(self, caller: Caller) -> None:
        if caller.user_id is None:
            if not self.keys:
                raise NotAllowed("This is for a member who is logged in, not for an API key.")
            caller.require(*self.scopes)
        elif caller.role is None:
            raise NotAllowed("You are logged in for no organization; switch to one, found one or accept an invitation.")
        elif not caller.role.covers(self.role):
            raise NotAllowed(
                f"Your role here, {caller.role}, does not allow that; it takes the role {self.role}.",
                details={"role": caller.role, "needed": self.role},
            )


def of_member(*scopes: Scope, rate: RateClass = RateClass.API) -> Rule:
    """For whoever has these rights; `admin` is the vendor's alone."""
    role = Role.least_with(*scopes)
    return Rule(Who.MEMBER, scopes, role, rate=rate) if role else Rule(Who.VENDOR, scopes, rate=rate)


def ruled(rule: Rule) -> Callable[[D], D]:
    """Marks the dependency that enforces a rule."""

    def mark(dependency: D) -> D:
        dependency.rule = rule  # type: ignore[attr-defined]
        return dependency

    return mark


def rule_of(route: BaseRoute) -> Rule | None:
    """What a route has declared; None when nothing, or two different things."""
    if hasattr(route, "rule"):
        return route.rule  # type: ignore[no-any-return]
    found = set(_rules(route.dependant)) if hasattr(route, "dependant") else set()
    return found.pop() if len(found) == 1 else None


def require_rules(routes: Sequence[BaseRoute], routers: Sequence[APIRouter]) -> None:
    """`RuntimeError` naming the routes that do not say who may call them."""
    every = [*routes, *(route for router in routers for route in router.routes)]
    if silent := sorted({getattr(route, "path", "?") for route in every if rule_of(route) is None}):
        raise RuntimeError(f"no rule, or more than one, says who may call {', '.join(silent)} (api/access.py)")


def _rules(dependant: Dependant) -> Iterator[Rule]:
    if rule := getattr(dependant.call, "rule", None):
        yield rule
    for below in dependant.dependencies:
        yield from _rules(below)
