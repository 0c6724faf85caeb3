"""The bank's question to the owner of a card, and an invoice that can be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.stripe_sim.errors import CardError, NotThere, Refused
from scripts.stripe_sim.money import shown
from scripts.stripe_sim.pages.checkout import after
from scripts.stripe_sim.pages.choosing import chosen_card
from scripts.stripe_sim.pages.rendering import form, page, to, told

if TYPE_CHECKING:
    from scripts.stripe_sim.account import Account
    from scripts.stripe_sim.ledger import Json


class PayingPages:
    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/authenticate/{id}", told(self._ask), methods=["GET"]),
            Route("/authenticate/{id}", told(self._hear), methods=["POST"]),
            Route("/invoice/{id}", told(self._show_invoice), methods=["GET"]),
            Route("/invoice/{id}/pdf", told(self._show_invoice), methods=["GET"]),
            Route("/invoice/{id}", told(self._pay_invoice), methods=["POST"]),
        ]

    async def _ask(self, request: Request) -> Response:
        with self._account.lock:
            intent = self._intent(request.path_params["id"])
        of_payment = intent["object"] == "payment_intent"
        what = f"A payment of {shown(intent['amount'], intent['currency'])}" if of_payment else "The use of your card"
        return page("authenticate", title="Your bank asks", question=f"{what} has to be confirmed. Is it you?")

    async def _hear(self, request: Request) -> Response:
        agrees = (await form(request)).get("do") == "confirm"
        waiting = self._intent(request.path_params["id"])
        with self._account.visited(waiting["object"], waiting["id"]) as intent:
            of_payment = intent["object"] == "payment_intent"
            part = self._account.api.payments if of_payment else self._account.api.setup_intents
            part.authenticate(intent, agrees=agrees)
            return to(self._after(intent))

    async def _show_invoice(self, request: Request) -> Response:
        with self._account.visited("invoice", request.path_params["id"]) as invoice:
            return self._invoice(invoice)

    async def _pay_invoice(self, request: Request) -> Response:
        given = await form(request)
        with self._account.visited("invoice", request.path_params["id"]) as invoice:
            try:
                method = chosen_card(self._account, given)
                customer = self._account.get("customer", invoice["customer"])
                self._account.api.payment_methods.belong(method, customer, "payment_method")
                self._account.post(f"invoices/{invoice['id']}/pay", {"payment_method": method["id"]})
            except CardError as declined:
                payment = self._account.api.invoicing.payment_of(invoice)
                intent = self._account.api.invoicing.intent_of(payment) if payment else None
                if intent and intent["status"] == "requires_action":
                    return to(f"/authenticate/{intent['id']}")
                return self._invoice(invoice, str(declined), 402)
            except Refused as refused:
                return self._invoice(invoice, str(refused), 400)
        return to(f"/invoice/{invoice['id']}")

    def _intent(self, id: str) -> Json:
        """An intent that waits for its owner."""
        found = self._account.known(id)
        if found is None or found["object"] not in ("payment_intent", "setup_intent"):
            raise NotThere("payment_intent", id)
        if found["status"] != "requires_action":
            raise Refused("There is nothing to confirm (any more).")
        return found

    def _after(self, intent: Json) -> str:
        """Where the owner was when the bank asked."""
        hidden = self._account.hidden[intent["id"]]
        if session := hidden.get("session"):
            thing = self._account.get("checkout.session", session)
            return after(thing) if thing["status"] == "complete" else f"/checkout/{session}"
        if invoice := hidden.get("invoice"):
            return f"/invoice/{invoice}"
        return str(hidden.get("return_url") or "/")

    def _invoice(self, invoice: Json, wrong: str | None = None, status: int = 200) -> Response:
        title = f"Invoice {invoice.get('number') or invoice['id']}"
        if invoice.get("deleted"):
            raise NotThere("invoice", invoice["id"])
        return page("invoice", status, title=title, invoice=invoice, wrong=wrong)
