"""Charges, and money that goes back: refunds, and disputes with what the bank decides."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.objects.disputes import FEE, balance_transaction
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, either

WAITS = 600
"""Seconds after which a refund that waits, or that fails, is decided."""
WINNING, LOSING = "winning_evidence", "losing_evidence"
"""What Stripe's test mode reads in `evidence[uncategorized_text]` (https://docs.stripe.com/testing#disputes)."""
_CLOSED = ("won", "lost", "warning_closed")


class Charges(Resource):
    kind, service = "charge", "charges"
    generic = ("retrieve", "list", "search")

    @answers("charges.update", accepts="description fraud_details metadata receipt_email transfer_group")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "charge.updated") as charge:
            copy_fields(charge, given, "description fraud_details metadata receipt_email transfer_group")
        return charge

    @answers("charges.capture", accepts="amount")
    def capture(self, id: str, given: Given) -> Json:
        charge = self.get(id)
        if charge["captured"]:
            raise Refused(f"Charge {id} has already been captured.", code="charge_already_captured")
        amount = given.get("amount", charge["amount"])
        self.api.payments.capture(self.ledger.get("payment_intent", charge["payment_intent"]), amount)
        return charge


class BalanceTransactions(Resource):
    kind, service = "balance_transaction", "balance_transactions"


class Refunds(Resource):
    kind, service = "refund", "refunds"

    @answers("refunds.create", accepts="amount charge metadata payment_intent reason")
    def create(self, given: Given) -> Json:
        charge = self._charge(given)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = given.get("amount", left)
        if charge["refunded"] or not left:
            raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if charge["disputed"]:
            raise Refused(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
            )
        if not 0 < amount <= left:
            raise Refused(
                f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
            )
        return self.make(charge, amount, given)

    @answers("refunds.update", accepts="metadata")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "charge.refund.updated", "refund.updated") as refund:
            copy_fields(refund, given, "metadata")
        return refund

    def due(self, thing: Json) -> Iterator[Due]:
        decided_at = self.ledger.hidden[thing["id"]].get("decided_at")
        if decided_at:
            yield Due(decided_at, self._decide)

    def make(self, charge: Json, amount: int, given: Given) -> Json:
        method = self.ledger.known(charge["payment_method"])
        fate = self.api.payment_methods.behaviour(method).refund if method else "succeeds"
        refund = objects.refund(
            self.ledger.new_id("re"),
            at=self.ledger.at,
            charge=charge,
            amount=amount,
            balance_transaction=None,
            reason=given.get("reason"),
            status="pending" if fate == "waits" else "succeeded",
        )
        copy_fields(refund, given, "metadata")
        refund["balance_transaction"] = self._book(refund, -amount, "refund", "refund")
        if fate != "succeeds":
            self.ledger.hidden[refund["id"]]["decided_at"] = self.ledger.at + WAITS
        self.ledger.add(refund, "refund.created")
        with self.ledger.changing(charge, "charge.refunded"):
            charge["amount_refunded"] += amount
            charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        return refund

    def _decide(self, refund: Json) -> None:
        """The bank has booked a refund that waited, or has sent the money back."""
        del self.ledger.hidden[refund["id"]]["decided_at"]
        if refund["status"] == "pending":
            with self.ledger.changing(refund, "charge.refund.updated", "refund.updated"):
                refund["status"] = "succeeded"
            return
        with self.ledger.changing(refund, "charge.refund.updated", "refund.updated", "refund.failed"):
            refund.update(status="failed", failure_reason="unknown")
            refund["failure_balance_transaction"] = self._book(
                refund, refund["amount"], "refund_failure", "refund_failure"
            )
        with self.ledger.changing(self.ledger.get("charge", refund["charge"]), "charge.updated") as charge:
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False

    def _charge(self, given: Given) -> Json:
        either(given, "charge", "payment_intent")
        if id := given.get("charge"):
            return self.api.charges.get(id, "charge")
        intent = self.api.payment_intents.get(given.get("payment_intent", ""), "payment_intent")
        if intent["status"] != "succeeded":
            raise Refused(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        return self.ledger.get("charge", intent["latest_charge"])

    def _book(self, refund: Json, amount: int, type: str, category: str) -> str:
        booked = balance_transaction(
            self.ledger.new_id("txn"),
            at=self.ledger.at,
            source=refund,
            amount=amount,
            fee=0,
            type=type,
            category=category,
        )
        id: str = self.ledger.add(booked)["id"]
        return id


class Disputes(Resource):
    kind, service = "dispute", "disputes"

    @answers("disputes.update", accepts="evidence metadata submit")
    def update(self, id: str, given: Given) -> Json:
        """Evidence; unless `submit` is false the bank decides by it, as the test mode's magic words say."""
        dispute = self.get(id)
        self._refuse_closed(dispute, "evidence" in given)
        evidence = given.get("evidence") or {}
        submits = bool(evidence) and given.get("submit", True)
        with self.ledger.changing(dispute, "charge.dispute.updated"):
            copy_fields(dispute, given, "metadata")
            dispute["evidence"] |= {name: value or None for name, value in evidence.items()}
            details = dispute["evidence_details"]
            details["has_evidence"] = details["has_evidence"] or bool(evidence)
            if submits:
                details.update(submission_count=details["submission_count"] + 1, submission_method="manual")
                prefix = "warning_" if dispute["status"].startswith("warning_") else ""
                dispute["status"] = f"{prefix}under_review"
        if submits and evidence.get("uncategorized_text") in (WINNING, LOSING):
            self.decide(dispute, won=evidence["uncategorized_text"] == WINNING)
        return dispute

    @answers("disputes.close")
    def close(self, id: str, given: Given) -> Json:
        """The vendor gives in."""
        dispute = self.get(id)
        self._refuse_closed(dispute, True)
        self.decide(dispute, won=False)
        return dispute

    def open(self, charge: Json, reason: str, *, inquiry: bool = False) -> Json:
        """The cardholder's bank disputes a charge and takes the money back for the time being, or only asks."""
        charge["disputed"] = not inquiry
        dispute = objects.dispute(
            self.ledger.new_id("du"), at=self.ledger.at, charge=charge, reason=reason, inquiry=inquiry
        )
        self.ledger.add(dispute, "charge.dispute.created")
        if not inquiry:
            self._move(dispute, returned=False)
        return dispute

    def decide(self, dispute: Json, *, won: bool) -> None:
        """The bank decides: for the vendor, who gets the money again, or for the cardholder. An inquiry just ends."""
        inquiry = dispute["status"].startswith("warning_")
        with self.ledger.changing(dispute, "charge.dispute.closed"):
            dispute["status"] = "warning_closed" if inquiry else "won" if won else "lost"
        if won and not inquiry:
            self._move(dispute, returned=True)

    def due(self, thing: Json) -> Iterator[Due]:
        if thing["status"] in ("needs_response", "warning_needs_response"):
            yield Due(thing["evidence_details"]["due_by"], self._nobody_answered)

    def _nobody_answered(self, dispute: Json) -> None:
        dispute["evidence_details"]["past_due"] = True
        self.decide(dispute, won=False)

    def _move(self, dispute: Json, *, returned: bool) -> None:
        words = "Chargeback reversal" if returned else "Chargeback withdrawal"
        entry = balance_transaction(
            self.ledger.new_id("txn"),
            at=self.ledger.at,
            source=dispute,
            amount=dispute["amount"] if returned else -dispute["amount"],
            fee=0 if returned else FEE,
            type="adjustment",
            category="dispute_reversal" if returned else "dispute",
            description=f"{words} for {dispute['charge']}",
        )
        self.ledger.add(entry)
        event = "charge.dispute.funds_reinstated" if returned else "charge.dispute.funds_withdrawn"
        with self.ledger.changing(dispute, event):
            dispute["balance_transactions"].append(entry)

    @staticmethod
    def _refuse_closed(dispute: Json, concerns_evidence: bool) -> None:
        if concerns_evidence and dispute["status"] in _CLOSED:
            raise Refused("This dispute is already closed", code="dispute_already_closed")
