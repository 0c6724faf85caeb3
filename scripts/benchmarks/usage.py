"""Usage: records taken in, checks, a year charted, and the fold behind the charts."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, cycle, islice
from statistics import median
from typing import NamedTuple
from uuid import UUID

import uvloop

from adapters.usage_log import UsageLog
from domain.api_key import Scope
from domain.organization import Organization
from domain.usage import Given, Placed, record_key
from projections.follower import Followers, connect
from projections.positions import prepare
from projections.usage import Usage
from scripts.benchmarks.conversations import BASE, request
from scripts.benchmarks.engine import Installation, Server, serving
from scripts.benchmarks.figures import Effort, Figure, compare, timed, told
from scripts.benchmarks.hot_routes import both
from scripts.benchmarks.load import Answer, Conversation, Load, Unexpected
from scripts.benchmarks.paced import PacedLoad

_BATCH = 100
_CUSTOMERS = 100
_METER = "api_calls"
_CHECKS_A_SECOND = 1_000
_OTHERS = 50_000
"""Customers beside the one whose year is charted."""


class Stock(NamedTuple):
    """Customers with a plan that limits calls, and the vendor's key that reports for them."""

    organizations: list[UUID]
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def usage(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Records durable before the answer, in batches and one by one; checks of a limit; a year of one customer."""
    stock = _stock(installation)
    with both(installation) as servers:
        yield _intake("usage-batches", servers, stock, effort, batch=_BATCH, goal=10_000)
        yield _intake("usage-single", servers, stock, effort, batch=1, goal=1_500)
        yield _fold(installation)
        _look_at_each_once(servers[0], stock)
        ours, bare = (_checks(server, stock, effort) for server in servers)
        yield compare("usage-check", 0.5, ours, bare, servers, effort)
        yield _paced_checks(servers, stock, effort)
    yield from _charts(installation, stock, effort)


def _stock(installation: Installation) -> Stock:
    services = installation.services
    plan = {
        "code": "metered",
        "product": "metered",
        "name": "Metered",
        "entitlements": {"seats": 1, "limits": {_METER: {"amount": 10**9, "per": "month", "warn_at": 0.8}}},
        "prices": [],
    }
    product = {"code": "metered", "name": "Metered", "license_key_prefix": "METR"}
    services.catalog.apply(services.catalog.read(json.dumps({"version": 1, "products": [product], "plans": [plan]})))
    with connect(services.database.url) as connection:
        prepare(connection, [Usage()])
    organizations = []
    for _ in range(_CUSTOMERS):
        organization = Organization.register(id=services.clock.new_id(), now=services.clock.now())
        services.store.add(organization)
        services.licenses.issue(organization.id, "metered", seats=None, expires_at=None)
        organizations.append(organization.id)
    issued = services.api_keys.issue(name="meter", scopes=[Scope.USAGE_WRITE, Scope.USAGE_READ], organization_id=None)
    return Stock(organizations, issued.secret)


def _intake(
    name: str, servers: tuple[Server, Server], stock: Stock, effort: Effort, *, batch: int, goal: int
) -> Figure:
    """Records a second; every batch is one customer's, as a gateway of its own would send it."""
    numbers, connections = count(), effort.connections if batch == 1 else effort.connections // 4
    seconds = effort.seconds if batch == 1 else 3 * effort.seconds
    loads = [Load(server.address, [_posting(stock, numbers, batch) for _ in range(connections)]) for server in servers]

    async def rounds() -> list[list[tuple[object, float]]]:
        for load in loads:
            await load.run(effort.warm_up)
        return [
            [await timed(load, server, seconds) for load, server in zip(loads, servers, strict=True)]
            for _ in range(effort.rounds)
        ]

    ours, bare = zip(*uvloop.run(rounds()), strict=True)
    rate = median(slice.rate for slice, _ in ours) * batch
    ratio = median(a.rate / b.rate for (a, _), (b, _) in zip(ours, bare, strict=True))
    details = {"of_a_bare_post": round(ratio, 3), "records_a_request": batch, "ours": told(ours), "bare": told(bare)}
    return Figure(name, rate, "records/s", round(median(s.rate for s, _ in bare) * batch), goal, details=details)


def _posting(stock: Stock, numbers: Iterator[int], batch: int) -> Conversation:
    for number in numbers:
        organization = str(stock.organizations[number % len(stock.organizations)])
        records = [
            {
                "id": f"{batch}-{number}-{index}",
                "meter": _METER,
                "quantity": 1,
                "organization_id": organization,
                "subject": f"user-{index % 10}",
                "dimensions": {"solution": f"s{index % 3}"},
            }
            for index in range(batch)
        ]
        answer = yield request("POST", f"{BASE}/usage", {"records": records}, stock.headers)
        if answer.status != 202 or b'"duplicates":0' not in answer.raw:
            raise Unexpected.of(answer)


def _check_requests(stock: Stock, first: int = 0) -> Iterator[bytes]:
    """Of every customer again and again, beginning with one."""
    in_turn = stock.organizations[first % _CUSTOMERS :] + stock.organizations[: first % _CUSTOMERS]
    return cycle(
        request("POST", f"{BASE}/usage/check", {"organization_id": str(each), "meter": _METER}, stock.headers)
        for each in in_turn
    )


def _asking(requests: Iterator[bytes]) -> Conversation:
    for each in requests:
        answer = yield each
        _require_allowed(answer.raw)


def _look_at_each_once(server: Server, stock: Stock) -> None:
    """What follows is about customers that are asked about all the time: their counters are there."""
    uvloop.run(Load(server.address, [_asking(islice(_check_requests(stock), _CUSTOMERS))]).run())


def _checks(server: Server, stock: Stock, effort: Effort) -> Load:
    """The clients are not all at the same customer at the same time."""
    return Load(server.address, [_asking(_check_requests(stock, first)) for first in range(effort.connections)])


def _paced_checks(servers: tuple[Server, Server], stock: Stock, effort: Effort) -> Figure:
    """Each counts from when its turn was."""
    seconds = effort.rounds * effort.seconds
    ours, bare = (
        uvloop.run(
            PacedLoad([each.address], _check_requests(stock), _require_allowed, effort.connections).run(
                _CHECKS_A_SECOND, seconds
            )
        )
        for each in servers
    )
    details = {"per_second": round(ours.rate), "p50_ms": round(ours.milliseconds(0.5), 2)}
    p99, of_bare = ours.milliseconds(0.99), round(bare.milliseconds(0.99), 1)
    return Figure("usage-check-p99", p99, "ms", of_bare, 10, at_most=True, details=details)


def _require_allowed(raw: bytes) -> None:
    if raw[9:12] != b"200" or b'"allowed":true' not in raw:
        raise Unexpected.of(Answer(int(raw[9:12]), raw))


def _fold(installation: Installation) -> Figure:
    """The read model takes all that was just recorded."""
    url = installation.services.database.url
    with connect(url) as connection:
        (records,) = connection.execute("select count(*) from usage_records").fetchone() or (0,)
        began = time.perf_counter()
        followers = Followers(url, installation.services.codec.to_domain_event, [Usage()])
        connection.execute("insert into follower_positions (name) values ('usage') on conflict do nothing")
        followers.catch_up(connection)
        rate = records / (time.perf_counter() - began)
    return Figure("usage-fold", rate, "records/s", goal=10_000, details={"records": records})


def _charts(installation: Installation, stock: Stock, effort: Effort) -> Iterator[Figure]:
    """One customer among many that uses something every quarter of an hour, for a year, with ten subjects."""
    organization, now = stock.organizations[0], datetime.now(UTC)
    days = 365 if effort.rounds > 1 else 20
    records = _write(installation, now, _year(organization, now, days))
    others = _OTHERS if effort.rounds > 1 else 2_000
    _write(installation, now, (_given(UUID(int=number), now) for number in range(1, others + 1)))
    _fold(installation)
    keys = installation.services.api_keys
    issued = keys.issue(name="customer", scopes=[Scope.USAGE_READ], organization_id=organization)
    headers = {"Authorization": f"Bearer {issued.secret}"}
    since = (now - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    with serving("engine", installation.settings) as server:
        for by in ("day", "subject", "solution"):
            path = f"{BASE}/usage?meter={_METER}&by={by}&from={since}"
            first, slice = (
                uvloop.run(Load(server.address, [_getting(request("GET", path, headers=headers), times)]).run())
                for times in (1, effort.rounds)
            )
            details = {"records": records, "days": days, "others": others, "p50_ms": round(slice.milliseconds(0.5), 1)}
            details["first_ms"] = round(first.milliseconds(1))
            longest = slice.milliseconds(1)
            yield Figure(f"usage-year-by-{by}", longest, "ms", goal=200, at_most=True, details=details)


def _getting(raw: bytes, times: int) -> Conversation:
    for _ in range(times):
        answer = yield raw
        if answer.status != 200:
            raise Unexpected.of(answer)


def _year(organization: UUID, now: datetime, days: int) -> Iterator[Given]:
    return (_given(organization, now - timedelta(minutes=15 * number)) for number in range(days * 96))


def _write(installation: Installation, now: datetime, given: Iterator[Given]) -> int:
    """Past the API, which refuses what is a year old. Answers how many records."""

    async def write() -> int:
        async def nobody(_: object) -> None: ...

        log = UsageLog(installation.services.database.url, nobody)
        written = 0
        while some := list(islice(given, 2_000)):
            placed: list[Placed] = await log.append(some, now=now)
            assert all(each.position for each in placed)
            written += len(some)
        await log.close()
        return written

    return asyncio.run(write())


def _given(organization: UUID, at: datetime) -> Given:
    id = f"year-{at.isoformat()}"
    return Given(
        account_id=organization,
        key=record_key(organization, id),
        digest=record_key(organization, id),
        id=id,
        meter=_METER,
        quantity=Decimal(1),
        at=at,
        subject=UUID(int=at.hour % 10),
        name=None,
        counted=None,
        key_id=None,
        dimensions=json.dumps({"solution": f"s{at.day % 5}"}),
        reservation=None,
        voids=None,
        earliest=at,
    )
