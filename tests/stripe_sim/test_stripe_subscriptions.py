"""Subscriptions by the API: how the first payment decides, how changes are billed, how they are held, paused, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scripts.stripe_sim import NotThere, Refused
from scripts.stripe_sim.cards import DECLINED
from scripts.stripe_sim.errors import CardError, NotSimulated
from tests.stripe_sim.expected import NOON, PRICE, epoch, period
from tests.stripe_sim.shop import Json, Shop, amounts, item_of


@pytest.mark.parametrize(
    ("card", "behavior", "status"),
    [
        ("visa", None, "active"),
        ("visa", "default_incomplete", "incomplete"),
        ("chargeCustomerFail", None, "incomplete"),
        ("authenticationRequired", None, "incomplete"),
        (None, "default_incomplete", "incomplete"),
    ],
)
def test_the_first_payment_decides_how_a_subscription_begins(
    shop: Shop, card: str | None, behavior: str | None, status: str
) -> None:
    made = shop.subscribe(shop.customer(card), payment_behavior=behavior)
    assert (made["status"], made["latest_invoice"]["status"]) == (status, "paid" if status == "active" else "open")
    shop.account.advance(timedelta(hours=24))
    assert shop.status(made) == ("active" if status == "active" else "incomplete_expired")


@pytest.mark.parametrize(
    ("card", "error"), [("chargeCustomerFail", CardError), ("authenticationRequired", CardError), (None, Refused)]
)
def test_what_must_not_begin_unpaid_leaves_nothing_behind(shop: Shop, card: str | None, error: type[Exception]) -> None:
    customer, events = shop.customer(card), len(shop.account.events)
    with pytest.raises(error):
        shop.subscribe(customer, payment_behavior="error_if_incomplete")
    assert shop.types(events) == [] and shop.ask("subscriptions")["data"] == []


def test_a_client_confirms_the_first_payment_and_its_card_is_kept(shop: Shop) -> None:
    settings = {"save_default_payment_method": "on_subscription"}
    made = shop.subscribe(shop.customer(None), payment_behavior="default_incomplete", payment_settings=settings)
    shop.post(
        f"payment_intents/{shop.intent_of(made['latest_invoice'])['id']}/confirm", {"payment_method": "pm_card_visa"}
    )
    now = shop.ask(f"subscriptions/{made['id']}", {"expand": ["default_payment_method", "latest_invoice"]})
    assert (now["status"], now["latest_invoice"]["status"]) == ("active", "paid")
    assert now["default_payment_method"]["customer"] == made["customer"]


def test_a_payment_that_has_to_be_authenticated_asks_and_then_activates(shop: Shop) -> None:
    events = len(shop.account.events)
    made = shop.subscribe(shop.customer("authenticationRequired"))
    assert {"payment_intent.requires_action", "invoice.payment_action_required"} < set(shop.types(events))
    intent = shop.intent_of(made["latest_invoice"])
    assert intent["next_action"]["redirect_to_url"]["url"].endswith(f"/authenticate/{intent['id']}")
    shop.account.api.payments.authenticate(shop.account.get("payment_intent", intent["id"]), agrees=True)
    assert shop.status(made) == "active"


def test_a_bank_account_pays_later_and_may_fail(shop: Shop) -> None:
    for iban, end in (("DE89370400440532013000", "paid"), ("DE62370400440532013001", "open")):
        customer = shop.customer(None)
        account = shop.post("payment_methods", {"type": "sepa_debit", "sepa_debit": {"iban": iban}})
        shop.post(f"payment_methods/{account['id']}/attach", {"customer": customer})
        made = shop.subscribe(customer, default_payment_method=account["id"])
        assert (made["status"], shop.intent_of(made["latest_invoice"])["status"]) == ("active", "processing")
        shop.account.advance(timedelta(minutes=5))
        assert shop.ask(f"invoices/{made['latest_invoice']['id']}")["status"] == end
        assert shop.status(made) == ("active" if end == "paid" else "past_due")


def test_a_billing_anchor_ahead_makes_a_short_first_period(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), billing_cycle_anchor=epoch(2026, 2, 14, 12))
    assert period(made) == (epoch(2026, 1, 31, 12), epoch(2026, 2, 14, 12))
    assert amounts(made["latest_invoice"]) == [1310]  # 14 of the 31 days before the 14th of February
    shop.account.advance(timedelta(days=15))
    now = shop.ask(f"subscriptions/{made['id']}", {"expand": ["latest_invoice"]})
    assert (period(now)[1], now["latest_invoice"]["total"]) == (epoch(2026, 3, 14, 12), 2900)


def test_several_items_are_billed_together(shop: Shop) -> None:
    biz = shop.price(900)
    items = [{"price": PRICE, "quantity": 2}, {"price": biz}]
    made = shop.post("subscriptions", {"customer": shop.customer(), "items": items, "expand": ["latest_invoice"]})
    assert amounts(made["latest_invoice"]) == [5800, 900]
    with pytest.raises(Refused, match="same plan"):
        shop.post("subscription_items", {"subscription": made["id"], "price": biz})
    with pytest.raises(NotSimulated, match="different intervals"):
        shop.post("subscription_items", {"subscription": made["id"], "price": shop.price(1, "year")})
    added = shop.post("subscription_items", {"subscription": made["id"], "price": shop.price(100), "quantity": 3})
    assert len(shop.ask("subscription_items", {"subscription": made["id"]})["data"]) == 3
    shop.drop(f"subscription_items/{added['id']}")
    shop.account.advance(timedelta(days=29))
    assert sorted(amounts(shop.ask("invoices", {"subscription": made["id"]})["data"][0])) == [-300, 300, 900, 5800]


@pytest.mark.parametrize(
    ("behavior", "totals"),
    [("create_prorations", [5800, 2900 + 11600]), ("always_invoice", [5800, 2900, 11600]), ("none", [5800, 11600])],
)
def test_prorations_wait_for_the_renewal_or_are_billed_now_or_are_not_made(
    shop: Shop, behavior: str, totals: list[int]
) -> None:
    made = shop.subscribe(shop.customer(), quantity=2)
    shop.account.advance(timedelta(days=14))
    shop.update(made, items=[{"id": item_of(made)["id"], "quantity": 4}], proration_behavior=behavior)
    shop.account.advance(timedelta(days=15))
    invoices = shop.ask("invoices", {"subscription": made["id"]})["data"]
    assert [invoice["total"] for invoice in reversed(invoices)] == totals


def declining(shop: Shop, subscription: Json) -> None:
    """From now on the bank declines the card."""
    card = shop.ask(f"customers/{subscription['customer']}")["invoice_settings"]["default_payment_method"]
    shop.account.api.payment_methods.behave(shop.account.get("payment_method", card), DECLINED)


def test_a_change_that_nobody_can_pay_is_refused_or_waits_for_its_payment(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=2)
    declining(shop, made)
    shop.account.advance(timedelta(days=7))
    change: Any = {"items": [{"id": item_of(made)["id"], "quantity": 9}], "proration_behavior": "always_invoice"}
    with pytest.raises(CardError):
        shop.update(made, payment_behavior="error_if_incomplete", **change)
    held = shop.update(made, payment_behavior="pending_if_incomplete", **change)
    assert (item_of(held)["quantity"], held["latest_invoice"]["status"], held["status"]) == (2, "open", "active")
    assert held["pending_update"]["subscription_items"][0]["quantity"] == 9
    shop.account.pay(held["latest_invoice"]["id"])
    paid = shop.ask(f"subscriptions/{made['id']}")
    assert (item_of(paid)["quantity"], paid["pending_update"], paid["status"]) == (9, None, "active")


def test_a_change_that_waits_is_off_after_a_day(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=2)
    declining(shop, made)
    shop.account.advance(timedelta(days=7))
    change = [{"id": item_of(made)["id"], "quantity": 9}]
    behaviors = {"payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    held = shop.update(made, items=change, **behaviors)
    events = len(shop.account.events)
    shop.account.advance(timedelta(hours=24))
    assert "customer.subscription.pending_update_expired" in shop.types(events)
    assert shop.ask(f"invoices/{held['latest_invoice']['id']}")["status"] == "void"
    assert item_of(shop.ask(f"subscriptions/{made['id']}"))["quantity"] == 2


def test_a_schedule_changes_the_plan_at_the_end_of_the_period(shop: Shop) -> None:
    made, biz = shop.subscribe(shop.customer(), quantity=5), shop.price(9900)
    schedule = shop.post("subscription_schedules", {"from_subscription": made["id"]})
    (now,) = schedule["phases"]
    current = [{"price": item["price"], "quantity": item["quantity"]} for item in now["items"]]
    phases = [
        {"items": current, "start_date": now["start_date"], "end_date": now["end_date"]},
        {"items": [{"price": biz, "quantity": 2}]},
    ]
    shop.post(f"subscription_schedules/{schedule['id']}", {"phases": phases, "end_behavior": "release"})
    preview = shop.post("invoices/create_preview", {"subscription": made["id"]})
    shop.account.advance(timedelta(days=29))
    changed = shop.ask(f"subscriptions/{made['id']}", {"expand": ["latest_invoice"]})
    assert (item_of(changed)["price"]["id"], item_of(changed)["quantity"]) == (biz, 2)
    assert amounts(changed["latest_invoice"]) == amounts(preview) == [19800]
    shop.account.advance(timedelta(days=31))
    assert shop.ask(f"subscriptions/{made['id']}")["schedule"] is None
    assert shop.ask(f"subscription_schedules/{schedule['id']}")["status"] == "completed"


def test_a_schedule_can_begin_later_and_end_the_subscription(shop: Shop) -> None:
    phases = [{"items": [{"price": PRICE}], "duration": {"interval": "month", "interval_count": 2}}]
    start = epoch(2026, 2, 10)
    given = {"customer": shop.customer(), "start_date": start, "phases": phases, "end_behavior": "cancel"}
    schedule = shop.post("subscription_schedules", given)
    assert schedule["status"] == "not_started" and shop.ask("subscriptions")["data"] == []
    shop.account.advance(timedelta(days=20))
    (made,) = shop.ask("subscriptions")["data"]
    assert (made["schedule"], period(made)[0]) == (schedule["id"], start)
    shop.account.advance(timedelta(days=60))
    assert shop.status(made) == "canceled"
    assert shop.ask(f"subscription_schedules/{schedule['id']}")["status"] == "completed"


def test_a_phase_sets_more_than_the_items(shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    vat = shop.post("tax_rates", {"display_name": "VAT", "inclusive": False, "percentage": 10})
    schedule = shop.post("subscription_schedules", {"from_subscription": made["id"]})
    (now,) = schedule["phases"]
    items = [{"price": PRICE, "quantity": 1}]
    later = {"items": items, "default_tax_rates": [vat["id"]], "metadata": {"phase": "2"}, "description": "Later"}
    phases = [{"items": items, "start_date": now["start_date"], "end_date": now["end_date"]}, later]
    shop.post(f"subscription_schedules/{schedule['id']}", {"phases": phases})
    shop.account.advance(timedelta(days=29))
    changed = shop.ask(f"subscriptions/{made['id']}", {"expand": ["latest_invoice"]})
    assert (changed["metadata"], changed["description"]) == ({"phase": "2"}, "Later")
    assert changed["latest_invoice"]["total"] == 3190


def test_a_schedule_leaves_a_trial_that_runs_as_it_is(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), trial_period_days=14)
    shop.account.advance(timedelta(days=3))
    schedule = shop.post("subscription_schedules", {"from_subscription": made["id"]})
    (now,) = schedule["phases"]
    same = {"start_date": now["start_date"], "end_date": now["end_date"], "trial_end": now["trial_end"]}
    phases = [{"items": [{"price": PRICE, "quantity": 1}], **same}, {"items": [{"price": PRICE, "quantity": 2}]}]
    shop.post(f"subscription_schedules/{schedule['id']}", {"phases": phases})
    assert item_of(shop.ask(f"subscriptions/{made['id']}")) == item_of(made)
    shop.account.advance(timedelta(days=12))
    paid = shop.ask(f"subscriptions/{made['id']}", {"expand": ["latest_invoice"]})
    assert (paid["status"], paid["latest_invoice"]["total"]) == ("active", 5800)


def test_a_trial_can_be_ended_at_once_and_made_longer(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), trial_period_days=14)
    longer = shop.update(made, trial_end=epoch(2026, 3, 1))
    assert (longer["status"], longer["trial_end"]) == ("trialing", epoch(2026, 3, 1))
    ended = shop.update(made, trial_end="now")
    assert (ended["status"], ended["latest_invoice"]["amount_paid"]) == ("active", 2900)
    assert period(ended)[0] == int(NOON.timestamp())


def test_a_short_trial_is_announced_at_once(shop: Shop) -> None:
    events = len(shop.account.events)
    shop.subscribe(shop.customer(), trial_period_days=1)
    assert shop.types(events)[-1] == "customer.subscription.trial_will_end"


def test_a_pause_credits_the_rest_and_a_resume_in_the_old_rhythm_takes_it_again(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=2)
    shop.account.advance(timedelta(days=14))
    shop.post(f"subscriptions/{made['id']}/pause")
    waiting = shop.ask("invoiceitems", {"pending": True})["data"]
    assert [item["amount"] for item in waiting] == [-2900]
    unchanged = {"billing_cycle_anchor": {"type": "unchanged"}}
    resumed = shop.post(f"subscriptions/{made['id']}/resume", unchanged)
    assert (resumed["status"], period(resumed)) == ("active", period(made))
    assert sum(item["amount"] for item in shop.ask("invoiceitems", {"pending": True})["data"]) == 0


def test_a_resume_that_is_not_paid_leaves_the_subscription_behind_or_paused(shop: Shop) -> None:
    for behavior, status in (("resume_on_payment_attempt", "past_due"), ("resume_on_payment_success", "paused")):
        made = shop.subscribe(shop.customer())
        shop.account.pause(made["id"])
        declining(shop, made)
        resumed = shop.post(f"subscriptions/{made['id']}/resume", {"payment_behavior": behavior})
        assert resumed["status"] == status
    shop.account.advance(timedelta(hours=24))
    assert shop.ask(f"invoices/{resumed['latest_invoice']}")["status"] == "void"


def test_a_cancellation_can_credit_and_bill_what_is_left(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), quantity=2)
    shop.account.advance(timedelta(days=14))
    given = {"prorate": True, "invoice_now": True, "cancellation_details": {"feedback": "too_expensive"}}
    ended = shop.account.api.perform("DELETE", f"/v1/subscriptions/{made['id']}", given)
    assert (ended["status"], ended["cancellation_details"]["feedback"]) == ("canceled", "too_expensive")
    assert shop.ask(f"customers/{made['customer']}")["balance"] == -2900
    with pytest.raises(NotThere):
        shop.drop(f"subscriptions/{made['id']}")


def test_a_cancellation_at_a_time_ends_it_then(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(), cancel_at=epoch(2026, 2, 10))
    assert (made["cancel_at"], made["cancel_at_period_end"]) == (epoch(2026, 2, 10), False)
    shop.account.advance(timedelta(days=10))
    assert shop.ask(f"subscriptions/{made['id']}")["ended_at"] == epoch(2026, 2, 10)


def test_collection_that_is_paused_goes_on_at_the_time_that_was_set(shop: Shop) -> None:
    made = shop.subscribe(shop.customer())
    shop.update(made, pause_collection={"behavior": "void", "resumes_at": epoch(2026, 3, 15)})
    shop.account.advance(timedelta(days=90))
    invoices = shop.ask("invoices", {"subscription": made["id"]})["data"]
    assert [invoice["status"] for invoice in reversed(invoices)] == ["paid", "void", "paid", "paid"]


def test_an_invoice_that_is_sent_is_overdue_when_nobody_pays(shop: Shop) -> None:
    made = shop.subscribe(shop.customer(None), collection_method="send_invoice", days_until_due=7)
    assert (made["status"], made["latest_invoice"]["status"]) == ("active", "draft")
    events = len(shop.account.events)
    shop.account.advance(timedelta(hours=2))
    invoice = shop.ask(f"invoices/{made['latest_invoice']['id']}")
    assert (invoice["status"], invoice["due_date"] - invoice["status_transitions"]["finalized_at"]) == (
        "open",
        7 * 86400,
    )
    shop.account.advance(timedelta(days=8))
    assert {"invoice.sent", "invoice.overdue"} < set(shop.types(events))
    assert shop.status(made) == "past_due"


@pytest.mark.parametrize(
    ("after", "status"),
    [("past_due", "past_due"), ("unpaid", "unpaid"), ("canceled", "canceled"), ("paused", "paused")],
)
def test_after_the_last_retry_the_subscription_becomes_what_the_vendor_has_set(
    shop: Shop, after: Any, status: str
) -> None:
    shop.account.api.settings.after_retries = after
    made = shop.subscribe(shop.customer())
    declining(shop, made)
    shop.account.advance(timedelta(days=29 + 16))
    assert shop.status(made) == status
    assert shop.ask(f"customers/{made['customer']}")["delinquent"] is True


def test_a_deleted_payment_method_is_used_no_more(shop: Shop) -> None:
    customer = shop.customer()
    (method,) = shop.ask(f"customers/{customer}/payment_methods")["data"]
    shop.post(f"payment_methods/{method['id']}/detach")
    assert shop.ask(f"customers/{customer}")["invoice_settings"]["default_payment_method"] is None
    with pytest.raises(Refused, match="no attached payment source"):
        shop.subscribe(customer)
