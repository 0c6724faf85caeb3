"""The real `stripe` client re-fetches objects from the stand-in over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import stripe

from scripts.stripe_sim import Emitted, StripeAccount

ROOT = Path(__file__).parents[2]


def test_each_kind_of_object_is_answered_as_it_is_now(
    account: StripeAccount, bought: Emitted, client: stripe.StripeClient
) -> None:
    account.fail_renewal(bought.the("subscription")["id"])
    services = {
        "subscription": client.v1.subscriptions,
        "invoice": client.v1.invoices,
        "charge": client.v1.charges,
        "customer": client.v1.customers,
        "payment_intent": client.v1.payment_intents,
        "invoice_payment": client.v1.invoice_payments,
        "checkout.session": client.v1.checkout.sessions,
    }
    for kind, service in services.items():
        id = bought.the(kind)["id"]
        answered = service.retrieve(id).to_dict()  # with Decimal in place of Stripe's decimal strings
        assert json.loads(json.dumps(answered, default=str)) == account.retrieve(kind, id)
    assert client.v1.subscriptions.retrieve(bought.the("subscription")["id"]).status == "past_due"
    assert client.v1.events.retrieve(bought[0]["id"]).to_dict() == bought[0]


def test_an_id_that_does_not_exist_is_resource_missing(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.invoices.retrieve("in_none")
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (404, "resource_missing", "id")
    assert caught.value.user_message == "No such invoice: 'in_none'"
    assert str(caught.value.request_id).startswith("req_")


def test_a_payment_intent_leads_to_its_invoice(bought: Emitted, client: stripe.StripeClient) -> None:
    intent, invoice = bought.the("payment_intent")["id"], bought.the("invoice")["id"]
    by_intent = client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": intent}, "expand": ["data.invoice"]}
    )
    assert [payment.invoice.id for payment in by_intent.data] == [invoice]
    by_invoice = client.v1.invoice_payments.list({"invoice": invoice})
    assert [payment.payment.payment_intent for payment in by_invoice.data] == [intent]
    nothing = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": "pi_none"}})
    assert nothing.data == []


def test_fields_are_expanded_on_request(bought: Emitted, client: stripe.StripeClient) -> None:
    fields = ["payments.data.payment.payment_intent", "customer"]
    invoice = client.v1.invoices.retrieve(bought.the("invoice")["id"], {"expand": fields})
    assert invoice.customer.email == "ada@example.com"
    assert invoice.payments.data[0].payment.payment_intent.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.invoices.retrieve(bought.the("invoice")["id"], {"expand": ["currency"]})


def test_events_are_listed_newest_first_page_by_page(
    account: StripeAccount, bought: Emitted, client: stripe.StripeClient
) -> None:
    listed = [event.id for event in client.v1.events.list({"limit": 4}).auto_paging_iter()]
    assert listed == [event["id"] for event in reversed(account.events)]
    types = ["invoice.paid", "charge.succeeded"]
    assert [event.type for event in client.v1.events.list({"types": types}).data] == types
    account.renew(bought.the("subscription")["id"])
    since = client.v1.events.list({"type": "invoice.paid", "created": {"gt": bought[-1]["created"]}})
    assert len(since.data) == 1


def test_refunds_of_a_charge_are_listed(account: StripeAccount, bought: Emitted, client: stripe.StripeClient) -> None:
    account.refund(bought.the("invoice")["id"], amount=500)
    charge = bought.the("charge")["id"]
    assert [refund.amount for refund in client.v1.refunds.list({"charge": charge}).data] == [500]
    assert client.v1.charges.retrieve(charge, {"expand": ["refunds"]}).refunds.data[0].amount == 500


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "code"),
    [
        ("GET", "/v1/invoices/in_1?colour=red", "sk_test_1", 400, "parameter_unknown"),
        ("GET", "/v1/events?limit=1000", "sk_test_1", 400, None),
        ("GET", "/v1/events?limit=ten", "sk_test_1", 400, "parameter_invalid_integer"),
        ("GET", "/v1/events?starting_after=evt_none", "sk_test_1", 400, "resource_missing"),
        ("GET", "/v1/licences/1", "sk_test_1", 404, None),
        ("GET", "/v1/payouts", "sk_test_1", 400, "not_simulated"),
        ("POST", "/v1/customers?colour=red", "sk_test_1", 400, "parameter_unknown"),
        ("POST", "/v1/coupons", "sk_test_1", 400, None),
        ("GET", "/v1/events", "sk_live_1", 401, None),
        ("GET", "/v1/events", "", 401, None),
    ],
)
def test_what_stripe_would_decline_is_declined_in_its_shape(
    url: str, method: str, path: str, key: str, status: int, code: str | None
) -> None:
    data = b"name=x" if method == "POST" else None
    request = Request(url + path, method=method, data=data, headers={"Authorization": f"Bearer {key}"})
    with pytest.raises(HTTPError) as caught:
        urlopen(request, timeout=10)
    with caught.value as answer:
        error = json.load(answer)["error"]
        assert (answer.code, error["type"], error.get("code")) == (status, "invalid_request_error", code)


class _Webhook(BaseHTTPRequestHandler):
    taken: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], "whsec_demo")
        self.taken.append(event.type)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_the_command_posts_a_signed_life_to_a_webhook() -> None:
    taken: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), type("Webhook", (_Webhook,), {"taken": taken}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hook = f"http://127.0.0.1:{server.server_port}/webhooks/stripe"
    command = [sys.executable, "-m", "scripts.stripe_sim", "emit"]
    arguments = ["--life", "dunning", "--webhook", hook, "--secret", "whsec_demo"]
    try:
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (done.returncode, done.stderr) == (0, "")
    assert taken.count("invoice.payment_failed") == 3
    assert len(done.stdout.splitlines()) == len(taken)
