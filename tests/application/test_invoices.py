"""What providers' reports about money become: facts that add up, in any order, and nothing lost."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.bootstrap import Services
from adapters.stripe_client import Stripe
from adapters.stripe_gateway import StripeGateway
from application.paper_document import invoice_paper
from domain.credit_note import CreditNote
from domain.ids import credit_note_id_for, invoice_id_for, payment_id_for
from domain.invoice import Invoice
from domain.invoice_sums import Doubt
from domain.license import Status
from domain.payment import Payment, PaymentStatus
from domain.payment_facts import RefundStatus
from domain.provider_event import Status as EventStatus
from domain.provider_facts import InvoiceStatus
from scripts.stripe_sim import StripeAccount
from tests.application.test_billing import PRO, START, Engine, bought
from tests.stripe_answers import answering
from tests.stripe_money import credit_note, event, newest, tax, tax_rate, with_lines, with_sums

HOUR = timedelta(hours=1)


@pytest.fixture
def engine(services) -> Engine:
    return Engine(services)


@pytest.fixture
def stripe() -> StripeAccount:
    account = StripeAccount(seed=1, now=START)
    account.price(PRO, amount=9900, lookup_key="pro-monthly")
    return account


def mirrored(engine: Engine, invoice: dict[str, Any]) -> Invoice:
    return engine.services.store.fetch(Invoice, invoice_id_for("stripe", invoice["id"]))


def payment_of(engine: Engine, stripe: StripeAccount) -> Payment:
    """The newest."""
    return engine.services.store.fetch(Payment, payment_id_for("stripe", newest(stripe, "payment_intent")["id"]))


def told(stripe: StripeAccount, type: str, about: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An event one hour after all others."""
    stripe.advance(HOUR)
    return event(type, about, at=stripe.at, **changes)


def refund_of(stripe: StripeAccount, **changes: Any) -> dict[str, Any]:
    return {**newest(stripe, "refund"), **changes}


# invoices


def test_a_purchase_is_mirrored_with_its_line_its_payment_and_its_attempt(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice, payment = mirrored(engine, newest(stripe, "invoice")), payment_of(engine, stripe)
    (line,) = invoice.items.lines
    assert (line.amount, line.quantity, line.unit_amount, line.price) == (9900, Decimal(1), Decimal(9900), PRO)
    assert line.period_end is not None and not line.proration
    assert invoice.payments == (payment.id,) and payment.applications[invoice.id].amount_paid == 9900
    (attempt,) = payment.attempts.values()
    assert (payment.status, attempt.method, attempt.brand) == (PaymentStatus.SUCCEEDED, "card", "visa")
    assert (invoice.figures.remaining, invoice.doubts) == (0, ())
    assert payment.organization_id == invoice.organization_id


def test_a_change_in_the_middle_of_a_period_states_its_prorations(engine, stripe):
    sub = bought(stripe)
    stripe.advance(timedelta(days=10))
    stripe.change_quantity(sub, 3, proration_behavior="always_invoice")
    engine.now = stripe.now
    engine.feed(stripe.events)
    invoice = mirrored(engine, newest(stripe, "invoice"))
    credit, charge = invoice.items.lines
    assert credit.proration and charge.proration
    assert (credit.amount < 0 < charge.amount, invoice.figures.total) == (True, credit.amount + charge.amount)
    assert invoice.doubts == ()


def test_an_invoice_of_credits_only_is_owed_to_the_customer(engine, stripe):
    sub = bought(stripe, quantity=5)
    stripe.advance(timedelta(days=10))
    stripe.change_quantity(sub, 1, proration_behavior="always_invoice")
    engine.now = stripe.now
    engine.feed(stripe.events)
    invoice = mirrored(engine, newest(stripe, "invoice"))
    assert invoice.figures.total < 0 == invoice.figures.amount_due
    assert (invoice.status, invoice.payments, invoice.doubts) == (InvoiceStatus.PAID, (), ())
    assert invoice.figures.balance_applied == -invoice.figures.total


def test_taxes_and_discounts_are_kept_by_line_and_in_all(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    line_tax = tax(1710, taxable=9000)
    invoice = with_lines(
        newest(stripe, "invoice"),
        [{"discount_amounts": [{"amount": 900, "discount": "di_welcome"}], "taxes": [line_tax]}],
        discount=900,
        taxes=(line_tax,),
        default_tax_rates=[tax_rate()],
    )
    engine.feed([told(stripe, "invoice.updated", invoice)])
    whole = engine.services.invoices.whole(mirrored(engine, invoice).id)
    (line,), figures = whole.invoice.items.lines, whole.invoice.figures
    assert (line.discounts[0].amount, line.taxes[0].amount, figures.discount, figures.tax) == (900, 1710, 900, 1710)
    assert (figures.total, whole.invoice.doubts) == (10710, ())
    assert (whole.rates["txr_vat"].name, whole.rates["txr_vat"].percentage) == ("VAT", Decimal("19.0"))


def test_a_tax_that_is_contained_in_the_prices_does_not_come_on_top(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice = with_sums(newest(stripe, "invoice"), taxes=(tax(1581, taxable=8319, inclusive=True),))
    engine.feed([told(stripe, "invoice.updated", invoice)])
    assert (mirrored(engine, invoice).figures.tax, mirrored(engine, invoice).doubts) == (1581, ())


def test_what_stripe_adds_up_wrongly_is_kept_flagged_and_cleared_when_it_is_mended(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    right = newest(stripe, "invoice")
    engine.feed([told(stripe, "invoice.updated", {**right, "total": 9800})])
    doubted = mirrored(engine, right)
    assert (doubted.figures.total, doubted.doubts) == (9800, (Doubt.TOTAL, Doubt.DUE))
    engine.feed([told(stripe, "invoice.updated", right)])
    assert mirrored(engine, right).doubts == ()


def test_an_invoice_of_which_only_the_first_lines_came_is_flagged_until_all_have(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    whole = with_lines(newest(stripe, "invoice"), [{"amount": 100, "subtotal": 100}] * 12)
    first = {**whole, "lines": {**whole["lines"], "data": whole["lines"]["data"][:10], "has_more": True}}
    engine.feed([told(stripe, "invoice.updated", first)])
    assert mirrored(engine, whole).doubts == (Doubt.LINES_INCOMPLETE,)
    engine.feed([told(stripe, "invoice.updated", whole)])
    engine.feed([told(stripe, "invoice.updated", first)])
    assert (len(mirrored(engine, whole).items.lines), mirrored(engine, whole).doubts) == (12, ())


def test_a_draft_that_was_deleted_is_owed_by_nobody(engine, stripe):
    bought(stripe)
    draft = next(e for e in stripe.events if e["type"] == "invoice.created")["data"]["object"]
    before = [e for e in stripe.events if not e["type"].startswith(("invoice", "charge", "payment_intent"))]
    engine.feed([*before, event("invoice.created", draft, at=stripe.at)])
    engine.feed([told(stripe, "invoice.deleted", draft)])
    assert mirrored(engine, draft).status is InvoiceStatus.VOID


def test_a_preview_of_what_will_come_is_never_an_invoice(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice = {**newest(stripe, "invoice"), "id": "upcoming_in_1", "status": "draft"}
    upcoming = told(stripe, "invoice.upcoming", invoice)
    strange = told(stripe, "invoice.updated", invoice)
    engine.feed([upcoming, strange])
    assert engine.event(upcoming).status is engine.event(strange).status is EventStatus.IGNORED
    assert engine.event(strange).problem == "a preview of what will come is no invoice"
    assert engine.services.store.find(Invoice, invoice_id_for("stripe", "upcoming_in_1")) is None


@pytest.mark.parametrize(("currency", "amount", "text"), [("jpy", 9900, "9,900 JPY"), ("bhd", 9900, "9.900 BHD")])
def test_currencies_of_no_and_of_three_decimals_keep_their_minor_units(engine, stripe, currency, amount, text):
    bought(stripe)
    engine.feed(stripe.events)
    invoice = with_lines({**newest(stripe, "invoice"), "currency": currency}, [{"currency": currency}])
    engine.feed([told(stripe, "invoice.updated", invoice)])
    figures = mirrored(engine, invoice).figures
    assert (figures.currency, figures.total, mirrored(engine, invoice).doubts) == (currency, amount, ())


def test_a_line_of_another_currency_is_flagged(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice = with_lines(newest(stripe, "invoice"), [{"currency": "eur"}])
    engine.feed([told(stripe, "invoice.updated", invoice)])
    assert mirrored(engine, invoice).doubts == (Doubt.CURRENCIES,)


def test_an_invoice_of_a_foreign_customer_makes_an_organization_of_its_own(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    parent = {"quote_details": None, "subscription_details": None, "type": "quote_details"}
    foreign = {**newest(stripe, "invoice"), "id": "in_foreign", "customer": "cus_foreign", "parent": parent}
    engine.feed([told(stripe, "invoice.paid", foreign)])
    invoice = mirrored(engine, foreign)
    assert (invoice.status, invoice.subscription_id) == (InvoiceStatus.PAID, None)
    assert invoice.organization_id != mirrored(engine, newest(stripe, "invoice")).organization_id


# payments


def test_an_invoice_is_paid_in_parts_by_several_payments(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice, payment = newest(stripe, "invoice"), newest(stripe, "invoice_payment")
    parts = [("pi_first", 4000), ("pi_second", 5000)]
    for name, amount in parts:
        of = {"payment_intent": name, "type": "payment_intent"}
        part = {**payment, "id": f"inpay_{name}", "amount_paid": amount, "amount_requested": amount, "payment": of}
        engine.feed([told(stripe, "invoice_payment.paid", part)])
    record = {"payment_record": "pyr_cheque", "type": "payment_record"}
    outside = {**payment, "id": "inpay_3", "amount_paid": 900, "amount_requested": 900, "payment": record}
    engine.feed([told(stripe, "invoice_payment.paid", outside)])
    whole = engine.services.invoices.whole(mirrored(engine, invoice).id)
    applied = {each.provider_id: each.applications[whole.invoice.id].amount_paid for each in whole.payments}
    assert {**dict(parts), "pyr_cheque": 900}.items() <= applied.items()
    outside_of_stripe = whole.payments[-1]
    assert (outside_of_stripe.status, outside_of_stripe.attempts) == (PaymentStatus.SUCCEEDED, {})


def test_a_confirmation_that_the_customer_failed_is_an_attempt_without_a_charge(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    error = {"code": "payment_intent_authentication_failure", "type": "card_error", "message": "No."}
    intent = {**newest(stripe, "payment_intent"), "id": "pi_3ds", "status": "requires_payment_method"}
    failed = told(stripe, "payment_intent.payment_failed", {**intent, "last_payment_error": error}, checked=False)
    engine.feed([failed])
    payment = engine.services.store.fetch(Payment, payment_id_for("stripe", "pi_3ds"))
    (attempt,) = payment.attempts.values()
    assert (payment.status, attempt.code) == (PaymentStatus.FAILED, "payment_intent_authentication_failure")


def test_a_guests_payment_is_ignored_with_the_reason(engine, stripe):
    bought(stripe)
    guest = {**newest(stripe, "charge"), "id": "ch_guest", "customer": None, "payment_intent": None}
    charged = told(stripe, "charge.succeeded", guest)
    engine.feed([charged])
    assert engine.event(charged).status is EventStatus.IGNORED
    assert "guest" in engine.event(charged).problem


def test_a_hold_that_was_never_taken_is_neither_paid_nor_refunded(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    held = {**newest(stripe, "charge"), "id": "ch_held", "payment_intent": "pi_held", "captured": False}
    held |= {"amount_captured": 0}
    engine.feed([told(stripe, "charge.succeeded", held)])
    payment = engine.services.store.fetch(Payment, payment_id_for("stripe", "pi_held"))
    assert payment.status is PaymentStatus.AUTHORIZED
    released = {**held, "amount_refunded": 9900, "refunded": True}
    engine.feed([told(stripe, "charge.refunded", released), told(stripe, "charge.expired", released)])
    payment = engine.services.store.fetch(Payment, payment.id)
    assert (payment.status, payment.has_consequences) == (PaymentStatus.FAILED, False)


# refunds


def test_a_refund_that_the_bank_sends_back_gives_the_licence_back(engine, stripe):
    sub = bought(stripe)
    stripe.advance(HOUR)
    stripe.refund(newest(stripe, "invoice")["id"])
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert (engine.status(sub), engine.license(sub).suspended_reason) == (Status.SUSPENDED, "payment_refunded")
    failed = refund_of(stripe, status="failed", failure_reason="expired_or_canceled_card")
    engine.feed([told(stripe, "refund.failed", failed)])
    assert engine.status(sub) is Status.ACTIVE
    (refund,) = payment_of(engine, stripe).refunds.values()
    assert (refund.status, refund.failure) == (RefundStatus.FAILED, "expired_or_canceled_card")
    assert mirrored(engine, newest(stripe, "invoice")).amount_refunded == 0


def test_a_refund_that_is_pending_counts_and_is_shown_as_such(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    stripe.refund(newest(stripe, "invoice")["id"], amount=400)
    pending = refund_of(stripe, status="pending")
    engine.feed([told(stripe, "refund.created", pending)])
    (refund,) = payment_of(engine, stripe).refunds.values()
    assert (refund.status, mirrored(engine, newest(stripe, "invoice")).amount_refunded) == (RefundStatus.PENDING, 400)
    engine.feed([told(stripe, "refund.updated", refund_of(stripe))])
    (refund,) = payment_of(engine, stripe).refunds.values()
    assert refund.status is RefundStatus.SUCCEEDED


def test_more_refunded_than_was_paid_is_kept_and_flagged(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    stripe.refund(newest(stripe, "invoice")["id"], amount=400)
    engine.feed([told(stripe, "refund.created", refund_of(stripe, amount=99_000))])
    assert mirrored(engine, newest(stripe, "invoice")).doubts == (Doubt.REFUNDED,)


def test_a_refund_that_comes_before_its_payment_waits_and_is_woken_by_it(engine, stripe):
    sub = bought(stripe)
    stripe.advance(HOUR)
    stripe.refund(newest(stripe, "invoice")["id"])
    refunds = [e for e in stripe.events if e["type"] == "refund.created"]
    engine.now = stripe.now
    engine.feed(refunds)
    assert engine.event(refunds[0]).waiting_for == f"payment/{newest(stripe, 'payment_intent')['id']}"
    engine.feed([e for e in stripe.events if e["type"] not in ("refund.created", "charge.refunded")])
    assert engine.event(refunds[0]).status is EventStatus.PROCESSED
    assert engine.license(sub).suspended_reason == "payment_refunded"


# disputes


def test_a_dispute_is_kept_with_its_money_and_what_the_bank_decides(engine, stripe):
    sub = bought(stripe)
    stripe.advance(HOUR)
    dispute = stripe.dispute(newest(stripe, "invoice")["id"]).the("dispute")["id"]
    engine.now = stripe.now
    engine.feed(stripe.events)
    taken = payment_of(engine, stripe)
    assert [funds.amount for funds in taken.funds[dispute].values()] == [-9900]
    assert engine.license(sub).suspended_reason == "payment_disputed"
    stripe.advance(HOUR)
    stripe.close_dispute(dispute, won=True)
    engine.now = stripe.now
    engine.feed(stripe.events)
    payment = payment_of(engine, stripe)
    assert sorted(funds.amount for funds in payment.funds[dispute].values()) == [-9900, 9900]
    assert (payment.disputes[dispute].stage, engine.status(sub)) == ("won", Status.ACTIVE)


def test_an_appeal_opens_a_lost_dispute_again(engine, stripe):
    sub = bought(stripe)
    stripe.advance(HOUR)
    dispute = stripe.dispute(newest(stripe, "invoice")["id"]).the("dispute")["id"]
    stripe.close_dispute(dispute, won=False)
    engine.now = stripe.now
    engine.feed(stripe.events)
    assert engine.license(sub).suspended_reason == "dispute_lost"
    appealed = {**newest(stripe, "dispute"), "status": "appeal_under_review"}
    engine.feed([told(stripe, "charge.dispute.updated", appealed)])
    assert engine.license(sub).suspended_reason == "payment_disputed"
    engine.feed([told(stripe, "charge.dispute.closed", {**appealed, "status": "won"})])
    assert engine.status(sub) is Status.ACTIVE


# credit notes


def test_a_credit_note_is_a_document_of_its_own_that_hangs_on_its_invoice(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    invoice = newest(stripe, "invoice")
    note = credit_note(invoice, 500)
    engine.feed([told(stripe, "credit_note.created", note)])
    stored = engine.services.store.fetch(CreditNote, credit_note_id_for("stripe", note["id"]))
    assert (stored.figures.total, stored.figures.after_payment, stored.doubts) == (500, 500, ())
    assert mirrored(engine, invoice).credit_notes == (stored.id,)
    assert engine.services.invoice_papers.find(stored.id).memo == "With our apologies"
    engine.feed([told(stripe, "credit_note.voided", {**note, "status": "void", "voided_at": stripe.at})])
    assert engine.services.store.fetch(CreditNote, stored.id).issue.voided_at is not None


def test_a_credit_note_that_comes_before_its_invoice_waits_for_it(engine, stripe):
    bought(stripe)
    invoice = newest(stripe, "invoice")
    early = event("credit_note.created", credit_note(invoice, 500), at=stripe.at)
    engine.feed([early])
    assert engine.event(early).waiting_for == f"invoice/{invoice['id']}"
    engine.feed(stripe.events)
    assert engine.event(early).status is EventStatus.PROCESSED


# whose it is, and what is kept of them


def test_everything_goes_over_when_the_customer_turns_out_to_be_somebody_elses(engine, stripe):
    sub = bought(stripe)
    engine.feed(stripe.events)
    invoice = newest(stripe, "invoice")
    note = credit_note(invoice, 500)
    engine.feed([told(stripe, "credit_note.created", note)])
    registered = engine.services.users.register(
        email="ada@example.com", password="correct horse battery", full_name="Ada", company_name="Ada Ltd"
    )
    link = engine.services.users.verification_link(registered.user_id)
    engine.services.users.verify_email(link.url.split("token=")[1])
    engine.services.errands._claims.claim(registered.user_id)
    stored = engine.services.store.fetch(CreditNote, credit_note_id_for("stripe", note["id"]))
    owners = {mirrored(engine, invoice).organization_id, payment_of(engine, stripe).organization_id}
    assert owners | {stored.organization_id, engine.license(sub).organization_id} == {registered.organization_id}
    kept = engine.services.database.fetch_all("select distinct organization_id from invoice_papers")
    assert [row["organization_id"] for row in kept] == [registered.organization_id]


def test_no_name_and_no_address_is_in_the_log(engine, stripe):
    bought(stripe, name="Ada Lovelace", email="ada@lovelace.example")
    engine.feed(stripe.events)
    invoice = newest(stripe, "invoice") | {
        "customer_phone": "+44 20 7946 0000",
        "customer_tax_ids": [{"type": "eu_vat", "value": "DE123456789"}],
        "description": "For the attention of Charles Babbage",
        "footer": "Babbage pays",
        "custom_fields": [{"name": "Buyer", "value": "Ada herself"}],
    }
    note = credit_note(invoice, 500, memo="Sorry, Ada")
    engine.feed([told(stripe, "invoice.updated", invoice), told(stripe, "credit_note.created", note)])
    told_of = ("lovelace", "7946", "DE123456789", "Babbage", "herself", "Sorry")
    sql = "select count(*) as n from stored_events where state::text ilike any(%s)"
    found = engine.services.database.fetch_one(sql, ([f"%{word}%" for word in told_of],))
    assert found["n"] == 0
    paper = engine.services.invoice_papers.find(mirrored(engine, invoice).id)
    assert (paper.name, paper.fields, paper.tax_ids) == (
        "Ada Lovelace",
        (("Buyer", "Ada herself"),),
        (("eu_vat", "DE123456789"),),
    )


# order


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_repetition_of_reports_about_money_ends_in_the_same_facts(services, stripe, seed):
    sub = bought(stripe)
    invoice = newest(stripe, "invoice")
    stripe.advance(HOUR)
    stripe.refund(invoice["id"], amount=1000)
    failed = refund_of(stripe, status="failed", failure_reason="declined")
    late = [told(stripe, "refund.failed", failed)]
    stripe.refund(invoice["id"], amount=700)
    stripe.advance(HOUR)
    dispute = stripe.dispute(invoice["id"]).the("dispute")["id"]
    stripe.close_dispute(dispute, won=True)
    note = credit_note(invoice, 500)
    late += [
        told(stripe, "credit_note.created", note),
        told(stripe, "credit_note.updated", {**note, "memo": None}),
        told(stripe, "invoice.updated", {**invoice, "post_payment_credit_notes_amount": 500}),
    ]
    stripe.fail_renewal(sub)
    engine = Engine(services)
    engine.now = stripe.now
    events = [*stripe.events, *late] * 2
    if seed:
        random.Random(seed).shuffle(events)
    engine.feed(events)
    engine.sweep()
    first, second = (e["data"]["object"] for e in stripe.events if e["type"] == "invoice.created")
    paid, owed = mirrored(engine, first), mirrored(engine, second)
    assert (paid.amount_refunded, paid.figures.credited, len(paid.credit_notes), paid.doubts) == (700, 500, 1, ())
    payment = services.store.fetch(Payment, paid.payments[0])
    assert sorted((each.amount, each.status.value) for each in payment.refunds.values()) == [
        (700, "succeeded"),
        (1000, "failed"),
    ]
    assert sorted(funds.amount for funds in payment.funds[dispute].values()) == [-9200 + 1000, 9200 - 1000]
    assert payment.disputes[dispute].stage == "won"
    (declined,) = (services.store.fetch(Payment, id) for id in owed.payments) if owed.payments else (None,)
    assert owed.status is InvoiceStatus.OPEN and max(owed.attempts) == 1
    assert declined is None or declined.status is PaymentStatus.FAILED
    assert all(engine.event(event).is_finished for event in events)
    assert engine.services.store.fetch(CreditNote, paid.credit_notes[0]).seen.at == datetime.fromtimestamp(
        late[2]["created"], UTC
    )


# what Stripe is asked for because a webhook says too little


def asking(services: Services, url: str) -> Engine:
    """An engine with a key for a Stripe at `url`."""
    vars(services)["stripe"] = StripeGateway(Stripe("sk_test_x", services.clock, api_base=url))
    return Engine(services)


def but_invoices(stripe: StripeAccount) -> list[dict[str, Any]]:
    return [e for e in stripe.events if not e["type"].startswith("invoice")]


def test_further_lines_and_the_names_of_discounts_are_asked_for_once(services, stripe):
    bought(stripe)
    whole = with_lines(newest(stripe, "invoice"), [{"amount": 100, "subtotal": 100}] * 12, discount=200)
    lines = whole["lines"]["data"]
    first = {**whole, "lines": {**whole["lines"], "data": lines[:10], "has_more": True}}
    discount = {"id": "di_welcome", "source": {"coupon": {"id": "c", "name": "WELCOME", "object": "coupon"}}}
    named = {**first, "total_discount_amounts": [{"amount": 200, "discount": discount}]}
    path = f"/v1/invoices/{whole['id']}"
    page = {"object": "list", "url": f"{path}/lines"}
    answers = {
        path: first,
        f"{path}?expand": named,
        f"{path}/lines": {**page, "data": lines[:10], "has_more": True},
        f"{path}/lines?{lines[9]['id']}": {**page, "data": lines[10:], "has_more": False},
    }
    with answering(answers) as (url, asked):
        engine = asking(services, url)
        engine.feed(but_invoices(stripe))
        engine.feed([told(stripe, "invoice.paid", first), told(stripe, "invoice.updated", first)])
    invoice = mirrored(engine, whole)
    assert (len(invoice.items.lines), invoice.items.discounts[0].name, invoice.doubts) == (12, "WELCOME", ())
    assert asked.count(path) == 1


def test_a_tax_rate_that_is_only_named_is_asked_for_and_done_without_when_nobody_knows_it(services, stripe):
    bought(stripe)
    known, unknown = tax(990, taxable=9900), tax(99, taxable=9900, rate="txr_unknown")
    invoice = with_sums(newest(stripe, "invoice"), taxes=(known, unknown))
    with answering({"/v1/tax_rates/txr_vat": tax_rate()}) as (url, asked):
        engine = asking(services, url)
        engine.feed(but_invoices(stripe))
        engine.feed([told(stripe, "invoice.paid", invoice)])
    whole = services.invoices.whole(mirrored(engine, invoice).id)
    assert (list(whole.rates), whole.invoice.figures.tax, whole.invoice.doubts) == (["txr_vat"], 1089, ())
    assert [path for path in asked if "tax_rates" in path] == ["/v1/tax_rates/txr_vat", "/v1/tax_rates/txr_unknown"]
    sums = {(each["name"], each["percentage"]) for each in invoice_paper(whole)["sums"] if each["word"] == "tax"}
    assert sums == {("VAT", "19.0"), (None, "1.00")}


def test_further_lines_of_a_credit_note_are_asked_for(services, stripe):
    bought(stripe)
    note = credit_note(newest(stripe, "invoice"), 500)
    (line,) = note["lines"]["data"]
    first = {**note, "lines": {**note["lines"], "data": [{**line, "amount": 300}], "has_more": True}}
    path = f"/v1/credit_notes/{note['id']}"
    lines = [{**line, "amount": 300}, {**line, "id": "cnli_2", "amount": 200}]
    page = {"object": "list", "url": f"{path}/lines", "data": lines, "has_more": False}
    with answering({path: first, f"{path}/lines": page}) as (url, _):
        engine = asking(services, url)
        engine.feed([*stripe.events, told(stripe, "credit_note.created", first)])
    stored = services.store.fetch(CreditNote, credit_note_id_for("stripe", note["id"]))
    assert ([each.amount for each in stored.items.lines], stored.doubts) == ([300, 200], ())


NO_INVOICES = {"object": "list", "url": "/v1/invoice_payments", "data": [], "has_more": False}


def test_a_refund_of_a_payment_that_pays_no_invoice_is_kept_when_stripe_says_so(services, stripe):
    bought(stripe)
    charge = {**newest(stripe, "charge"), "id": "ch_once", "payment_intent": None, "amount_refunded": 500}
    refunded = event("charge.refunded", charge, at=stripe.at)
    with answering({"/v1/charges/ch_once": charge, "/v1/invoice_payments": NO_INVOICES}) as (url, _):
        engine = asking(services, url)
        engine.feed([refunded])
    assert engine.event(refunded).status is EventStatus.PROCESSED
    payment = services.store.fetch(Payment, payment_id_for("stripe", "ch_once"))
    assert (payment.refunded("ch_once").amount, payment.applications) == (500, {})


def test_a_dispute_of_a_guests_payment_is_nobodys_business_here(services, stripe):
    bought(stripe)
    dispute = stripe.dispute(newest(stripe, "invoice")["id"]).the("dispute")
    guest = {**newest(stripe, "charge"), "id": "ch_guest", "customer": None, "payment_intent": None}
    opened = event("charge.dispute.created", {**dispute, "charge": "ch_guest", "payment_intent": None}, at=stripe.at)
    with answering({"/v1/charges/ch_guest": guest, "/v1/invoice_payments": NO_INVOICES}) as (url, _):
        engine = asking(services, url)
        engine.feed([opened])
    assert engine.event(opened).problem == "it is about a payment of nobody we know"


def test_what_was_odd_about_a_webhook_is_remarked_on_it(engine, stripe):
    bought(stripe)
    engine.feed(stripe.events)
    old = told(stripe, "invoice.updated", newest(stripe, "invoice"), api_version="2024-06-20")
    engine.feed([old])
    assert engine.event(old).status is EventStatus.PROCESSED
    assert engine.event(old).remarks == ("of API version 2024-06-20, read as it came",)
