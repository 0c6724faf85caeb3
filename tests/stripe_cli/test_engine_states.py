"""Stripe's own scripts against the stand-in of a running `usher up`: the engine ends in the right state."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import stripe

from tests.stripe_cli.command_line import StripeCli

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "docs" / "catalogs" / "coditect.yaml"
OUR_PRICE = (
    *("--add", "price:lookup_key=price_coditect_pro_monthly"),
    *("--add", "price:transfer_lookup_key=true"),
)
PATIENCE = 20.0
T = TypeVar("T")


class Engine:
    """A running `usher up`, its API as the vendor has it, and its stand-in for Stripe."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, data: Path, cli: StripeCli) -> None:
        self.process = process
        self.cli = cli
        known = json.loads((data / "stripe-stand-in.json").read_text())
        self.stripe_url, self.stripe_key = known["url"], known["secret_key"]
        key = (data / "admin_key").read_text().strip()
        self.http = httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=20)
        stripe.enable_telemetry = False  # else it writes into the home directory
        self._stripe_http = stripe.HTTPXClient(allow_sync_methods=True)
        self.stripe = stripe.StripeClient(
            self.stripe_key, base_addresses={"api": self.stripe_url}, http_client=self._stripe_http
        )

    def close(self) -> None:
        self.http.close()
        self._stripe_http.close()

    def trigger(self, event: str, *options: str) -> None:
        assert self.cli.trigger(self.stripe_url, event, *options, key=self.stripe_key) == ""

    def buyer(self, email: str, *options: str) -> dict[str, Any]:
        """The subscription, as the engine has it, of somebody who has just subscribed by Stripe's script."""
        self.trigger("customer.subscription.created", *OUR_PRICE, "--add", f"customer:email={email}", *options)
        (customer,) = self.stripe.v1.customers.list({"email": email}).data
        (subscription,) = self.stripe.v1.subscriptions.list({"customer": customer.id}).data
        return self.until(lambda: self.one("/subscriptions", provider_id=subscription.id))

    def one(self, path: str, **query: str) -> dict[str, Any] | None:
        return next(iter(self.http.get(path, params=query).json()["data"]), None)

    def license_of(self, subscription: dict[str, Any]) -> dict[str, Any] | None:
        return self.one("/licenses", subscription_id=subscription["id"])

    def until(self, look: Callable[[], T | None]) -> T:
        """What is seen once everything has been delivered and processed."""
        deadline = time.monotonic() + PATIENCE
        assert httpx.post(f"{self.stripe_url}/_sim/settled", json={"within": PATIENCE}, timeout=60).json()["settled"]
        while not (seen := look()):
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.05)
        return seen

    def stands(self, subscription: dict[str, Any], status: str, reason: str | None = None) -> bool:
        """Whether its licence has come to stand so."""

        def look() -> bool:
            license = self.license_of(subscription)
            return license is not None and (license["status"], license["suspended_reason"]) == (status, reason)

        return self.until(look)


@pytest.fixture(scope="module")
def engine(stripe_cli: StripeCli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("up")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "scripts.cli", "up", "--data", str(folder / "data"), "--port", url.rsplit(":")[-1]]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while b"Ready\n" not in (folder / "log").read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        engine = Engine(process, url, folder / "data", stripe_cli)
        applied = engine.http.put(
            "/admin/catalog", content=CATALOG.read_bytes(), headers={"Content-Type": "application/yaml"}
        )
        assert applied.status_code == 200
        yield engine
        engine.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def test_a_subscription_is_a_licence_with_a_paid_invoice(engine: Engine) -> None:
    subscription = engine.buyer("ada@example.com")
    assert (subscription["plan"], subscription["status"]) == ("pro", "active")
    assert engine.stands(subscription, "active")
    invoice = engine.until(lambda: engine.one("/invoices", subscription_id=subscription["id"], status="paid"))
    assert invoice["amount_paid"]["amount"] == 1500


def test_a_deleted_subscription_revokes_its_licence(engine: Engine) -> None:
    engine.trigger("customer.subscription.deleted", *OUR_PRICE)
    ended = engine.until(lambda: engine.one("/subscriptions", status="canceled"))
    assert engine.stands(ended, "revoked")


def test_a_first_payment_that_fails_leaves_an_open_invoice_and_no_licence(engine: Engine) -> None:
    failing = "--override", "customer:payment_method=pm_card_chargeCustomerFail"
    default = "--override", "customer:invoice_settings.default_payment_method=pm_card_chargeCustomerFail"
    subscription = engine.buyer("bob@example.com", *failing, *default)
    assert subscription["status"] == "incomplete"

    def tried() -> dict[str, Any] | None:
        """The invoice, which is open before it is tried."""
        invoice = engine.one("/invoices", subscription_id=subscription["id"], status="open")
        return invoice if invoice and invoice["attempts"] else None

    invoice = engine.until(tried)
    assert (invoice["attempts"], invoice["amount_paid"]["amount"]) == (1, 0)
    assert engine.license_of(subscription) is None


def test_a_refunded_charge_suspends(engine: Engine) -> None:
    subscription = engine.buyer("eve@example.com")
    invoice = engine.until(lambda: engine.one("/invoices", subscription_id=subscription["id"], status="paid"))
    paid_by = engine.stripe.v1.invoice_payments.list({"invoice": invoice["provider"]["id"]}).data[0].payment
    command = ("refunds", "create", "-d", f"payment_intent={paid_by.payment_intent}")
    done = engine.cli.run(*command, "--api-base", engine.stripe_url, "--api-key", engine.stripe_key)
    assert json.loads(done.stdout)["status"] == "succeeded", done.stderr
    assert engine.stands(subscription, "suspended", "payment_refunded")


def test_a_disputed_charge_suspends(engine: Engine) -> None:
    disputed = "--override", "customer:payment_method=pm_card_createDispute"
    default = "--override", "customer:invoice_settings.default_payment_method=pm_card_createDispute"
    assert engine.stands(engine.buyer("dan@example.com", *disputed, *default), "suspended", "payment_disputed")


def test_what_has_nothing_to_do_with_a_licence_does_no_harm(engine: Engine) -> None:
    for event in ("checkout.session.completed", "charge.refunded", "invoice.payment_failed", "customer.deleted"):
        engine.trigger(event)
    settled = {"status": "received", "limit": "1"}
    engine.until(lambda: engine.one("/admin/provider-events", **settled) is None)
    assert engine.one("/admin/provider-events", status="failed") is None
