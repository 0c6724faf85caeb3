"""The sums of an invoice hold, or it is said which do not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as some

from domain.invoice_facts import CreditFigures, Discount, Items, Line, Tax
from domain.invoice_sums import Doubt, doubts_about, doubts_about_credit
from domain.provider_facts import Figures, InvoiceStatus

OPEN, PAID, DRAFT = InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.DRAFT
AMOUNTS = some.integers(-50_000, 50_000)


@some.composite
def invoices(draw) -> tuple[Figures, Items]:
    """An invoice as a provider would work it out: every sum from the ones before it."""
    lines = draw(some.lists(AMOUNTS, max_size=6))
    discounts = draw(some.lists(some.integers(0, 900), max_size=2))
    taxes = draw(some.lists(some.tuples(some.integers(0, 900), some.booleans()), max_size=3))
    credits, shipping, balance = draw(some.tuples(*[some.integers(0, 500)] * 3))
    total = sum(lines) - sum(discounts) - credits + shipping + sum(tax for tax, inclusive in taxes if not inclusive)
    applied = -min(max(total, 0), balance) if total > 0 else -total
    credited = draw(some.integers(0, max(total + applied, 0)))
    due = total + applied - credited
    paid = draw(some.integers(0, max(due, 0)))
    figures = Figures(
        currency="usd",
        subtotal=sum(lines),
        tax=sum(tax for tax, _ in taxes),
        total=total,
        amount_due=due,
        amount_paid=paid,
        discount=sum(discounts),
        shipping=shipping,
        credits=credits,
        balance_applied=applied,
        amount_remaining=due - paid,
        credited_before_payment=credited,
    )
    items = Items(
        tuple(Line(f"il_{number}", "x", amount, "usd") for number, amount in enumerate(lines)),
        tuple(Discount(f"di_{number}", amount) for number, amount in enumerate(discounts)),
        tuple(Tax(amount, inclusive) for amount, inclusive in taxes),
    )
    return figures, items


@given(invoices())
def test_what_is_worked_out_right_is_never_doubted(invoice):
    figures, items = invoice
    assert doubts_about(figures, items, OPEN, 0) == ()
    assert figures.total == sum(line.amount for line in items.lines) - figures.discount - figures.credits + (
        figures.shipping + sum(tax.amount for tax in items.taxes if not tax.inclusive)
    )
    assert figures.amount_due == figures.amount_paid + figures.remaining


@given(invoices(), some.integers(1, 9_999))
def test_a_wrong_sum_is_doubted_by_its_name(invoice, wrong):
    figures, items = invoice
    assert Doubt.TOTAL in doubts_about(replace(figures, total=figures.total + wrong), items, OPEN, 0)
    assert Doubt.TOTAL in doubts_about(replace(figures, discount=figures.discount + wrong), items, OPEN, 0)
    due = replace(figures, amount_due=figures.amount_due + wrong)
    assert {Doubt.DUE, Doubt.PAID} <= set(doubts_about(due, items, OPEN, 0))
    assert doubts_about(replace(figures, amount_paid=figures.amount_paid + wrong), items, OPEN, 0) == (Doubt.PAID,)
    assert doubts_about(figures, items, PAID, figures.amount_paid + wrong) == (Doubt.REFUNDED,)


@given(invoices())
def test_a_draft_owes_nothing_yet(invoice):
    figures, items = invoice
    assert doubts_about(replace(figures, amount_due=figures.amount_due + 1), items, DRAFT, 0) == ()


def figures(**changes) -> Figures:
    return replace(Figures("usd", 1000, 0, 1000, 1000, 1000, balance_applied=0, amount_remaining=0), **changes)


ONE = Items((Line("il_1", "x", 1000, "usd"),))


def test_lines_that_are_not_all_known_are_not_added_up():
    assert doubts_about(figures(), Items((), is_complete=False), PAID, 0) == (Doubt.LINES_INCOMPLETE,)


def test_a_line_of_another_currency_cannot_be_added_up():
    items = Items((Line("il_1", "x", 1000, "eur"),))
    assert doubts_about(figures(), items, PAID, 0) == (Doubt.CURRENCIES,)


def test_more_cannot_be_credited_than_was_billed():
    assert doubts_about(figures(credited_after_payment=1001), ONE, PAID, 0) == (Doubt.CREDITED,)
    assert doubts_about(figures(credited_after_payment=1000), ONE, PAID, 0) == ()


def test_what_was_paid_too_much_is_told_by_the_provider():
    assert doubts_about(figures(amount_paid=1200, amount_overpaid=200), ONE, PAID, 0) == ()


def test_an_invoice_below_the_smallest_charge_is_carried_over():
    small = figures(total=30, subtotal=30, amount_due=0, amount_paid=0, balance_applied=-30)
    assert doubts_about(small, Items((Line("il_1", "x", 30, "usd"),)), PAID, 0) == ()


def test_a_credit_note_adds_up_and_is_split_into_before_and_after_the_payment():
    credit = CreditFigures("usd", 1000, 100, 180, 1080, before_payment=80, after_payment=1000)
    items = Items((Line("cnli_1", "x", 1000, "usd"),), taxes=(Tax(180, False),))
    assert doubts_about_credit(credit, items) == ()
    assert doubts_about_credit(replace(credit, total=1081), items) == (Doubt.TOTAL, Doubt.CREDITED)
