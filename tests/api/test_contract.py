"""The OpenAPI document against the application: whatever is sent, no 5xx and no answer that is not documented.

schemathesis sends what the document allows and what it forbids, to every operation, as the vendor, as a person and as
nobody. The application is served by a thread of this process, over the real servers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from traceback import format_exception
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from adapters.bootstrap import build
from api.app import create_app
from domain.caller import Caller
from domain.lease import fingerprint_digest
from domain.rate import Allowance
from tests.api.shop import CATALOG, license_of, subscription_of

PATIENCE = 60
"""Seconds for an answer, on a machine that does much else."""
EXAMPLES = 8
"""For each operation, each credential, and each of good and bad input; all of it in less than a minute."""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
CREDENTIALS = ("vendor", "person", "nobody")
LEFT_OUT = {
    ("DELETE", "/api/v1/me"): "ends the credential that everything else is tried with",
    ("GET", "/health/ready"): "tells the truth: the other processes do not run here",
    ("POST", "/api/v1/sandbox/clock"): "ends the credentials by the passing of time; tried below",
}


class Limitless:
    """In place of the rate limits: what comes behind them is tried."""

    def allow(self, *_: object) -> Allowance:
        return Allowance(10, 9, 1, 0)


class LimitlessCalls:
    """The same for those of callers who are known."""

    async def take(self, *_: object) -> Allowance:
        return Allowance(10, 9, 1, 0)


@pytest.fixture
def address(services, selling) -> Iterator[str]:
    """Where the application is served, by another process so to speak: its event loop is not that of the clients."""
    served = build(services.settings)
    vars(served)["stripe_account"] = services.stripe_account
    served.passwords, served.rate_limit, served.call_rates = services.passwords, Limitless(), LimitlessCalls()

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await served.aclose()

    app = create_app(served, lifespan=lifespan)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, loop="asyncio", ws="none", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=10)
    served.close()


@pytest.fixture
def known(services, selling, shop, ann, caught_up) -> dict[str, str]:
    """Things that are there, by the name of the path parameter or field that leads to them."""
    reference = shop.buy(ann.organization_id)
    file = CATALOG.read_text().replace("seats: 3\n", "seats: 3\n      machines: 2\n", 1)
    services.catalog.apply(services.catalog.read(file))
    locked = services.licenses.issue(ann.organization_id, "starter", seats=None, expires_at=None)
    services.machines.activate(locked.key.text, "machine-000001")
    sat = _sit(services, locked.key.text)
    endpoint = services.webhook_endpoints.add(ann.organization_id, url="http://127.0.0.1:9/", types=["*"]).endpoint
    delivery = services.webhook_endpoints.test(endpoint.endpoint_id)
    caught_up()
    return {
        "license_id": str(license_of(reference)),
        "subscription_id": str(subscription_of(reference)),
        "invoice_id": ann.client.get("/invoices").json()["data"][0]["id"],
        "organization_id": str(ann.organization_id),
        "session_id": str(sat.session_id),
        "provider_event_id": str(
            services.database.fetch_one("select provider_event_id as id from provider_events")["id"]
        ),
        "fingerprint_digest": fingerprint_digest("machine-000001"),
        "endpoint_id": str(endpoint.endpoint_id),
        "delivery_id": str(delivery.delivery_id),
        "code": "pro",
        "plan": "pro",
        "license_key": locked.key.text,
        "fingerprint": "machine-000001",
    }


def _sit(services, key: str) -> Any:
    async def sit() -> Any:
        sat = await services.seats.acquire(key, "machine-000001", Caller())
        return sat

    return services.in_loop(sit())


@pytest.mark.filterwarnings(  # the application draws at random in its own threads, and Hypothesis sees only that it did
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
@pytest.mark.parametrize("credential", CREDENTIALS)
def test_no_answer_is_a_fault_or_undocumented(services, address, admin, ann, known, credential):
    bearer = {"vendor": services.settings.admin_key, "person": ann.client._bearer, "nobody": None}[credential]
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    document = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=PATIENCE)
    problems, tried = [], 0
    for found in document.get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) in LEFT_OUT:
            continue
        tried += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            problem = _problem(operation, mode, headers, known)
            if problem:
                problems.append(f"{operation.label} as {credential}, {mode.value}: {problem}")
    assert tried > 40
    assert not problems, "\n\n".join(problems)


def test_the_clock_answers_what_is_documented(address):
    document = schemathesis.openapi.from_url(f"{address}/openapi.json", timeout=PATIENCE)
    clock = document["/api/v1/sandbox/clock"]["POST"]
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        assert _problem(clock, mode, {}, {}) == ""


def _problem(operation: Any, mode: GenerationMode, headers: dict[str, str], known: dict[str, str]) -> str:
    """What is wrong with an answer to such input; empty when nothing was found."""

    @given(case=operation.as_strategy(generation_mode=mode), at_home=some.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_one(case: Any, at_home: bool) -> None:
        if at_home:
            _aim(case, known)
        response = case.call(headers={**headers}, timeout=PATIENCE)
        case.validate_response(response, checks=CHECKS)

    try:
        try_one()
    except Unsatisfiable:
        return ""  # an operation without any input cannot be asked wrongly
    except BaseException as error:
        return "".join(format_exception(error))[-4000:]
    return ""


def _aim(case: Any, known: dict[str, str]) -> None:
    """Puts what is there in place of what was invented."""
    case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
    if isinstance(case.body, dict):
        case.body.update({name: known[name] for name in case.body if name in known})
