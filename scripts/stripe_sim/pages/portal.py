"""The billing portal: a customer changes plan and seats, cancels, pays with another card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.forms import Tree
from scripts.stripe_sim.money import each_shown, price_of
from scripts.stripe_sim.pages.choosing import chosen_card
from scripts.stripe_sim.pages.rendering import form, page, to, told
from scripts.stripe_sim.resources.subscription_life import ENDED

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.ledger import Json


_FEATURES = {
    "card": "payment_method_update",
    "change": "subscription_update",
    "cancel": "subscription_cancel",
    "keep": "subscription_cancel",
    "pause": "subscription_pause",
}
"""Which feature of the configuration allows what a button does."""


class PortalPage:
    """What the session's configuration allows, through the same API that a vendor uses."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/portal", told(self._open), methods=["POST"]),
            Route("/portal/{id}", told(self._show), methods=["GET"]),
            Route("/portal/{id}", told(self._submit), methods=["POST"]),
        ]

    async def _open(self, request: Request) -> Response:
        """From the overview: a session for a customer."""
        given = {"customer": (await form(request)).get("customer", ""), "return_url": f"{self._account.api.url}/"}
        return to(self._account.post("billing_portal/sessions", given)["url"])

    async def _show(self, request: Request) -> Response:
        with self._account.visited("billing_portal.session", request.path_params["id"]) as session:
            return self._page(session)

    async def _submit(self, request: Request) -> Response:
        given = await form(request)
        with self._account.visited("billing_portal.session", request.path_params["id"]) as session:
            try:
                self._act(session, given)
            except Refused as refused:
                return self._page(session, str(refused), refused.status)
        return to(f"/portal/{session['id']}")

    def _act(self, session: Json, given: Tree) -> None:
        button, features = given.get("do", ""), self._features(session)
        if button in _FEATURES and not features[_FEATURES[button]]["enabled"]:
            raise Refused("The shop does not allow this here.")
        if button == "card":
            self._use_card(session["customer"], given)
            return
        subscription = self._account.get("subscription", given.get("subscription", ""))
        if subscription["customer"] != session["customer"]:
            raise Refused("This is somebody else's subscription.")
        if button == "change":
            self._change(subscription, features["subscription_update"], given)
        elif button == "cancel":
            self._cancel(subscription, features["subscription_cancel"], given)
        elif button == "keep":
            self._update(subscription, cancel_at_period_end=False)
        elif button in ("pause", "resume"):
            self._account.post(f"subscriptions/{subscription['id']}/{button}")

    def _change(self, subscription: Json, update: Json, given: Tree) -> None:
        """Now, or at the end of the period where the configuration wants that for what costs less."""
        item = subscription["items"]["data"][0]
        price = given.get("price", item["price"]["id"])
        change = {"id": item["id"], "price": price, "quantity": int(given.get("quantity", item["quantity"]))}
        later = {each["type"] for each in update["schedule_at_period_end"]["conditions"]}
        costs_less = price_of(self._account.get("price", price), change["quantity"]) < price_of(
            item["price"], item["quantity"]
        )
        if costs_less and "decreasing_item_amount" in later:
            self._schedule(subscription, change)
        else:
            self._update(subscription, items=[change], proration_behavior=update["proration_behavior"])

    def _schedule(self, subscription: Json, change: Json) -> None:
        schedule = self._account.post("subscription_schedules", {"from_subscription": subscription["id"]})
        now = schedule["phases"][0]
        current = [{"price": item["price"], "quantity": item["quantity"]} for item in now["items"]]
        phases = [
            {"items": current, "start_date": now["start_date"], "end_date": now["end_date"]},
            {"items": [{"price": change["price"], "quantity": change["quantity"]}]},
        ]
        self._account.post(f"subscription_schedules/{schedule['id']}", {"phases": phases, "end_behavior": "release"})

    def _cancel(self, subscription: Json, how: Json, given: Tree) -> None:
        details = {"cancellation_details": {"feedback": given["reason"]}} if given.get("reason") else {}
        if how["mode"] == "at_period_end":
            self._update(subscription, cancel_at_period_end=True, **details)
            return
        behavior = how["proration_behavior"]
        bills = {"prorate": behavior != "none", "invoice_now": behavior == "always_invoice"}
        self._account.drop(f"subscriptions/{subscription['id']}", {**bills, **details})

    def _use_card(self, customer: str, given: Tree) -> None:
        """For all that the customer pays from now on."""
        card = chosen_card(self._account, given)
        self._account.post(f"payment_methods/{card['id']}/attach", {"customer": customer})
        self._account.post(f"customers/{customer}", {"invoice_settings": {"default_payment_method": card["id"]}})
        for subscription in self._running(customer):
            self._update(subscription, default_payment_method=card["id"])

    def _update(self, subscription: Json, **given: object) -> None:
        self._account.post(f"subscriptions/{subscription['id']}", given)

    def _running(self, customer: str) -> list[Json]:
        return [each for each in self._account.all("subscription", customer=customer) if each["status"] not in ENDED]

    def _features(self, session: Json) -> Json:
        features: Json = self._account.get("billing_portal.configuration", session["configuration"])["features"]
        return features

    def _page(self, session: Json, wrong: str | None = None, status: int = 200) -> Response:
        customer = self._account.get("customer", session["customer"])
        subscriptions, features = self._running(customer["id"]), self._features(session)
        name = self._account.api.lines.name_of
        return page(
            "portal",
            status,
            title=f"Billing of {customer['name'] or customer['email'] or customer['id']}",
            session=session,
            features=features,
            subscriptions=subscriptions,
            names={each["id"]: name(each["items"]["data"][0]["price"]) for each in subscriptions},
            plans=self._plans(features),
            card=self._card(customer),
            invoices=self._account.all("invoice", customer=customer["id"])[::-1],
            wrong=wrong,
        )

    def _plans(self, features: Json) -> list[Json]:
        """What can be changed to."""
        named = features["subscription_update"]["products"]
        allowed = {price for product in named for price in product["prices"]} if named else None
        sold = [each for each in self._account.all("price", active=True) if each.get("recurring")]
        return [
            {"id": each["id"], "label": f"{self._account.api.lines.name_of(each)}, {each_shown(each)}"}
            for each in sold
            if allowed is None or each["id"] in allowed
        ]

    def _card(self, customer: Json) -> Json | None:
        method = self._account.api.customers.pays_with(customer)
        return method if method and method.get("card") else None
