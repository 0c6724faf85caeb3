"""Money that goes back: refunds, and disputes with what the bank decides."""

from __future__ import annotations

from scripts.stripe_sim import objects
from scripts.stripe_sim.collecting import Collecting
from scripts.stripe_sim.ledger import Json, Refused, verb


class Returning(Collecting):
    """Verbs about payments that were made. None of them names the invoice in its events: Stripe does not either."""

    @verb
    def refund(self, invoice: str, *, amount: int | None = None) -> None:
        """Give back a part of a paid invoice in minor units, or all that is left of it."""
        charge = self._charge_of(invoice)
        left = charge["amount"] - charge["amount_refunded"]
        given = left if amount is None else amount
        if charge["disputed"] or not 0 < given <= left:
            raise Refused(f"Charge {charge['id']} cannot be refunded by {given}.")
        with self._by_request():
            refund = objects.refund(
                self._id("re"), at=self.at, charge=charge, amount=given, balance_transaction=self._id("txn")
            )
            self._emit("refund.created", self._add(refund))
            with self._changing(charge, "charge.refunded"):
                charge["amount_refunded"] += given
                charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    @verb
    def dispute(self, invoice: str, *, reason: str = "fraudulent") -> None:
        """The cardholder's bank disputes the payment of an invoice and takes the money back for the time being."""
        charge = self._charge_of(invoice)
        if charge["disputed"]:
            raise Refused(f"Charge {charge['id']} is disputed already.")
        charge["disputed"] = True
        dispute = self._add(objects.dispute(self._id("du"), at=self.at, charge=charge, reason=reason))
        self._emit("charge.dispute.created", dispute)
        self._move(dispute, returned=False)

    @verb
    def close_dispute(self, dispute: str, *, won: bool) -> None:
        """The bank decides: for the vendor, who gets the money again, or for the cardholder."""
        thing = self._get("dispute", dispute)
        if thing["status"] in ("won", "lost"):
            raise Refused(f"Dispute {dispute} is {thing['status']}.")
        with self._changing(thing, "charge.dispute.closed"):
            thing["status"] = "won" if won else "lost"
        if won:
            self._move(thing, returned=True)

    def _move(self, dispute: Json, *, returned: bool) -> None:
        event = "charge.dispute.funds_reinstated" if returned else "charge.dispute.funds_withdrawn"
        with self._changing(dispute, event):
            dispute["balance_transactions"].append(
                objects.balance_transaction(self._id("txn"), at=self.at, dispute=dispute, returned=returned)
            )

    def _charge_of(self, invoice: str) -> Json:
        payment = self._payment_of(self._get("invoice", invoice))
        if payment is None or payment["status"] != "paid":
            raise Refused(f"Invoice {invoice} has no payment.")
        intent = self._get("payment_intent", payment["payment"]["payment_intent"])
        return self._get("charge", intent["latest_charge"])
