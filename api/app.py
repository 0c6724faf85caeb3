"""The HTTP application: one router a resource, one frame around all of them."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Lifespan

from api import (
    api_keys,
    audit,
    buying,
    catalog,
    consents,
    data_admin,
    deletions,
    device_logins,
    device_page,
    entitlements,
    errors,
    exports,
    health,
    hot,
    invitation_page,
    invitations,
    invoices,
    keys,
    license_admin,
    licenses,
    login_links,
    login_page,
    logins,
    machines,
    mail_pages,
    mail_previews,
    mails,
    members,
    organizations,
    overages,
    overview,
    pages,
    payments,
    policies,
    provider_events,
    provider_pages,
    quota_admin,
    reconciliation,
    sandbox,
    sandbox_pages,
    seat_moves,
    seat_queue,
    seat_rules,
    seats,
    second_factor,
    sign_in_policies,
    sign_ins,
    subscription_changes,
    subscriptions,
    tokens,
    usage,
    usage_charts,
    usage_reports,
    users,
    validation,
    webhook_deliveries,
    webhook_endpoints,
    webhooks,
)
from api.access import require_rules, rule_of
from api.auth import ANYBODY
from api.call_rates import refuse_stranger
from api.middleware import Frame, OnAnswer, access_log
from domain.errors import NotAuthenticated

if TYPE_CHECKING:
    from adapters.bootstrap import Services

BASE = "/api/v1"
ROUTERS: tuple[APIRouter, ...] = (
    users.registration,
    logins.router,
    login_links.router,
    sign_ins.router,
    second_factor.router,
    device_logins.router,
    users.router,
    organizations.router,
    members.router,
    sign_in_policies.router,
    policies.router,
    consents.router,
    invitations.router,
    api_keys.router,
    tokens.router,
    licenses.router,
    machines.router,
    seat_rules.router,
    seat_moves.router,
    seat_queue.router,
    license_admin.router,
    subscriptions.router,
    subscription_changes.router,
    buying.router,
    invoices.router,
    payments.router,
    catalog.router,
    usage_charts.router,
    usage_reports.router,
    overages.router,
    entitlements.router,
    quota_admin.router,
    provider_events.router,
    reconciliation.router,
    webhook_endpoints.router,
    webhook_deliveries.router,
    mails.router,
    mails.admin,
    overview.router,
    exports.router,
    deletions.router,
    data_admin.router,
    audit.router,
    sandbox.router,
)


def _gathered(routers: Sequence[APIRouter]) -> APIRouter:
    """All of them under the base path."""
    gathered = APIRouter(responses=errors.RESPONSES)
    for router in routers:
        gathered.include_router(router, prefix=BASE)
    return gathered


_UNDER_BASE = _gathered(ROUTERS)
"""What FastAPI makes of a route is made once a process, however many applications there are."""
HOT: tuple[BaseRoute, ...] = (
    *seats.routes(BASE),
    *validation.routes(BASE),
    *usage.routes(BASE),
    *tokens.routes(BASE),
    *webhooks.routes(BASE),
)
"""Matched before all others."""
AT_ROOT: tuple[APIRouter, ...] = (
    *(health.router, keys.at_root, mail_pages.router),
    *(sandbox.at_root, sandbox_pages.at_root, mail_previews.at_root),
)
"""Beside the base path."""


def create_app(
    services: Services,
    *,
    more: Sequence[APIRouter] = (),
    first: Sequence[BaseRoute] = HOT,
    at_root: Sequence[APIRouter] = AT_ROOT,
    lifespan: Lifespan[FastAPI] | None = None,
    on_answer: OnAnswer = access_log,
) -> FastAPI:
    """The application over `services`.

    `first` are raw routes (with their whole path) that are matched before all others: the hot ones. `more` go under
    `/api/v1` after those of the product, `at_root` beside it (health, metrics, keys). `on_answer` is told of every
    answer.
    """
    docs = f"{services.settings.public_url.rstrip('/')}/docs/errors"
    app = FastAPI(
        title="Usher",
        version="1",
        description="Licences, seats and billing, every change an event.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=errors.RESPONSES,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asked for anew at each request, 8 µs
    )
    app.state.services, app.state.docs = services, docs
    frame = partial(Frame, docs=docs, on_answer=on_answer)
    app.add_middleware(frame)
    hot.answer_first(app, first, frame)
    errors.install(app)
    app.add_exception_handler(NotAuthenticated, refuse_stranger)
    app.router.routes[:0] = first
    hot.document(app, first)
    beside = (
        pages.router,
        login_page.router,
        login_links.pages,
        provider_pages.router,
        device_page.router,
        invitation_page.router,
        _documentation(app),
        *at_root,
    )
    require_rules(first, (*ROUTERS, *more, *beside))
    app.router.routes += _UNDER_BASE.routes
    for router in more:
        app.include_router(router, prefix=BASE)
    for router in beside:
        app.include_router(router)
    _document_refusals(app, (*ROUTERS, *beside))
    return app


def _document_refusals(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """What may be asked as often as anybody likes is not said to be refused for that."""
    make = app.openapi
    unlimited = [route.path for router in routers for route in router.routes if _is_unlimited(route)]

    def without_refusals() -> dict[str, Any]:
        schema = make()
        for path in {*unlimited, *(BASE + path for path in unlimited)} & schema["paths"].keys():
            for operation in schema["paths"][path].values():
                operation["responses"].pop("429", None)
        return schema

    app.openapi = without_refusals  # type: ignore[method-assign]


def _is_unlimited(route: BaseRoute) -> TypeGuard[Route]:
    rule = rule_of(route)
    return isinstance(route, Route) and rule is not None and not rule.limited


def make_routes(app: FastAPI) -> None:
    """FastAPI makes what it needs of a route when it is first matched: 0.9 s for all of them, in which nobody else is
    answered."""
    nowhere = {"type": "http", "method": "GET", "path": "/", "root_path": ""}
    for route in app.routes:
        route.matches(dict(nowhere))


def _documentation(app: FastAPI) -> APIRouter:
    """The interactive reference. Its policy names the one inline script by its digest and the host of the others."""
    router = APIRouter(include_in_schema=False, dependencies=[ANYBODY])
    cdn = "https://cdn.jsdelivr.net"

    @router.get("/docs")
    async def reference() -> HTMLResponse:
        page = get_swagger_ui_html(openapi_url="/openapi.json", title=app.title, swagger_favicon_url="data:,")
        scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
        digests = " ".join(f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
        page.headers["Content-Security-Policy"] = (
            f"default-src 'none'; connect-src 'self'; img-src data:; script-src {cdn} {digests};"
            f" style-src {cdn} 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        )
        return page

    return router
