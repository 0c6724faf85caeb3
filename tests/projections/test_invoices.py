from __future__ import annotations

import random
from uuid import uuid4

import pytest

from domain.invoice import Invoice, Issue
from domain.invoice_facts import Items, Line
from domain.provider_facts import Figures, InvoiceStatus, Seen
from projections.invoices import get_invoice, list_invoices
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed

FIGURES = Figures("usd", 2900, 551, 3451, 3451, 0)
ISSUE = Issue("A-1", NOW, NOW + 30 * DAY, NOW, None)


def reported(followed: Followed, **changes) -> Invoice:
    facts = {
        "organization_id": ACME,
        "subscription_id": None,
        "provider": "stripe",
        "provider_id": "in_1",
        "status": InvoiceStatus.DRAFT,
        "figures": FIGURES,
        "issue": ISSUE,
        "seen": Seen(NOW, 0, "evt_0"),
        "now": NOW,
    }
    invoice = Invoice.report_first(id=uuid4(), **{**facts, **changes})
    followed.store.add(invoice)
    return invoice


def a_random_fact(invoice: Invoice, number: int, chance: random.Random) -> None:
    at = NOW + number * DAY
    paid = chance.choice([0, 3451])
    decisions = [
        lambda: invoice.report(
            chance.choice(list(InvoiceStatus)),
            Figures("usd", 2900, 551, 3451, 3451 - paid, paid),
            Issue("A-1", NOW, NOW + 30 * DAY, NOW, at if paid else None, due_at=chance.choice([None, at])),
            seen=Seen(at, 0, "evt"),
            now=at,
        ),
        lambda: invoice.payment_failed(attempt=chance.randint(1, 3), failed_at=at, next_attempt_at=at + DAY, now=at),
        lambda: invoice.refund(chance.choice("ab"), amount=chance.randint(1, 900), refunded_at=at, now=at),
        lambda: invoice.itemize(Items((Line("il_1", "Pro", chance.choice([2900, 1]), "usd"),)), now=at),
        lambda: invoice.check(now=at),
        lambda: invoice.transfer(chance.choice([ACME, GLOBEX]), now=at),
    ]
    chance.choice(decisions)()


def test_every_invoice_is_listed_as_the_aggregate_says(followed):
    chance, invoices = random.Random(6), {}
    for _ in range(80):
        invoice = reported(followed)
        for number in range(chance.randint(0, 9)):
            a_random_fact(invoice, number + 1, chance)
        followed.store.put(invoice)
        invoices[invoice.id] = invoice
    followed.follow()
    rows = list_invoices(followed.connection, limit=100)
    assert len(rows) == 80
    for row in rows:
        invoice = invoices[row["invoice_id"]]
        assert Figures(**{name: row[name] for name in FIGURES.__dataclass_fields__}) == invoice.figures
        assert Issue(**{name: row[name] for name in ISSUE.__dataclass_fields__}) == invoice.issue
        assert (row["status"], row["organization_id"]) == (invoice.status, invoice.organization_id)
        assert (row["attempts"], row["next_attempt_at"]) == (max(invoice.attempts, default=0), invoice.next_attempt_at)
        assert row["amount_refunded"] == invoice.amount_refunded
        assert (row["remaining"], row["amount_credited"]) == (invoice.figures.remaining, invoice.figures.credited)
        assert row["doubts"] == [doubt.value for doubt in invoice.doubts]
    for column in ("amount_refunded", "next_attempt_at", "doubts", "due_at"):
        assert any(row[column] for row in rows), column


@pytest.mark.parametrize("asked", [{"status": "open"}, {"subscription_id": ACME}, {"provider_id": "in_9"}])
def test_a_filter_leaves_only_what_meets_it(followed, asked):
    wanted = reported(followed, status=InvoiceStatus.OPEN, subscription_id=ACME, provider_id="in_9")
    reported(followed, status=InvoiceStatus.PAID, subscription_id=GLOBEX)
    followed.follow()
    assert [row["invoice_id"] for row in list_invoices(followed.connection, limit=9, **asked)] == [wanted.id]


def test_another_organizations_invoice_is_not_there(followed):
    invoice = reported(followed)
    followed.follow()
    assert get_invoice(followed.connection, invoice.id, organization_id=GLOBEX) is None
    assert get_invoice(followed.connection, invoice.id, organization_id=ACME)["total"] == 3451
