"""Stripe's invoices, credit notes and tax rates in our words (API 2026-10-28.endive; older shapes where they cost
nothing)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from adapters.stripe_fields import (
    Nothing,
    Payload,
    customer_of,
    decimal_of,
    id_of,
    listed,
    maybe_id,
    maybe_time,
    text_of,
    time_of,
)
from adapters.stripe_payments import invoice_payments
from domain.invoice_facts import (
    Address,
    CreditFigures,
    CreditIssue,
    CreditNoteReport,
    CreditNoteStatus,
    Discount,
    InvoiceReport,
    Issue,
    Items,
    Line,
    Paper,
    Tax,
    TaxRateReport,
    TaxRateTerms,
)
from domain.provider_facts import Contact, Figures, InvoiceStatus, Seen

_PREVIEW = "upcoming"


def invoice_report(invoice: Payload, seen: Seen, type: str = "") -> InvoiceReport:
    if not invoice.get("id") or invoice["id"].startswith(_PREVIEW):
        raise Nothing("a preview of what will come is no invoice")
    is_deleted = type == "invoice.deleted" or bool(invoice.get("deleted"))
    status = InvoiceStatus.VOID if is_deleted else InvoiceStatus(invoice["status"] or "draft")
    return InvoiceReport(
        seen=seen,
        invoice=invoice["id"],
        customer=customer_of(invoice),
        subscription=_subscription(invoice),
        status=status,
        figures=_figures(invoice),
        issue=_issue(invoice, status, seen.at),
        items=_items(invoice, _taxes(invoice)),
        paper=_paper(invoice),
        contact=Contact(invoice.get("customer_email"), invoice.get("customer_name"), is_own=False),
        payments=tuple(invoice_payments(invoice, seen)),
        rates=tuple(_rates(invoice, seen)),
        failed_attempt=max(invoice.get("attempt_count") or 1, 1) if type == "invoice.payment_failed" else None,
        next_attempt_at=maybe_time(invoice.get("next_payment_attempt")),
    )


def preview_of(invoice: Payload) -> tuple[Figures, tuple[Line, ...], bool]:
    """The sums and lines of an invoice that is none yet, and whether these are all of its lines."""
    items = _items(invoice, _taxes(invoice))
    return _figures(invoice), items.lines, items.is_complete


def credit_note_report(note: Payload, seen: Seen, type: str = "") -> CreditNoteReport:
    return CreditNoteReport(
        seen=seen,
        credit_note=note["id"],
        invoice=id_of(note["invoice"]),
        status=CreditNoteStatus(note["status"]),
        figures=_credit_figures(note),
        issue=CreditIssue(
            number=note["number"],
            issued_at=time_of(note.get("effective_at") or note["created"]),
            reason=note.get("reason"),
            voided_at=maybe_time(note.get("voided_at")) if note["status"] == "void" else None,
            refunds=tuple(filter(None, (maybe_id(each.get("refund")) for each in note.get("refunds") or ()))),
        ),
        items=_items(note, _taxes(note)),
        paper=Paper(memo=text_of(note.get("memo"))),
        rates=tuple(_rates(note, seen)),
    )


def tax_rate_report(rate: Payload, seen: Seen, type: str = "") -> TaxRateReport:
    is_flat = rate.get("rate_type") == "flat_amount"
    terms = TaxRateTerms(
        name=text_of(rate.get("display_name")) or "Tax",
        percentage=None if is_flat else decimal_of(rate.get("percentage")),
        inclusive=rate["inclusive"],
        jurisdiction=rate.get("jurisdiction"),
        country=rate.get("country"),
    )
    return TaxRateReport(seen, rate["id"], terms)


# sums


def _figures(invoice: Payload) -> Figures:
    ending = invoice.get("ending_balance")
    return Figures(
        currency=invoice["currency"],
        subtotal=invoice["subtotal"],
        tax=_tax_total(invoice),
        total=invoice["total"],
        amount_due=invoice["amount_due"],
        amount_paid=invoice["amount_paid"],
        discount=_sum(invoice.get("total_discount_amounts")),
        shipping=(invoice.get("shipping_cost") or {}).get("amount_total") or 0,
        credits=_credits(invoice.get("total_pretax_credit_amounts")),
        balance_applied=invoice.get("starting_balance", 0) - ending if ending is not None else None,
        amount_remaining=invoice.get("amount_remaining"),
        amount_overpaid=invoice.get("amount_overpaid") or 0,
        credited_before_payment=invoice.get("pre_payment_credit_notes_amount") or 0,
        credited_after_payment=invoice.get("post_payment_credit_notes_amount") or 0,
    )


def _credit_figures(note: Payload) -> CreditFigures:
    before = note.get("pre_payment_amount")
    is_before = note.get("type") == "pre_payment"
    after = note.get("post_payment_amount")
    return CreditFigures(
        currency=note["currency"],
        subtotal=note["subtotal"],
        discount=note.get("discount_amount") or _sum(note.get("discount_amounts")),
        tax=_tax_total(note),
        total=note["total"],
        before_payment=before if before is not None else note["total"] * is_before,
        after_payment=after if after is not None else note["total"] * (not is_before),
        outside=note.get("out_of_band_amount") or 0,
        shipping=(note.get("shipping_cost") or {}).get("amount_total") or 0,
        credits=_credits(note.get("pretax_credit_amounts")),
    )


def _tax_total(source: Payload) -> int:
    taxes = _taxes(source)
    return sum(tax.amount for tax in taxes) if taxes else source.get("tax") or 0


def _credits(amounts: list[Payload] | None) -> int:
    return _sum(each for each in amounts or () if each["type"] == "credit_balance_transaction")


def _sum(amounts: Iterable[Payload] | None) -> int:
    return sum(each["amount"] for each in amounts or ())


# lines


def _items(source: Payload, taxes: tuple[Tax, ...]) -> Items:
    names = _discount_names(source)
    amounts = source.get("total_discount_amounts") or source.get("discount_amounts")
    return Items(
        lines=tuple(_line(line, source["currency"]) for line in listed(source.get("lines"))),
        discounts=tuple(_discounts(amounts)),
        taxes=taxes,
        is_complete=not (source.get("lines") or {}).get("has_more", False),
    ).named(names)


def _line(line: Payload, currency: str) -> Line:
    period = line.get("period") or {}
    price, product = _price(line)
    quantity = line.get("quantity_decimal") or line.get("quantity")
    return Line(
        reference=line["id"],
        description=text_of(line.get("description")) or "",
        amount=line["amount"],
        currency=line.get("currency", currency),
        quantity=decimal_of(quantity),
        unit_amount=_unit_amount(line),
        period_start=maybe_time(period.get("start")),
        period_end=maybe_time(period.get("end")),
        proration=_is_proration(line),
        price=price,
        product=product,
        discounts=tuple(_discounts(line.get("discount_amounts"))),
        taxes=_taxes(line),
    )


def _price(line: Payload) -> tuple[str | None, str | None]:
    details = (line.get("pricing") or {}).get("price_details") or {}
    former = line.get("price") or {}
    return maybe_id(details.get("price") or former), maybe_id(details.get("product") or former.get("product"))


def _unit_amount(line: Payload) -> object:
    pricing, former = line.get("pricing") or {}, line.get("price") or {}
    for source in (pricing, line, former):
        if (stated := source.get("unit_amount_decimal")) is not None:
            return decimal_of(stated)
    return decimal_of(line.get("unit_amount"))


def _is_proration(line: Payload) -> bool:
    parent = line.get("parent") or {}
    details = parent.get(parent.get("type", "")) or {}
    return bool(details.get("proration") or line.get("proration"))


def _taxes(source: Payload) -> tuple[Tax, ...]:
    """Of a whole invoice, a credit note or a line, by today's names or by the former ones."""
    stated = source.get("total_taxes") or source.get("taxes")
    if stated:
        return tuple(_tax(tax) for tax in stated)
    former = source.get("total_tax_amounts") or source.get("tax_amounts") or ()
    return tuple(
        Tax(tax["amount"], tax["inclusive"], maybe_id(tax.get("tax_rate")), tax.get("taxable_amount")) for tax in former
    )


def _tax(tax: Payload) -> Tax:
    details = tax.get("tax_rate_details") or {}
    return Tax(
        amount=tax["amount"],
        inclusive=tax["tax_behavior"] == "inclusive",
        rate=maybe_id(details.get("tax_rate")),
        taxable=tax.get("taxable_amount"),
        reason=tax.get("taxability_reason"),
    )


def _discounts(amounts: list[Payload] | None) -> Iterator[Discount]:
    for each in amounts or ():
        yield Discount(id_of(each["discount"]), each["amount"])


def _discount_names(source: Payload) -> dict[str, str]:
    """Of those that were expanded."""
    amounts = source.get("total_discount_amounts") or source.get("discount_amounts") or ()
    every = (*(source.get("discounts") or ()), *(each["discount"] for each in amounts))
    return {each["id"]: _discount_name(each) for each in every if isinstance(each, dict)}


def _discount_name(discount: Payload) -> str:
    """What the customer knows it by: the coupon's name, else the code that was typed, else the coupon's id."""
    coupon = (discount.get("source") or {}).get("coupon") or discount.get("coupon") or discount["id"]
    code = discount.get("promotion_code")
    named = text_of(coupon.get("name")) if isinstance(coupon, dict) else None
    return named or (code["code"] if isinstance(code, dict) else None) or id_of(coupon)


def _rates(source: Payload, seen: Seen) -> Iterator[TaxRateReport]:
    """The tax rates that it carries whole."""
    for rate in source.get("default_tax_rates") or ():
        yield tax_rate_report(rate, seen)
    for line in listed(source.get("lines")):
        for rate in line.get("tax_rates") or ():
            yield tax_rate_report(rate, seen)


# the paper


def _issue(invoice: Payload, status: InvoiceStatus, seen_at: datetime) -> Issue:
    transitions = invoice.get("status_transitions") or {}
    is_paid = status is InvoiceStatus.PAID
    return Issue(
        number=invoice.get("number"),
        period_start=time_of(invoice["period_start"]),
        period_end=time_of(invoice["period_end"]),
        issued_at=maybe_time(invoice.get("effective_at") or transitions.get("finalized_at")),
        paid_at=maybe_time(transitions.get("paid_at")) or (seen_at if is_paid else None),
        due_at=maybe_time(invoice.get("due_date")),
        voided_at=maybe_time(transitions.get("voided_at")),
        reason=invoice.get("billing_reason"),
        seller=text_of(invoice.get("account_name")),
    )


def _paper(invoice: Payload) -> Paper:
    address = invoice.get("customer_address") or {}
    return Paper(
        name=text_of(invoice.get("customer_name")),
        email=text_of(invoice.get("customer_email")),
        phone=text_of(invoice.get("customer_phone")),
        address=Address(**{name: text_of(address.get(name)) for name in Address.__dataclass_fields__}),
        tax_ids=tuple((each["type"], each["value"]) for each in invoice.get("customer_tax_ids") or () if each["value"]),
        memo=text_of(invoice.get("description")),
        footer=text_of(invoice.get("footer")),
        fields=tuple((each["name"], each["value"]) for each in invoice.get("custom_fields") or ()),
        pay_url=invoice.get("hosted_invoice_url"),
    )


def _subscription(invoice: Payload) -> str | None:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return maybe_id(details.get("subscription") or invoice.get("subscription"))
