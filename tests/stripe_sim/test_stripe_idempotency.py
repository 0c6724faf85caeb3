"""Idempotency keys as Stripe has them, and answers that fail, come late or get lost on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.answering import AnsweringRequests
from scripts.stripe_sim.errors import Conflict
from tests.stripe_sim.expected import PRICE

Client = stripe.StripeClient


def strike(url: str, kind: str, **options: object) -> None:
    httpx.post(f"{url}/_sim/faults", json={"kind": kind, **options}).raise_for_status()


def keyed(key: str) -> Any:
    return {"idempotency_key": key}


def test_a_repeated_request_is_answered_again_and_not_done_again(client: Client, account: StripeAccount) -> None:
    first = client.v1.customers.create({"email": "ada@example.com"}, keyed("k1"))
    again = client.v1.customers.create({"email": "ada@example.com"}, keyed("k1"))
    assert (again.id, len(account.find("customer"))) == (first.id, 1)
    headers = again.last_response.headers
    assert headers["idempotent-replayed"] == "true"
    assert headers["original-request"] == first.last_response.request_id != again.last_response.request_id
    assert "idempotent-replayed" not in first.last_response.headers
    (event,) = [each for each in account.events if each["type"] == "customer.created"]
    assert event["request"] == {"id": first.last_response.request_id, "idempotency_key": "k1"}


@pytest.mark.parametrize("email", ["bob@example.com", None])
def test_the_same_key_for_another_request_is_refused(client: Client, email: str | None) -> None:
    client.v1.customers.create({"email": "ada@example.com"}, keyed("k1"))
    with pytest.raises(stripe.IdempotencyError) as caught:
        if email:
            client.v1.customers.create({"email": email}, keyed("k1"))
        else:
            client.v1.products.create({"name": "x"}, keyed("k1"))
    assert caught.value.http_status == 400


def test_a_declined_payment_stays_declined_under_its_key(client: Client, account: StripeAccount) -> None:
    given: Any = {"amount": 900, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
    charges = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            client.v1.payment_intents.create(given, keyed("k1"))
        charges.append(caught.value.error.charge)
    assert charges[0] == charges[1] and len(account.find("charge")) == 1


def test_a_request_that_never_began_leaves_its_key_free(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"colour": "red"}, keyed("k1"))  # type: ignore[typeddict-unknown-key]
    assert client.v1.customers.create({"name": "Ada"}, keyed("k1")).name == "Ada"


def test_keys_are_forgotten_after_a_day(client: Client, account: StripeAccount) -> None:
    first = client.v1.customers.create({"name": "Ada"}, keyed("k1"))
    account.advance(timedelta(hours=25))
    assert client.v1.customers.create({"name": "Ada"}, keyed("k1")).id != first.id


def test_two_requests_with_one_key_at_once_conflict(account: StripeAccount) -> None:
    answering = AnsweringRequests(account.api)
    answering.begin("k1")
    answering.begin("k2")
    with pytest.raises(Conflict) as caught:
        answering.begin("k1")
    assert (caught.value.status, caught.value.error["code"]) == (409, "idempotency_key_in_use")
    answering.end("k1")
    answering.begin("k1")


def test_what_was_done_though_the_answer_was_lost_is_found_by_its_key(
    client: Client, url: str, account: StripeAccount
) -> None:
    strike(url, "lost", method="POST", path="/v1/customers", times=1)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create({"name": "Ada"}, keyed("k1"))
    (done,) = account.find("customer")
    assert client.v1.customers.create({"name": "Ada"}, keyed("k1")).id == done["id"]
    assert len(account.find("customer")) == 1


def test_a_client_that_retries_does_not_do_it_twice(
    url: str, account: StripeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    http = stripe.RequestsClient()
    monkeypatch.setattr(http, "_sleep_time_seconds", lambda *_: 0.0)
    client = Client("sk_test_1", base_addresses={"api": url}, http_client=http, max_network_retries=3)
    strike(url, "lost", path="/v1/customers", times=1)
    strike(url, "unavailable", path="/v1/customers", times=1)
    strike(url, "conflict", path="/v1/customers", times=1)
    made = client.v1.customers.create({"name": "Ada"})
    http.close()
    assert [each["id"] for each in account.find("customer")] == [made.id]


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("rate_limit", stripe.RateLimitError, 429),
        ("conflict", stripe.IdempotencyError, 409),
        ("unavailable", stripe.APIError, 503),
    ],
)
def test_an_answer_of_trouble_does_nothing_and_the_key_stays_free(
    client: Client, url: str, account: StripeAccount, kind: str, error: type[stripe.StripeError], status: int
) -> None:
    strike(url, kind, path="/v1/customers", times=1)
    with pytest.raises(stripe.StripeError) as caught:
        client.v1.customers.create({"name": "Ada"}, keyed("k1"))
    assert (caught.value.http_status, account.find("customer")) == (status, [])
    assert isinstance(caught.value, error | stripe.APIError)
    assert client.v1.customers.create({"name": "Ada"}, keyed("k1")).name == "Ada"


def test_an_error_of_stripe_is_kept_under_the_key_and_says_that_retrying_is_in_vain(client: Client, url: str) -> None:
    strike(url, "error", path="/v1/customers", times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            client.v1.customers.create({"name": "Ada"}, keyed("k1"))
        assert caught.value.http_status == 500
    assert client.v1.customers.create({"name": "Ada"}, keyed("k2")).name == "Ada"


def test_faults_strike_what_they_are_meant_for(client: Client, url: str) -> None:
    strike(url, "rate_limit", method="POST", path="/v1/subscriptions*", times=1)
    assert client.v1.prices.list().data[0].id == PRICE
    assert client.v1.subscriptions.list().data == []
    with pytest.raises(stripe.RateLimitError):
        client.v1.subscriptions.create({"customer": "cus_1", "items": [{"price": PRICE}]})
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.subscriptions.create({"customer": "cus_1", "items": [{"price": PRICE}]})


def test_another_api_version_is_not_promised(url: str) -> None:
    headers = {"Authorization": "Bearer sk_test_1", "Stripe-Version": "2022-11-15"}
    answer = httpx.get(f"{url}/v1/customers", headers=headers)
    assert (answer.status_code, answer.headers["stripe-version"]) == (400, stripe.api_version)
    assert "2022-11-15" in answer.json()["error"]["message"]
