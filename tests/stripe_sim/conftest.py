"""An account with one price, and a customer who has bought three seats in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stripe

from scripts.stripe_sim import Emitted, StripeAccount
from scripts.stripe_sim.server import serving
from tests.stripe_sim.expected import NOON, PRICE
from tests.stripe_sim.shop import Shop


@pytest.fixture
def account() -> StripeAccount:
    account = StripeAccount(seed=7, now=NOON)
    account.price(PRICE, amount=2900, lookup_key="coditect-pro-monthly")
    return account


@pytest.fixture
def shop(account: StripeAccount) -> Shop:
    return Shop(account)


@pytest.fixture
def url(account: StripeAccount) -> Iterator[str]:
    """Where the account is served."""
    with serving(account) as url:
        yield url


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[stripe.StripeClient]:
    """The real client, which retries nothing by itself."""
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    http = stripe.RequestsClient()
    yield stripe.StripeClient("sk_test_1", base_addresses={"api": url}, http_client=http)
    http.close()


@pytest.fixture
def bought(account: StripeAccount) -> Emitted:
    """The events of a checkout of three seats."""
    return account.checkout(price=PRICE, email="ada@example.com", name="Ada", quantity=3)


@pytest.fixture
def subscription(bought: Emitted) -> str:
    id: str = bought.the("subscription")["id"]
    return id


@pytest.fixture
def status(account: StripeAccount, subscription: str) -> Callable[[], str]:
    """The subscription's status now."""
    return lambda: str(account.retrieve("subscription", subscription)["status"])


@pytest.fixture(scope="session")
def genuine() -> Path:
    """The folder of Stripe's own example objects, beside the repository or beside the folder of its worktrees."""
    for above in Path(__file__).parents[3:5]:
        if (folder := above / "shared" / "fixtures" / "stripe_objects").is_dir():
            return folder
    pytest.skip("Stripe's example objects are not here (../shared/fixtures/stripe_objects)")
