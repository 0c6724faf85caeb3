"""Customers' cash balances: bank transfers that wait for what they pay (https://docs.stripe.com/payments/bank-transfers)."""

from __future__ import annotations

from scripts.stripe_sim import objects
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Part, answers


class Cash(Part):
    @answers("customers.cash_balance.retrieve")
    def retrieve(self, id: str, given: Given) -> Json:
        return objects.cash_balance(id, self._available(self.api.customers.get(id)["id"]))

    @answers("test_helpers.customers.fund_cash_balance", accepts="amount currency reference")
    def fund(self, id: str, given: Given) -> Json:
        """A transfer comes in, and pays what was waiting for it, the oldest first."""
        customer = self.api.customers.get(id)
        entry = self._book(customer["id"], given["currency"].lower(), given["amount"])
        if self._available(id).get(entry["currency"]):
            self.ledger.emit("cash_balance.funds_available", objects.cash_balance(id, self._available(id)))
        for intent in self.ledger.all("payment_intent", customer=id, status="requires_action"):
            if self.ledger.hidden[intent["id"]].get("by_transfer"):
                self._apply(intent)
        return entry

    def pay(self, intent: Json) -> None:
        """A payment by bank transfer: out of what is there, the rest is waited for."""
        self.ledger.hidden[intent["id"]]["by_transfer"] = True
        with self.ledger.changing(intent, "payment_intent.requires_action"):
            intent.update(status="requires_action", next_action=self._instructions(intent, intent["amount"]))
        self._apply(intent)

    def _apply(self, intent: Json) -> None:
        available = self._available(intent["customer"]).get(intent["currency"], 0)
        paid = self.ledger.hidden[intent["id"]].get("paid", 0)
        taken = min(available, intent["amount"] - paid)
        if taken == 0:
            return
        self._book(intent["customer"], intent["currency"], -taken, intent["id"])
        self.ledger.hidden[intent["id"]]["paid"] = paid + taken
        if paid + taken == intent["amount"]:
            self.api.payments.attempt(intent, self.ledger.get("payment_method", intent["payment_method"]))
            return
        with self.ledger.changing(intent, "payment_intent.partially_funded"):
            intent["next_action"] = self._instructions(intent, intent["amount"] - paid - taken)

    def _book(self, customer: str, currency: str, amount: int, intent: str | None = None) -> Json:
        ending = self._available(customer).get(currency, 0) + amount
        entry = objects.cash_entry(
            self.ledger.new_id("ccsbtxn"),
            at=self.ledger.at,
            customer=customer,
            currency=currency,
            amount=amount,
            ending=ending,
            payment_intent=intent,
        )
        self.ledger.hidden[customer].setdefault("cash", {})[currency] = ending
        return self.ledger.add(entry, "customer_cash_balance_transaction.created")

    def _available(self, customer: str) -> dict[str, int]:
        cash: dict[str, int] = self.ledger.hidden[customer].get("cash", {})
        return {currency: amount for currency, amount in cash.items() if amount}

    def _instructions(self, intent: Json, remaining: int) -> Json:
        transfer = {"jpy": "jp_bank_transfer", "eur": "eu_bank_transfer", "gbp": "gb_bank_transfer"}
        return {
            "display_bank_transfer_instructions": {
                "amount_remaining": remaining,
                "currency": intent["currency"],
                "financial_addresses": [],
                "hosted_instructions_url": None,
                "reference": intent["id"][-8:].upper(),
                "type": transfer.get(intent["currency"], "us_bank_transfer"),
            },
            "type": "display_bank_transfer_instructions",
        }
