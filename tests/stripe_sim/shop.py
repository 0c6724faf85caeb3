"""A vendor's shop in tests of the API: prices, customers with cards, subscriptions, all by requests."""

from __future__ import annotations

from typing import Any

from scripts.stripe_sim import StripeAccount
from tests.stripe_sim.expected import PRICE

Json = dict[str, Any]


class Shop:
    def __init__(self, account: StripeAccount) -> None:
        self.account = account
        self.post, self.ask, self.drop = account.post, account.ask, account.drop

    def price(self, amount: int, interval: str | None = "month", **more: Any) -> str:
        recurring = {"recurring": {"interval": interval}} if interval else {}
        given = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Biz"}, **recurring, **more}
        return str(self.post("prices", given)["id"])

    def customer(self, card: str | None = "visa", **more: Any) -> str:
        method = f"pm_card_{card}" if card else None
        pays = {"payment_method": method, "invoice_settings": {"default_payment_method": method}} if card else {}
        return str(self.post("customers", {"email": "ada@example.com", **pays, **more})["id"])

    def subscribe(self, customer: str, price: str = PRICE, quantity: int = 1, **more: Any) -> Json:
        items = [{"price": price, "quantity": quantity}]
        return self.post("subscriptions", {"customer": customer, "items": items, "expand": ["latest_invoice"], **more})

    def update(self, subscription: Json, **given: Any) -> Json:
        return self.post(f"subscriptions/{subscription['id']}", {"expand": ["latest_invoice"], **given})

    def status(self, subscription: Json) -> str:
        return str(self.ask(f"subscriptions/{subscription['id']}")["status"])

    def types(self, since: int) -> list[str]:
        return [event["type"] for event in self.account.events[since:]]

    def intent_of(self, invoice: Json | str) -> Json:
        id = invoice if isinstance(invoice, str) else invoice["id"]
        (payment,) = self.ask("invoice_payments", {"invoice": id})["data"]
        return self.ask(f"payment_intents/{payment['payment']['payment_intent']}")


def item_of(subscription: Json) -> Json:
    item: Json = subscription["items"]["data"][0]
    return item


def amounts(invoice: Json) -> list[int]:
    return [line["amount"] for line in invoice["lines"]["data"]]
