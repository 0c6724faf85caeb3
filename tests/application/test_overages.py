"""What is used above a limit that bills becomes one line of an invoice at Stripe, whatever dies or comes late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from application.quota_admin import Meant
from application.reactions import BILL_OVERAGE, errands_of
from application.usage_intake import Caller
from domain.errors import Unavailable, UsherError
from domain.ids import message_id
from domain.overage import SETTLED_AFTER, Overage
from domain.usage import Told
from projections.follower import Followers, connect
from projections.overages import due_overages, list_overages
from projections.positions import register
from tests.buying_world import Vendor, selling

DAY = timedelta(days=1)
POSTS = {"method": "POST", "path": "/v1/invoiceitems"}
CATALOG = """
version: 1
meters: [{code: calls, name: Calls}]
products:
  - {code: coditect, name: CODITECT, license_key_prefix: CODI}
plans:
  - code: pro
    product: coditect
    name: Pro
    entitlements:
      seats: 10
      late_usage: P10D
      limits: {calls: {amount: 1000, per: month, hard: false, overage: {usd: "0.25", eur: "0.2"}}}
    prices:
      - {code: pro-monthly, amount: 9900, currency: usd, interval: month}
      - {code: pro-monthly-eur, amount: 9500, currency: eur, interval: month}
"""


MORE = (
    CATALOG
    + """
  - code: extra
    product: coditect
    name: Extra
    entitlements: {seats: 1, limits: {calls: {amount: 100, per: month, hard: false}}}
    prices: []
"""
)


class Shop:
    """One customer who bought a plan with a limit that bills."""

    def __init__(self, vendor: Vendor, price: str = "pro-monthly") -> None:
        self.vendor, self.services = vendor, vendor.services
        self.services.catalog.apply(self.services.catalog.read(CATALOG.encode()))
        self.runner, self.ids = asyncio.Runner(), count(1)
        self.organization_id = vendor.organization()
        self.subscription_id = vendor.sell(self.organization_id, price)

    def close(self) -> None:
        self.runner.run(self.services.aclose())
        self.runner.close()

    def use(self, quantity: int, at: datetime | None = None, **facts: Any) -> str:
        """A record, and what a follower says of it."""
        id = f"r{next(self.ids)}"
        told = Told(id, "calls", Decimal(quantity), at=at, organization_id=self.organization_id, **facts)
        self.runner.run(self.services.usage_intake.record([told], Caller(None, None)))
        self.services.overages.look([(self.organization_id, "calls", at or self.vendor.now)])
        return id

    def measure(self) -> list[str]:
        """As the scheduler does it, twice, behind the follower of what may be used; answers what is known of each
        period."""
        url, rights = self.services.database.url, self.services.quota_tellers()[0]
        for _ in range(2):
            with connect(url) as connection:
                register(connection, [rights])
                Followers(url, self.services.codec.to_domain_event, [rights]).catch_up(connection)
            self.vendor.catch_up()
            with connect(self.services.database.url) as connection:
                found = due_overages(connection, now=self.vendor.now, limit=10)
            for id in found:
                self.services.overages.measure(id)
        self.vendor.catch_up()
        return [f"{row['status']} {row['amount']}" for row in reversed(self.listed())]

    def listed(self) -> list[dict[str, Any]]:
        with connect(self.services.database.url) as connection:
            return list_overages(connection, organization_id=self.organization_id, limit=10)

    def errands(self) -> list[tuple[UUID, int]]:
        found = self.services.database.fetch_all(
            "select originator_id, originator_version from stored_events"
            " where topic in ('overage.settled', 'overage.closed') order by notification_id"
        )
        facts = [(row["originator_id"], row["originator_version"]) for row in found]
        events = self.services.store.events
        return [each for each in facts if errands_of(next(iter(events.get(each[0], gt=each[1] - 1, lte=each[1]))))]

    def report(self) -> None:
        """Every errand there ever was, as workers do that are told twice."""
        for id, version in self.errands():
            errand = message_id(id, version, BILL_OVERAGE)
            self.services.database.execute(*self.services.outbox.put(errand, BILL_OVERAGE, id, version))
            self.billing.report(id, version)

    @property
    def billing(self) -> Any:
        return self.services.errands._overages

    def items(self) -> list[tuple[int, str]]:
        found = self.vendor.account.find("invoiceitem")
        return [(each["amount"], each["currency"]) for each in reversed(found) if "usher_fact" in each["metadata"]]

    def pass_period(self) -> datetime:
        """To when the period is settled; answers its end."""
        end = self.vendor.subscription(self.subscription_id).terms.period_end
        assert end is not None
        self.vendor.account.advance(end - self.vendor.now + SETTLED_AFTER)
        self.vendor.deliver()
        return end


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


@pytest.fixture
def shop(vendor) -> Iterator[Shop]:
    shop = Shop(vendor)
    yield shop
    shop.close()


def test_what_is_above_comes_with_the_next_invoice_once(shop):
    shop.use(1000)
    assert shop.measure() == [], "all of it is included"
    shop.use(500)
    assert shop.measure() == ["running None"]
    end = shop.pass_period()
    shop.report()
    assert shop.measure() == ["settled 125"] and shop.items() == []
    for _ in range(2):
        shop.report()
    assert shop.items() == [(125, "usd")]
    shop.use(400, at=end - DAY)
    shop.vendor.account.advance(9 * DAY)
    assert shop.measure() == ["settled 125"], "late records wait until no more can come"
    shop.vendor.account.advance(DAY)
    assert shop.measure() == ["closed 225"]
    shop.report()
    assert shop.items() == [(125, "usd"), (100, "usd")]
    shop.pass_period()
    assert shop.vendor.invoices()[0]["total"] == 9900 + 225
    shop.report()
    assert len(shop.items()) == 2, "also when they are on an invoice"


def test_a_line_waits_for_a_key_that_was_taken_away(shop):
    shop.use(1500)
    shop.pass_period()
    assert shop.measure() == ["settled 125"]
    commands = shop.services.provider_commands
    seller, commands._seller = commands._seller, None
    [(id, version)] = shop.errands()
    errand = message_id(id, version, BILL_OVERAGE)
    shop.services.database.execute(*shop.services.outbox.put(errand, BILL_OVERAGE, id, version))

    def run() -> None:
        """Now, however long its pause is."""
        shop.services.database.execute("update outbox set due_at = clock_timestamp() where id = %s", (errand,))
        shop.services.errands.run(errand)

    run()
    run()
    assert shop.items() == []
    commands._seller = seller
    run()
    assert shop.items() == [(125, "usd")]


def test_a_record_that_comes_late_can_begin_it_and_a_cancelled_one_goes_back(shop):
    shop.use(900)
    end = shop.pass_period()
    id = shop.use(200, at=end - DAY)
    assert shop.measure() == ["settled 25"]
    told = Told("v1", None, None, voids=id, organization_id=shop.organization_id)
    shop.runner.run(shop.services.usage_intake.record([told], Caller(None, None)))
    shop.vendor.account.advance(10 * DAY)
    assert shop.measure() == ["closed 0"]
    shop.report()
    assert shop.items() == [(25, "usd"), (-25, "usd")]


def test_grants_and_resets_count_before_anything_is_billed(shop):
    shop.use(1500)
    shop.services.quota_admin.grant(Meant(shop.organization_id, "calls"), 100, reason="sorry")
    shop.pass_period()
    assert shop.measure() == ["settled 100"]
    assert shop.listed()[0]["included"] == 1100


@pytest.mark.parametrize("times", [1, None])
def test_a_line_whose_answer_is_lost_is_not_made_again(shop, times):
    shop.use(1500)
    shop.pass_period()
    shop.measure()
    shop.vendor.faults.add("lost", **POSTS, times=times)
    shop.report()
    shop.vendor.faults.clear()
    shop.vendor.account.advance(2 * DAY)
    shop.report()
    assert shop.items() == [(125, "usd")]


def test_several_who_measure_and_report_at_once_state_it_once(shop):
    shop.use(1500)
    shop.pass_period()
    shop.vendor.catch_up()
    (row,) = shop.listed()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(shop.services.overages.measure, [row["overage_id"]] * 4))
    assert shop.measure() == ["settled 125"] and len(shop.errands()) == 1
    ((id, version),) = shop.errands()

    def report(_: int) -> None:
        with suppress(UsherError):  # one that finds another at it comes back
            shop.billing.report(id, version)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(report, range(4)))
    shop.report()
    assert shop.items() == [(125, "usd")]


def test_a_change_of_plan_counts_from_when_it_is_made_until_the_end(shop):
    shop.use(1500)
    assert shop.measure() == ["running None"]
    shop.services.catalog.apply(shop.services.catalog.read(MORE.encode()))
    shop.services.licenses.issue(shop.organization_id, "extra", seats=None, expires_at=None)
    shop.vendor.account.advance(DAY)
    shop.measure()
    shop.pass_period()
    assert shop.measure() == ["settled 100"] and shop.listed()[0]["included"] == 1100


def test_while_stripe_is_away_the_errand_waits_and_is_done_later(shop):
    shop.use(1500)
    shop.pass_period()
    shop.measure()
    shop.vendor.faults.add("unavailable")
    with pytest.raises(Unavailable):
        shop.report()
    shop.vendor.faults.clear()
    shop.report()
    assert shop.items() == [(125, "usd")]


def test_the_price_is_the_one_of_the_subscriptions_currency(vendor):
    shop = Shop(vendor, "pro-monthly-eur")
    shop.use(1500)
    shop.pass_period()
    assert shop.measure() == ["settled 100"]
    shop.report()
    assert shop.items() == [(100, "eur")]
    shop.close()


def test_what_was_stored_is_all_in_the_history(shop):
    shop.use(1500)
    shop.pass_period()
    shop.measure()
    (row,) = shop.listed()
    overage = shop.services.store.fetch(Overage, row["overage_id"])
    assert (row["used"], row["overage"], row["unit_price"], row["amount"]) == (1500, 500, Decimal("0.25"), 125)
    assert overage.asked == 125 and overage.terms.subscription_id == shop.subscription_id
