"""The page on which a person pays for what a checkout session offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.stripe_sim.errors import CardError, Refused
from scripts.stripe_sim.forms import Tree
from scripts.stripe_sim.money import shown
from scripts.stripe_sim.pages.choosing import chosen_card
from scripts.stripe_sim.pages.rendering import form, page, to, told

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.ledger import Json

DECLINING = {"card": "chargeDeclined"}


class CheckoutPage:
    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/checkout/{id}", told(self._show), methods=["GET"]),
            Route("/checkout/{id}", told(self._submit), methods=["POST"]),
            Route("/pay/{id}", told(self._follow_link), methods=["GET"]),
            Route("/thanks", self._thank, methods=["GET"]),
        ]

    async def _show(self, request: Request) -> Response:
        with self._account.visited("checkout.session", request.path_params["id"]) as session:
            return self._page(session)

    async def _submit(self, request: Request) -> Response:
        given = await form(request)
        with self._account.visited("checkout.session", request.path_params["id"]) as session:
            try:
                self._account.api.checkout_sessions.open(session["id"])
                self._choose(session, given)
                if given.get("do") != "update":
                    self._pay(session, DECLINING if given.get("do") == "decline" else given, given)
            except Refused as refused:
                return self._page(session, str(refused), 402 if isinstance(refused, CardError) else 400)
            return self._next(session, given)

    async def _follow_link(self, request: Request) -> Response:
        with self._account.visited("payment_link", request.path_params["id"]) as link:
            return to(self._account.api.payment_links.visit(link)["url"])

    async def _thank(self, request: Request) -> Response:
        return page("message", title="Thank you", text="The payment went through.")

    def _choose(self, session: Json, given: Tree) -> None:
        sessions = self._account.api.checkout_sessions
        if chosen := given.get("quantity"):
            quantities = [int(chosen.get(str(at), item["quantity"])) for at, item in enumerate(sessions.items(session))]
            sessions.change_quantity(session, quantities)
        if code := given.get("code"):
            sessions.apply_code(session, code)

    def _pay(self, session: Json, card: Tree, given: Tree) -> None:
        email = given.get("email") or session["customer_email"]
        if not session["customer"] and not email:
            raise Refused("An e-mail address is needed.")
        needs_card = self._account.api.completion.needs_card(session)
        method = chosen_card(self._account, card) if needs_card else None
        name, vat = given.get("name") or None, given.get("vat") or None
        self._account.api.completion.pay(session, method, email=email, name=name, vat=vat)

    def _next(self, session: Json, given: Tree) -> Response:
        if given.get("do") == "update":
            return to(f"/checkout/{session['id']}")
        if session["status"] == "complete":
            return to(after(session))
        intents = self._account.all("payment_intent", status="requires_action")
        asked = [each for each in intents if self._account.hidden[each["id"]].get("session") == session["id"]]
        return to(f"/authenticate/{asked[-1]['id']}")

    def _page(self, session: Json, wrong: str | None = None, status: int = 200) -> Response:
        if session["status"] != "open":
            return page("message", title="Checkout", text=f"This checkout session is {session['status']}.")
        sessions = self._account.api.checkout_sessions
        total = shown(session["amount_total"], session["currency"])
        return page(
            "checkout",
            status,
            title="Subscribe" if session["mode"] == "subscription" else "Pay",
            session=session,
            items=sessions.shown_items(session),
            adjustable=[item["adjustable_quantity"] for item in sessions.items(session)],
            trial_end=self._account.api.completion.trial_end(session),
            pay=f"Pay {total}" if session["amount_total"] else "Start",
            needs_card=self._account.api.completion.needs_card(session),
            wrong=wrong,
        )


def after(session: Json) -> str:
    """Where a person goes who has paid."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])
