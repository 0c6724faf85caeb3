"""What the tests of usage share: an engine over real servers, accounts with plans, records, and one event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar
from uuid import UUID

from adapters.bootstrap import Services, build
from adapters.settings import Mode, Settings
from application.quotas import Verdict, Wanted
from application.usage_intake import Caller, Taken
from domain.organization import Organization
from domain.usage import Told
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare
from tests.seat_world import MovableClock

T = TypeVar("T")
VENDOR = Caller(None, None)
NO_REDIS = "redis://127.0.0.1:1/0"
"""Nobody listens there."""
LEASE = {"lease": "PT6M", "heartbeat": "PT5M"}


def sandbox(home: Path, database_url: str, redis_url: str) -> Settings:
    """Of an engine on these servers."""
    settings = Settings(
        home, Mode.SANDBOX, "usk_test_admin_key_of_the_vendor", "the secret of a test engine, long enough"
    )
    return settings.with_servers(database_url=database_url, redis_url=redis_url)


class UsageWorld:
    """One process. `run` runs its coroutines, all in the same event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = MovableClock()
        self.services = self._services()
        self._runner = asyncio.Runner()
        self._ids, self._mark = count(1), token_hex(4)
        with connect(settings.database_url or "") as connection:
            prepare(connection, read_models())

    def _services(self) -> Services:
        services = build(self.settings)
        services.clock = self.clock
        return services

    def close(self) -> None:
        self.run(self.services.aclose())
        self._runner.close()
        self.services.close()

    @contextmanager
    def another(self) -> Iterator[UsageWorld]:
        """Another process of the same engine."""
        other = UsageWorld(self.settings)
        other.clock.ahead = self.clock.ahead
        try:
            yield other
        finally:
            other.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """As a server runs it: what one request confines itself to is nothing to the next."""
        return self._runner.run(work, context=copy_context())

    # who

    def organization(self, plan: str | None = None) -> UUID:
        """A new organization, with a licence of a plan."""
        id = self.clock.new_id()
        self.services.store.add(Organization.register(id=id, now=self.clock.now()))
        if plan is not None:
            self.license(id, plan)
        return id

    def license(self, organization_id: UUID, plan: str) -> UUID:
        return self.services.licenses.issue(organization_id, plan, seats=None, expires_at=None).license.id

    def sell(self, *meters: dict[str, Any], product: dict[str, Any] | None = None, **plans: Any) -> None:
        """The catalogue: each plan by its code, with its entitlements or just its limits."""
        entries = [
            {
                "code": code,
                "product": "cloud",
                "name": code.title(),
                "entitlements": {"seats": 1, **LEASE, **entitlements},
                "prices": [{"code": f"{code}-monthly", "amount": 100, "currency": "usd", "interval": "month"}],
            }
            for code, entitlements in plans.items()
        ]
        sold = {"code": "cloud", "name": "Cloud", "license_key_prefix": "CLOU", **(product or {})}
        file = {"version": 1, "products": [sold], "plans": entries, "meters": list(meters)}
        self.services.catalog.apply(self.services.catalog.read(json.dumps(file)))

    # what

    def told(self, organization_id: UUID | None, meter: str = "calls", quantity: Any = 1, **facts: Any) -> Told:
        """A record with an id of its own."""
        id = facts.pop("id", None) or f"r{next(self._ids)}-{self._mark}"
        return Told(
            id, meter, None if quantity is None else Decimal(str(quantity)), organization_id=organization_id, **facts
        )

    def record(self, *told: Told, caller: Caller = VENDOR) -> Taken:
        return self.run(self.services.usage_intake.record(told, caller))

    def use(self, organization_id: UUID | None, quantity: Any = 1, meter: str = "calls", **facts: Any) -> Taken:
        """One record."""
        return self.record(self.told(organization_id, meter, quantity, **facts))

    def check(
        self,
        account_id: UUID,
        quantity: Any = 1,
        meter: str = "calls",
        *,
        reserve: timedelta | None = None,
        **facts: Any,
    ) -> Verdict:
        return self.check_all(account_id, [Wanted(meter, Decimal(str(quantity)), **facts)], reserve=reserve)

    def check_all(self, account_id: UUID, wanted: Sequence[Wanted], *, reserve: timedelta | None = None) -> Verdict:
        return self.run(self.services.quotas.check(account_id, wanted, reserve_for=reserve))

    def used(self, account_id: UUID, limit: str = "calls/month/organization") -> int:
        """What counts for a limit of the account, by the pool."""
        verdict = self.run(self.services.quotas.standing(account_id))
        return next(answer.used for line, answer in verdict.lines if line.standing.limit.name == limit)

    def follow(self) -> None:
        """The read models take everything that there is."""
        with connect(self.settings.database_url or "") as connection:
            Followers(self.settings.database_url or "", self.services.codec.to_domain_event, read_models()).catch_up(
                connection
            )
            failed = connection.execute("select name, error from follower_positions where error is not null").fetchall()
        assert failed == []

    def now(self) -> datetime:
        return self.clock.now()


def months(amount: int | str, **more: Any) -> dict[str, Any]:
    """Entitlements with a limit of calls a month."""
    return {"limits": {"calls": {"amount": amount, "per": "month", **more}}}
