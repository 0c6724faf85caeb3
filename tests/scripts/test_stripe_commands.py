"""`usher stripe` and what `usher doctor` says of Stripe, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.stripe_client import API_VERSION
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving
from tests.buying_world import CATALOG, PRICES


@pytest.fixture
def account(engine, services, monkeypatch) -> Iterator[StripeAccount]:
    """An account that knows nothing yet, and whose address and key the commands find."""
    account = StripeAccount(seed=1, now=services.clock.now().replace(microsecond=0))
    services.catalog.apply(services.catalog.read(CATALOG.encode()))
    with serving(account) as url:
        monkeypatch.setenv("USHER_STRIPE_SECRET_KEY", "sk_test_x")
        monkeypatch.setenv("USHER_STRIPE_API_BASE", url)
        yield account


def test_prices_are_brought_to_stripe_once(account, engine):
    dry = engine("stripe", "sync", "--dry-run")
    assert dry.code == 0 and "price pro-monthly is made" in dry.out and "Dry run" in dry.out
    assert account.ask("prices")["data"] == []
    assert {step["kind"] for step in engine("stripe", "sync", "--json").json["steps"]} == {"made"}
    keys = {price["lookup_key"] for price in account.ask("prices")["data"]}
    assert keys == set(PRICES)
    assert {step["kind"] for step in engine("stripe", "sync", "--json").json["steps"]} == {"kept"}


def test_what_was_never_told_is_found_and_taken_in(account, engine, services):
    assert engine("stripe", "sync").code == 0
    price = account.ask("prices", {"lookup_keys": ["pro-monthly"]})["data"][0]["id"]
    bought = account.checkout(price=price, email="ada@example.com", name="Ada")
    found = engine("stripe", "reconcile", "--dry-run", "--json")
    assert found.code == 1 and found.json["repaired"] == 0
    assert {each["what"] for each in found.json["drift"]} == {"missed", "missing"}
    repaired = engine("stripe", "reconcile")
    assert repaired.code == 0 and "evt_" in repaired.out and "repaired" in repaired.out
    (row,) = services.database.fetch_all("select state from stored_events where topic = 'subscription.started'")
    assert row["state"]["provider_id"] == bought.the("subscription")["id"]
    again = engine("stripe", "reconcile", "--dry-run", "--json")
    assert (again.code, again.json["found"], again.json["outcome"]) == (0, 0, "complete")


def test_a_look_that_cannot_be_ended_says_so(account, engine):
    few = engine("stripe", "reconcile", "--calls", "2", "--json")
    assert (few.code, few.json["outcome"]) == (0, "stopped")
    assert engine("stripe", "reconcile", "--since", "yesterday").code == 2


def test_without_a_key_there_is_nobody_to_compare_with(engine):
    for command in (("sync",), ("reconcile",)):
        said = engine("stripe", *command)
        assert said.code == 1 and said.err.startswith("usher: ")


def test_the_doctor_looks_at_key_endpoint_and_prices(account, engine, settings):
    def told() -> dict[str, str | None]:
        checks = engine("doctor", "--json").json["checks"]
        return {each["name"]: each["fix"] and each["detail"] for each in checks if each["name"].startswith("stripe")}

    first = told()
    assert first["stripe key"] is None
    assert "no webhook endpoint" in str(first["stripe webhooks"]) and "pro-monthly" in str(first["stripe prices"])
    engine("stripe", "sync")
    url = f"{settings.public_url}/api/v1/webhooks/stripe"
    endpoint = account.post(
        "webhook_endpoints", {"url": url, "enabled_events": ["invoice.paid"], "api_version": API_VERSION}
    )
    assert "not told of" in str(told()["stripe webhooks"])
    account.post(f"webhook_endpoints/{endpoint['id']}", {"enabled_events": ["*"], "disabled": True})
    assert "disabled" in str(told()["stripe webhooks"])
    account.post(f"webhook_endpoints/{endpoint['id']}", {"disabled": False})
    assert set(told().values()) == {None}
    account.post("webhook_endpoints", {"url": "https://other.example/hook", "enabled_events": ["*"]})
    assert set(told().values()) == {None}
