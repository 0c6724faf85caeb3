"""Invoices as the API has them: made by hand, changed while they are drafts, finalized, paid, sent, voided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import CardError, Refused
from scripts.stripe_sim.ledger import Json
from scripts.stripe_sim.listing import paged
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.resources.resource import Resource, answers, copy_fields, merged

_FIELDS = "custom_fields description footer metadata statement_descriptor"
_ACCEPTED = (
    f"{_FIELDS} auto_advance automatically_finalizes_at collection_method days_until_due default_payment_method"
    " default_source default_tax_rates discounts due_date effective_at number"
)


def _subscription_of(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription")


class Invoices(Resource):
    kind, service = "invoice", "invoices"
    generic = ("retrieve", "list", "search")
    filters = {"subscription": lambda invoice, wanted: _subscription_of(invoice) == wanted}
    rank = 7

    @answers("invoices.create", accepts=f"{_ACCEPTED} currency customer pending_invoice_items_behavior subscription")
    def create(self, given: Given) -> Json:
        customer = self.api.customers.get(given.get("customer", ""), "customer")
        subscription = (
            self.api.subscriptions.get(given["subscription"], "subscription") if "subscription" in given else None
        )
        waits = given.get("pending_invoice_items_behavior", "exclude") == "include"
        waiting = self.api.invoice_items.waiting(customer["id"], given.get("subscription")) if waits else []
        currency = self._currency(given, customer, waiting)
        self.api.tax_rates.named(given.get("default_tax_rates", ()))
        self.api.customers.note_currency(customer, currency)
        invoice = self.api.invoicing.draft(
            customer,
            currency,
            self.api.lines.of_waiting(waiting),
            discounts=self.api.discounts.redeem(given.get("discounts", ()), customer),
            reason="manual",
            period=(self.ledger.at, self.ledger.at),
            subscription=subscription,
            auto_advance=given.get("auto_advance", False),
        )
        for each in waiting:
            each["invoice"] = invoice["id"]
        self._take_over(invoice, given)
        return invoice

    @answers("invoices.update", accepts=_ACCEPTED)
    def update(self, id: str, given: Given) -> Json:
        invoice = self.get(id)
        if invoice["status"] != "draft" and given.keys() - {"metadata", "auto_advance", "default_payment_method"}:
            raise Refused(f"Finalized invoices can't be updated in this way: {id}.", code="invoice_not_editable")
        with self.ledger.changing(invoice, "invoice.updated"):
            self._take_over(invoice, given)
        return invoice

    @answers("invoices.delete")
    def delete(self, id: str, given: Given) -> Json:
        invoice = self._in_status(id, "draft")
        if _subscription_of(invoice):
            raise Refused("You can only delete one-off invoices that are drafts.", code="invoice_not_editable")
        self.api.invoicing.discard(invoice)
        return {"id": id, "object": "invoice", "deleted": True}

    @answers("invoices.finalize_invoice", accepts="auto_advance")
    def finalize(self, id: str, given: Given) -> Json:
        invoice = self._in_status(id, "draft")
        copy_fields(invoice, given, "auto_advance")
        self.api.invoicing.finalize(invoice)
        if invoice["amount_due"] == 0:
            self.api.collection.paid(invoice)
        elif invoice["auto_advance"]:
            with self.ledger.changing(invoice):
                invoice["next_payment_attempt"] = self.ledger.at + 3600
        return invoice

    @answers("invoices.pay", accepts="off_session paid_out_of_band payment_method source")
    def pay(self, id: str, given: Given) -> Json:
        """Raises CardError when the payment is declined, or wants its owner."""
        invoice = self._in_status(id, "draft", "open", "uncollectible")
        customer = self.api.customers.get(invoice["customer"])
        named = given.get("payment_method") or given.get("source")
        method = self.api.payment_methods.owned(named, customer) if named else self.api.collection.method_for(invoice)
        if method is None and not given.get("paid_out_of_band") and invoice["total"] > 0:
            raise Refused(
                "There is no `default_payment_method` set on this Customer or Invoice. Please create a PaymentMethod,"
                " attach it to the Customer, and set it as the default.",
                code="invoice_no_payment_method_types",
            )
        if invoice["status"] == "draft":
            self.api.invoicing.finalize(invoice)
        self._collect(invoice, method, out_of_band=bool(given.get("paid_out_of_band")))
        return invoice

    @answers("invoices.send_invoice")
    def send(self, id: str, given: Given) -> Json:
        invoice = self._in_status(id, "draft", "open")
        if invoice["collection_method"] != "send_invoice":
            raise Refused("You can only manually send an invoice if its collection method is 'send_invoice'.")
        if invoice["status"] == "draft":
            self.api.invoicing.finalize(invoice)
        self.ledger.emit("invoice.sent", invoice)
        return invoice

    @answers("invoices.void_invoice")
    def void(self, id: str, given: Given) -> Json:
        invoice = self._in_status(id, "open", "uncollectible")
        self.api.invoicing.void(invoice)
        return invoice

    @answers("invoices.mark_uncollectible")
    def mark_uncollectible(self, id: str, given: Given) -> Json:
        invoice = self._in_status(id, "open")
        self.api.invoicing.write_off(invoice)
        return invoice

    @answers("invoices.add_lines", accepts="invoice_metadata lines")
    def add_lines(self, id: str, given: Given) -> Json:
        """Each line becomes an invoice item of this draft."""
        invoice = self._in_status(id, "draft")
        items = [self._item_of(each, invoice) for each in given["lines"]]
        with self.ledger.changing(invoice, "invoice.updated"):
            if "invoice_metadata" in given:
                invoice["metadata"] = merged(invoice["metadata"], given["invoice_metadata"])
            self.api.invoicing.redraft(invoice, self.api.lines.of_waiting(items))
        return invoice

    @answers("invoices.line_items.list", accepts="limit starting_after ending_before")
    def line_items(self, id: str, given: Given) -> Json:
        invoice = self.get(id)
        return paged(invoice["lines"]["data"], given, invoice["lines"]["url"])

    @answers(
        "invoices.create_preview",
        accepts="currency customer discounts invoice_items.amount invoice_items.currency invoice_items.description"
        " invoice_items.price invoice_items.price_data invoice_items.quantity preview_mode schedule subscription"
        " subscription_details.billing_cycle_anchor.type subscription_details.cancel_at_period_end"
        " subscription_details.cancel_now subscription_details.default_tax_rates subscription_details.items"
        " subscription_details.metadata subscription_details.proration_behavior subscription_details.proration_date"
        " subscription_details.start_date subscription_details.trial_end",
    )
    def create_preview(self, given: Given) -> Json:
        return self.api.previews.preview(given)

    def due(self, thing: Json) -> Iterable[Due]:
        return () if thing.get("deleted") else self.api.collection.due(thing)

    def _collect(self, invoice: Json, method: Json | None, *, out_of_band: bool) -> None:
        if invoice["amount_due"] == 0 or out_of_band:
            self.api.collection.paid(invoice, out_of_band=out_of_band)
            return
        self.api.collection.attempt(invoice, method)
        payment = self.api.invoicing.payment_of(invoice)
        intent = self.api.invoicing.intent_of(payment) if payment else None
        if intent and intent["status"] == "requires_action":
            raise CardError(
                "This payment requires additional user action before it can be completed successfully. Payment can be"
                " completed using the PaymentIntent associated with the invoice.",
                code="invoice_payment_intent_requires_action",
            )
        if intent and intent["status"] == "requires_payment_method":
            error = intent["last_payment_error"]
            raise CardError(
                error["message"],
                code=error["code"],
                decline_code=error.get("decline_code"),
                payment_intent=self.ledger.lookup(intent["id"]),
            )

    def _take_over(self, invoice: Json, given: Given) -> None:
        copy_fields(invoice, given, f"{_FIELDS} auto_advance collection_method due_date effective_at number")
        copy_fields(invoice, given, "default_payment_method default_source")
        if "days_until_due" in given:
            self.ledger.hidden[invoice["id"]]["days_until_due"] = given["days_until_due"]
        if "auto_advance" in given or "automatically_finalizes_at" in given:
            soon = self.ledger.at + 3600 if given.get("auto_advance") else None
            invoice["automatically_finalizes_at"] = given.get("automatically_finalizes_at", soon)
            charges = invoice["collection_method"] == "charge_automatically"
            invoice["next_payment_attempt"] = invoice["automatically_finalizes_at"] if charges else None
        if "default_tax_rates" in given:
            invoice["default_tax_rates"] = self.api.tax_rates.named(given["default_tax_rates"])
        if "discounts" in given and invoice["status"] == "draft" and not invoice["discounts"]:
            customer = self.ledger.get("customer", invoice["customer"])
            invoice["discounts"] = self.api.discounts.redeem(given["discounts"], customer, invoice=invoice["id"])
        if "default_tax_rates" in given or "discounts" in given:
            self.api.invoicing.redraft(invoice, [])

    def _item_of(self, given: Mapping[str, Any], invoice: Json) -> Json:
        if existing := given.get("invoice_item"):
            item = self.api.invoice_items.get(existing, "lines")
        else:
            item = self.api.invoice_items.make(self.ledger.get("customer", invoice["customer"]), given)
        item["invoice"] = invoice["id"]
        return item

    def _currency(self, given: Given, customer: Json, waiting: list[Json]) -> str:
        named = given.get("currency") or (waiting[0]["currency"] if waiting else customer["currency"])
        return str(named or "usd").lower()

    def _in_status(self, id: str, *statuses: str) -> Json:
        invoice = self.get(id)
        if invoice["status"] not in statuses:
            code = "invoice_already_paid" if invoice["status"] == "paid" else "invoice_not_editable"
            raise Refused(f"Invoice {id} is {invoice['status']}, not {' or '.join(statuses)}.", code=code)
        return invoice


class InvoicePayments(Resource):
    kind, service = "invoice_payment", "invoice_payments"
