"""Time passes: by the account, by a test clock, by a clock that is followed; and a year takes no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from scripts.stripe_sim import Refused, StripeAccount, check
from scripts.stripe_sim.resources.events import KEPT
from scripts.stripe_sim.server import serving
from tests.stripe_sim.expected import NOON, PRICE, epoch
from tests.stripe_sim.shop import Shop


def test_a_year_of_a_customers_life_happens_in_order_and_each_thing_once(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), trial_period_days=14)
    shop.account.advance(timedelta(days=366))
    invoices = shop.ask("invoices", {"subscription": made["id"], "limit": 100})["data"]
    assert [invoice["status"] for invoice in invoices] == ["paid"] * 13
    periods = [invoice["lines"]["data"][0]["period"] for invoice in reversed(invoices)]
    assert all(earlier["end"] == later["start"] for earlier, later in pairwise(periods))
    created = [event["created"] for event in shop.account.events]
    assert created == sorted(created)
    for event in shop.account.events:
        check(event)


def test_a_jump_and_many_steps_lead_to_the_same_state(account: StripeAccount) -> None:
    def life(*steps: timedelta) -> list[tuple[str, int]]:
        other = StripeAccount(seed=3, now=NOON)
        other.price(PRICE, amount=2900)
        made = other.checkout(price=PRICE, email="ada@example.com").the("subscription")["id"]
        other.fail_renewal(made)
        for step in steps:
            other.advance(step)
        return [(event["type"], event["created"]) for event in other.events]

    assert life(timedelta(days=60)) == life(*[timedelta(hours=5)] * 288)


def test_a_test_clock_is_a_time_of_its_own(shop: Shop) -> None:
    clock = shop.post("test_helpers/test_clocks", {"frozen_time": epoch(2020, 1, 1), "name": "a year"})
    customer = shop.customer(test_clock=clock["id"])
    made = shop.subscribe(customer)
    assert (made["created"], made["test_clock"]) == (epoch(2020, 1, 1), clock["id"])
    events = len(shop.account.events)
    advanced = shop.post(f"test_helpers/test_clocks/{clock['id']}/advance", {"frozen_time": epoch(2020, 12, 31)})
    assert advanced["status"] == "advancing"
    ready = shop.ask(f"test_helpers/test_clocks/{clock['id']}")
    assert (ready["status"], ready["frozen_time"], shop.account.now) == ("ready", epoch(2020, 12, 31), NOON)
    types = shop.types(events)
    assert (types[0], types[-1]) == ("test_helpers.test_clock.advancing", "test_helpers.test_clock.ready")
    assert types.count("invoice.paid") == 11
    with pytest.raises(Refused, match="forward"):
        shop.post(f"test_helpers/test_clocks/{clock['id']}/advance", {"frozen_time": epoch(2020, 6, 1)})
    shop.drop(f"test_helpers/test_clocks/{clock['id']}")
    with pytest.raises(Refused):
        shop.ask(f"subscriptions/{made['id']}")


def test_the_account_follows_a_clock(account: StripeAccount) -> None:
    now = [NOON]
    with serving(account, clock=lambda: now[0]) as url, httpx.Client(base_url=url) as http:
        shop = Shop(account)
        made = shop.subscribe(shop.customer())
        assert http.get("/_sim/clock").json() == {"now": "2026-01-31T12:00:00Z", "follows": True}
        now[0] = datetime(2026, 3, 1, tzinfo=UTC)
        assert http.post("/_sim/settled", json={}).json()["settled"]
        assert len(shop.ask("invoices", {"subscription": made["id"]})["data"]) == 2
        moved = http.post("/_sim/clock", json={"advance": 60})
        assert moved.status_code == 400 and "sandbox/clock" in moved.json()["error"]


def test_a_clock_of_its_own_is_moved_from_outside(url: str, account: StripeAccount) -> None:
    assert httpx.post(f"{url}/_sim/clock", json={"advance": 3600}).json()["now"] == "2026-01-31T13:00:00Z"
    httpx.post(f"{url}/_sim/clock", json={"to": "2026-02-01T00:00:00Z"})
    assert account.now == datetime(2026, 2, 1, tzinfo=UTC)
    assert httpx.post(f"{url}/_sim/clock", json={}).status_code == 400


def test_the_vendors_settings_are_set_from_outside(url: str, shop: Shop) -> None:
    settings = {"retries": [86400], "after_retries": "canceled", "upcoming_notice": 0}
    assert httpx.post(f"{url}/_sim/settings", json=settings).json() == settings
    assert httpx.post(f"{url}/_sim/settings", json={"after_retries": "forgotten"}).status_code == 400
    made = shop.subscribe(shop.customer())
    card = shop.ask(f"customers/{made['customer']}")["invoice_settings"]["default_payment_method"]
    httpx.post(f"{url}/_sim/cards/{card}", json={"works": False, "decline_code": "lost_card"})
    events = len(shop.account.events)
    shop.account.advance(timedelta(days=31))
    assert "invoice.upcoming" not in shop.types(events)
    assert shop.status(made) == "canceled"
    (charge, *_) = shop.ask("charges")["data"]
    assert charge["outcome"]["reason"] == "lost_card"


def test_a_bank_disputes_and_decides_from_outside(url: str, shop: Shop) -> None:
    charge = shop.intent_of(shop.subscribe(shop.customer())["latest_invoice"])["latest_charge"]
    dispute = httpx.post(f"{url}/_sim/charges/{charge}/dispute", json={"reason": "product_not_received"}).json()
    assert httpx.post(f"{url}/_sim/disputes/{dispute['id']}/decide", json={"won": True}).json()["status"] == "won"
    assert httpx.post(f"{url}/_sim/disputes/du_none/decide", json={}).status_code == 404


def test_events_are_listed_for_thirty_days(shop: Shop) -> None:
    shop.customer()
    (event,) = (each for each in shop.account.events if each["type"] == "customer.created")
    assert shop.ask(f"events/{event['id']}")["id"] == event["id"]
    shop.account.advance(timedelta(seconds=KEPT + 1))
    assert shop.ask("events")["data"] == []
    with pytest.raises(Refused, match="No such event"):
        shop.ask(f"events/{event['id']}")
