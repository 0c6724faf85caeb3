"""Credit notes: a finalized invoice is lowered; what was paid goes back, onto the balance, or was given otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.stripe_sim import objects
from scripts.stripe_sim.errors import Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import paged
from scripts.stripe_sim.money import share
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields

_ACCEPTED = (
    "amount credit_amount effective_at email_type invoice lines memo metadata out_of_band_amount reason refund_amount"
)


class CreditNotes(Resource):
    kind, service = "credit_note", "credit_notes"

    @answers("credit_notes.create", accepts=_ACCEPTED)
    def create(self, given: Given) -> Json:
        invoice = self.api.invoices.get(given["invoice"], "invoice")
        note = self._compose(invoice, given)
        self._pay_out(note, invoice, given)
        self.ledger.add(note, "credit_note.created")
        with self.ledger.changing(invoice, "invoice.updated"):
            self._lower(invoice, note)
        if invoice["status"] == "open" and invoice["amount_remaining"] == 0:
            self._close(invoice)
        return note

    @answers("credit_notes.preview", accepts=_ACCEPTED)
    def preview(self, given: Given) -> Json:
        invoice = self.api.invoices.get(given["invoice"], "invoice")
        return self._compose(invoice, given)

    @answers("credit_notes.preview_lines.list", accepts=f"{_ACCEPTED} limit starting_after ending_before")
    def preview_lines(self, given: Given) -> Json:
        invoice = self.api.invoices.get(given["invoice"], "invoice")
        return paged(self._compose(invoice, given)["lines"]["data"], given, "/v1/credit_notes/preview/lines")

    @answers("credit_notes.update", accepts="memo metadata")
    def update(self, id: str, given: Given) -> Json:
        with self.ledger.changing(self.get(id), "credit_note.updated") as note:
            copy_fields(note, given, "memo metadata")
        return note

    @answers("credit_notes.void_credit_note")
    def void(self, id: str, given: Given) -> Json:
        """Only while its invoice is open: then the whole amount is owed again."""
        note = self.get(id)
        invoice = self.api.invoices.get(note["invoice"])
        if note["status"] == "void" or invoice["status"] != "open":
            raise Refused("You can only void a credit note whose invoice is open.")
        with self.ledger.changing(note, "credit_note.voided"):
            note.update(status="void", voided_at=self.ledger.at)
        with self.ledger.changing(invoice, "invoice.updated"):
            self._lower(invoice, {**note, "pre_payment_amount": -note["pre_payment_amount"]})
        return note

    @answers("credit_notes.line_items.list", accepts="limit starting_after ending_before")
    def line_items(self, id: str, given: Given) -> Json:
        note = self.get(id)
        return paged(note["lines"]["data"], given, note["lines"]["url"])

    def _compose(self, invoice: Json, given: Given) -> Json:
        """The note before it is said where the money goes. Raises Refused when it is more than there is."""
        if invoice["status"] not in ("open", "paid", "uncollectible"):
            raise Refused(f"You can only credit finalized invoices; this one is {invoice['status']}.", param="invoice")
        lines = [self._line(each, invoice) for each in given.get("lines", ())]
        lines = lines or self._spread(given.get("amount", invoice["total"]), invoice)
        number = len(self.ledger.all("credit_note", invoice=invoice["id"])) + 1
        note = objects.credit_note(
            self.ledger.new_id("cn"),
            at=self.ledger.at,
            invoice=invoice,
            number=f"{invoice['number']}-CN-{number:02d}",
            lines=lines,
            url=self.api.url,
        )
        copy_fields(note, given, "effective_at memo metadata reason")
        left = invoice["amount_remaining"] if invoice["status"] == "open" else self._creditable(invoice)
        if not 0 < note["total"] <= left:
            raise Refused(
                f"The credit note total ({note['total']}) must be above 0 and at most {left}.", param="amount"
            )
        open_ = invoice["status"] == "open"
        note["pre_payment_amount"], note["post_payment_amount"] = (note["total"], 0) if open_ else (0, note["total"])
        return note

    def _line(self, given: Mapping[str, Any], invoice: Json) -> Json:
        of = given.get("invoice_line_item")
        line = next((each for each in invoice["lines"]["data"] if each["id"] == of), None) if of else None
        if given["type"] == "invoice_line_item" and line is None:
            raise Refused(f"No such line item: '{of}'", code="resource_missing", param="lines[0][invoice_line_item]")
        unit, quantity = given.get("unit_amount"), given.get("quantity", 1 if line is None else line["quantity"])
        if line is None:
            amount = given.get("amount", (unit or 0) * quantity)
        else:
            amount = given.get("amount", share(line["amount"], quantity, line["quantity"] or 1))
        return self._made(amount, given.get("description") or (line or {}).get("description"), quantity, unit, line)

    def _spread(self, total: int, invoice: Json) -> list[Json]:
        """An amount without lines: one line of its own, or all lines when it is the whole invoice."""
        if total == invoice["total"]:
            return [
                self._made(line["amount"], line["description"], line["quantity"], None, line)
                for line in invoice["lines"]["data"]
            ]
        return [self._made(total, "Credit", 1, total, None)]

    def _made(self, amount: int, description: str | None, quantity: int, unit: int | None, line: Json | None) -> Json:
        whole = line["amount"] if line else 0
        discount = sum(each["amount"] for each in line["discount_amounts"]) if line else 0
        taxes = [{**tax, **_part(tax, amount, whole)} for tax in line["taxes"]] if line and whole else []
        return objects.credit_note_line(
            self.ledger.new_id("cnli"),
            amount=amount,
            description=description,
            quantity=quantity,
            unit_amount=unit,
            invoice_line=line["id"] if line else None,
            discount=share(discount, amount, whole) if whole else 0,
            taxes=taxes,
            rates=[self.ledger.get("tax_rate", tax["tax_rate_details"]["tax_rate"]) for tax in taxes],
        )

    def _pay_out(self, note: Json, invoice: Json, given: Given) -> None:
        """What was paid already is refunded, credited to the balance, or was given outside of Stripe."""
        if note["pre_payment_amount"]:
            return
        refund, credit = given.get("refund_amount", 0), given.get("credit_amount", 0)
        outside = given.get("out_of_band_amount", 0)
        if refund + credit + outside != note["total"]:
            raise Refused(
                "The sum of refund amount, credit amount and out of band amount must equal the credit note amount"
                f" ({note['total']}).",
                param="amount",
            )
        customer = self.ledger.get("customer", invoice["customer"])
        charge = self._charge_of(invoice) if refund else {}
        if credit:
            entry = self.api.balances.change(
                customer, -credit, "credit_note", credit_note=note["id"], invoice=invoice["id"]
            )
            note["customer_balance_transaction"] = entry["id"]
        if refund:
            made = self.api.refunds.make(charge, refund, {})
            note["refunds"] = [
                {"amount_refunded": refund, "payment_record_refund": None, "refund": made["id"], "type": "refund"}
            ]
        note["out_of_band_amount"] = outside or None

    def _lower(self, invoice: Json, note: Json) -> None:
        invoice["pre_payment_credit_notes_amount"] += note["pre_payment_amount"]
        invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
        invoice["amount_due"] -= note["pre_payment_amount"]
        invoice["amount_remaining"] -= note["pre_payment_amount"]
        payment = self.api.invoicing.payment_of(invoice)
        if payment and payment["status"] == "open":
            payment["amount_requested"] = invoice["amount_remaining"]
            self.api.invoicing.intent_of(payment)["amount"] = invoice["amount_remaining"]

    def _close(self, invoice: Json) -> None:
        """Nothing is left to pay."""
        payment = self.api.invoicing.payment_of(invoice)
        if payment is not None:
            self.ledger.remove(payment)
            self.api.payments.cancel(self.api.invoicing.intent_of(payment), "automatic")
        self.api.collection.paid(invoice)

    def _creditable(self, invoice: Json) -> int:
        left: int = invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
        return left

    def _charge_of(self, invoice: Json) -> Json:
        payment = self.api.invoicing.payment_of(invoice)
        if payment is None or payment["status"] != "paid":
            raise Refused("This invoice has no payment to refund.", param="refund_amount")
        return self.ledger.get("charge", self.api.invoicing.intent_of(payment)["latest_charge"])


def _part(tax: Json, amount: int, whole: int) -> Json:
    return {
        "amount": share(tax["amount"], amount, whole),
        "taxable_amount": share(tax["taxable_amount"], amount, whole),
    }
