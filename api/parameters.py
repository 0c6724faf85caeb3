"""Query parameters that a route does not know are refused: `?stauts=active` must not answer everything."""

from __future__ import annotations

from fastapi import Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from domain.errors import InvalidRequest


async def known_parameters(request: Request) -> None:
    """Dependency, for a router: `InvalidRequest` naming each unknown parameter."""
    if request.query_params and (unknown := sorted(set(request.query_params) - _names(request.scope["route"]))):
        fields = [{"field": name[:100], "message": "unknown query parameter"} for name in unknown[:20]]
        raise InvalidRequest(details={"fields": fields})


def _names(route: APIRoute) -> frozenset[str]:
    found = get_flat_params(route.dependant)
    return frozenset(parameter.alias for parameter in found if isinstance(parameter.field_info, Query))
