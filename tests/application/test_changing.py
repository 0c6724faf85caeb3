"""Changing a running subscription: previewed, made as shown or refused, planned, withdrawn, paused and ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from application.subscription_changes import SubscriptionChanges, When, Wish
from domain.buying_errors import (
    ChangePending,
    CurrencyMismatch,
    PaymentActionRequired,
    PaymentDeclined,
    PreviewStale,
    PriceNotAtProvider,
    SubscriptionNotRunning,
)
from domain.errors import Conflict, InvalidRequest
from domain.invoice import Invoice
from domain.license import Status
from domain.provider_facts import InvoiceStatus
from domain.provider_facts import SubscriptionStatus as At
from tests.buying_world import CATALOG, Vendor, selling

DAY = timedelta(days=1)


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


@pytest.fixture
def changes(vendor) -> SubscriptionChanges:
    return vendor.services.subscription_changes


@pytest.fixture
def pro(vendor):
    """A subscription of ten seats at $99 a month, ten days old."""
    subscription = vendor.sell(vendor.organization())
    vendor.account.advance(10 * DAY)
    return subscription


def test_a_previewed_change_is_charged_as_it_was_shown_and_true_at_once(vendor, changes, pro):
    before = len(vendor.invoices())
    preview = changes.preview(pro, Wish(seats=30))
    assert (preview.seats_now, preview.seats, preview.invoice.is_now) == (10, 30, True)
    credit, charge = preview.invoice.lines
    assert credit.amount < 0 < charge.amount and credit.proration and charge.proration
    assert len(vendor.invoices()) == before and vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 1
    vendor.account.advance(timedelta(minutes=5))
    changed = changes.change(pro, Wish(seats=30), preview.token)
    assert (changed.terms.quantity, vendor.license(pro).terms.seats) == (3, 30)
    billed = vendor.invoices()[0]
    assert (billed["total"], billed["amount_paid"]) == (preview.invoice.figures.total,) * 2
    assert [line["amount"] for line in billed["lines"]["data"]] == [credit.amount, charge.amount]


def test_the_webhook_of_a_change_says_nothing_new(vendor, changes, pro):
    changes.change(pro, Wish(seats=30))
    known = vendor.subscription(pro).version, vendor.license(pro).version
    told = vendor.forget_deliveries()
    updated = [event for event in told if event["type"] == "customer.subscription.updated"]
    vendor.deliver(updated)
    assert updated and (vendor.subscription(pro).version, vendor.license(pro).version) == known
    vendor.deliver(told)
    paid = vendor.services.store.find(Invoice, next(iter(vendor.subscription(pro).settled)))
    assert paid is not None and paid.status is InvoiceStatus.PAID


@pytest.mark.parametrize("meanwhile", ["quantity", "coupon", "balance", "renewal", "another change"])
def test_a_preview_that_is_no_longer_true_is_refused_and_nothing_is_charged(vendor, changes, pro, meanwhile):
    preview = changes.preview(pro, Wish(seats=30))
    reference, account = vendor.subscription(pro).provider_id, vendor.account
    match meanwhile:
        case "quantity":
            account.change_quantity(reference, 2)
        case "coupon":
            coupon = account.post("coupons", {"percent_off": 50, "duration": "forever"})
            account.post(f"subscriptions/{reference}", {"discounts": [{"coupon": coupon["id"]}]})
        case "balance":
            customer = account.retrieve("subscription", reference)["customer"]
            account.post(f"customers/{customer}/balance_transactions", {"amount": -500, "currency": "usd"})
        case "renewal":
            account.renew(reference)
            vendor.late = timedelta(0) - (account.now - preview.prorated_at)  # the token itself still holds
        case "another change":
            changes.change(pro, Wish(seats=20))
    invoices = len(vendor.invoices())
    with pytest.raises(PreviewStale):
        changes.change(pro, Wish(seats=30), preview.token)
    assert len(vendor.invoices()) == invoices
    assert vendor.commands(pro) == int(meanwhile == "another change")


def test_a_preview_confirms_its_own_wish_and_subscription_for_an_hour(vendor, changes, pro):
    other = vendor.sell(vendor.organization(email="bob@example.com"))
    preview = changes.preview(pro, Wish(seats=30))
    with pytest.raises(InvalidRequest):
        changes.change(pro, Wish(seats=40), preview.token)
    for wrong in (preview.token + "x", "no token at all"):
        with pytest.raises(PreviewStale):
            changes.change(pro, Wish(seats=30), wrong)
    with pytest.raises(PreviewStale):
        changes.change(other, Wish(seats=30), preview.token)
    vendor.account.advance(timedelta(hours=1))
    with pytest.raises(PreviewStale):
        changes.change(pro, Wish(seats=30), preview.token)
    assert vendor.times("invoiceitem.created") == 0


def test_fewer_seats_become_a_credit_that_the_next_invoice_uses(vendor, changes, pro):
    changes.change(pro, Wish(seats=30))
    preview = changes.preview(pro, Wish(seats=10))
    assert preview.invoice.figures.total < 0 == preview.invoice.figures.amount_due
    changed = changes.change(pro, Wish(seats=10), preview.token)
    assert (changed.terms.quantity, vendor.license(pro).terms.seats) == (1, 10)
    customer = vendor.account.retrieve("customer", vendor.at_stripe(pro)["customer"])
    assert customer["balance"] == preview.invoice.figures.total


def test_another_interval_begins_a_new_period_now(vendor, changes, pro):
    preview = changes.preview(pro, Wish(price="pro-yearly"))
    changed = changes.change(pro, Wish(price="pro-yearly"), preview.token)
    assert changed.purchase.price == "pro-yearly"
    assert changed.terms.period_start == vendor.now
    assert changed.terms.period_end == vendor.now.replace(year=vendor.now.year + 1)
    assert vendor.invoices()[0]["total"] == preview.invoice.figures.total == 99000 - round(9900 * 21 / 31)
    vendor.deliver()
    assert vendor.license(pro).expires_at == changed.terms.period_end


@pytest.mark.parametrize(
    ("price", "seats", "quantity", "granted"),
    [
        ("starter-monthly", None, 1, 3),  # packs stay packs
        ("starter-monthly", 9, 3, 9),
        ("team-monthly", None, 10, 10),  # single seats: as many as there are
        ("team-monthly", 4, 4, 4),
    ],
)
def test_seats_and_units_between_plans_that_count_differently(vendor, changes, pro, price, seats, quantity, granted):
    changed = changes.change(pro, Wish(price=price, seats=seats))
    assert (changed.terms.quantity, vendor.license(pro).terms.seats) == (quantity, granted)
    if price == "team-monthly" and seats is None:  # and back: as many packs as cover them
        assert changes.change(pro, Wish(price="starter-monthly")).terms.quantity == 4


def test_from_the_next_period_on_nothing_is_charged_now(vendor, changes, pro):
    invoices = len(vendor.invoices())
    preview = changes.preview(pro, Wish(price="starter-monthly", when=When.PERIOD_END))
    assert not preview.invoice.is_now
    assert (preview.invoice.figures.total, preview.takes_effect_at) == (2900, vendor.subscription(pro).terms.period_end)
    planned = changes.change(pro, Wish(price="starter-monthly", when=When.PERIOD_END), preview.token)
    assert len(vendor.invoices()) == invoices and planned.purchase.price == "pro-monthly"
    change = planned.next_change
    assert change is not None
    assert (change.purchase.price, change.seats, change.takes_effect_at) == (
        "starter-monthly",
        3,
        planned.terms.period_end,
    )
    known = planned.planned
    vendor.deliver()
    assert vendor.subscription(pro).planned == known
    vendor.account.advance(22 * DAY)
    vendor.deliver()
    after = vendor.subscription(pro)
    assert (after.purchase.price, after.next_change, vendor.license(pro).terms.seats) == ("starter-monthly", None, 3)
    assert vendor.invoices()[0]["total"] == 2900


def test_what_is_planned_can_be_planned_anew_and_withdrawn_and_stands_in_the_way_of_a_change_now(vendor, changes, pro):
    changes.change(pro, Wish(price="starter-monthly", when=When.PERIOD_END))
    for refused in (lambda: changes.change(pro, Wish(seats=20)), lambda: changes.preview(pro, Wish(seats=20))):
        with pytest.raises(ChangePending):
            refused()
    with pytest.raises(ChangePending):
        changes.pause(pro)
    anew = changes.change(pro, Wish(seats=30, when=When.PERIOD_END))
    assert anew.next_change is not None and anew.next_change.seats == 30
    assert vendor.times("subscription_schedule.created") == 1
    withdrawn = changes.withdraw(pro)
    assert withdrawn.next_change is None and vendor.at_stripe(pro)["schedule"] is None
    assert changes.withdraw(pro).version == withdrawn.version
    vendor.deliver()
    vendor.account.advance(25 * DAY)
    vendor.deliver()
    assert vendor.subscription(pro).terms.quantity == 1


def test_a_plan_of_somebody_else_at_stripe_is_shown_and_left_alone(vendor, changes, pro):
    account, reference = vendor.account, vendor.subscription(pro).provider_id
    schedule = account.post("subscription_schedules", {"from_subscription": reference})
    (phase,) = schedule["phases"]
    account.post(
        f"subscription_schedules/{schedule['id']}",
        {
            "phases": [
                {
                    "items": [{"price": "price_promonthly"}],
                    "start_date": phase["start_date"],
                    "end_date": phase["end_date"],
                },
                {"items": [{"price": "price_teammonthly", "quantity": 7}], "duration": {"interval": "month"}},
            ]
        },
    )
    vendor.deliver()
    planned = vendor.subscription(pro).next_change
    assert planned is not None and (planned.purchase.plan, planned.seats) == ("team", 7)
    for when in When:
        with pytest.raises(ChangePending):
            changes.change(pro, Wish(seats=20, when=when))
    with pytest.raises(Conflict, match="at the payment provider"):
        changes.withdraw(pro)


@pytest.mark.parametrize(
    ("card", "error", "told"),
    [
        ("visa_chargeDeclinedInsufficientFunds", PaymentDeclined, "insufficient_funds"),
        ("visa_chargeDeclinedStolenCard", PaymentDeclined, "generic_decline"),
        ("authenticationRequired", PaymentActionRequired, None),
    ],
)
def test_a_card_that_does_not_pay_changes_nothing_until_it_does(vendor, changes, pro, card, error, told):
    vendor.card(pro, card)
    with pytest.raises(error) as refused:
        changes.change(pro, Wish(seats=30))
    details = refused.value.details
    assert details.get("decline_code") == told
    assert details["pay_url"] == vendor.invoices()[0]["hosted_invoice_url"] and "expires_at" in details
    waiting = vendor.subscription(pro)
    assert waiting.held is not None and (waiting.held.seats, waiting.terms.quantity) == (30, 1)
    vendor.deliver()
    assert vendor.license(pro).status(vendor.now) is Status.ACTIVE and vendor.license(pro).terms.seats == 10
    vendor.card(pro, "visa")
    vendor.account.post(f"invoices/{vendor.invoices()[0]['id']}/pay")
    vendor.deliver()
    assert vendor.subscription(pro).held is None and vendor.license(pro).terms.seats == 30


def test_a_change_that_waits_for_its_payment_is_withdrawn_or_replaced(vendor, changes, pro):
    vendor.card(pro, "visa_chargeDeclinedInsufficientFunds")
    for seats in (30, 40):  # the second takes the place of the first
        with pytest.raises(PaymentDeclined):
            changes.change(pro, Wish(seats=seats))
    assert [invoice["status"] for invoice in vendor.invoices()[:2]] == ["open", "void"]
    withdrawn = changes.withdraw(pro)
    assert withdrawn.held is None and vendor.invoices()[0]["status"] == "void"
    with pytest.raises(PaymentDeclined):
        changes.change(pro, Wish(seats=20))
    vendor.account.advance(1 * DAY)
    vendor.deliver()
    assert vendor.subscription(pro).held is None, "Stripe gave it up after 23 hours"


def test_a_trial_is_ended_by_paying(vendor, changes):
    trial = vendor.sell(vendor.organization(), "starter-monthly")
    assert vendor.subscription(trial).terms.status is At.TRIALING
    looked = changes.preview(trial, Wish(seats=6))
    assert not looked.invoice.is_now and changes.change(trial, Wish(seats=6), looked.token).terms.quantity == 2
    preview = changes.preview(trial, Wish(ends_trial=True))
    assert preview.invoice.is_now and preview.invoice.figures.amount_due == 5800
    paid = changes.change(trial, Wish(ends_trial=True), preview.token)
    assert (paid.terms.status, paid.terms.period_start) == (At.ACTIVE, vendor.now)
    assert vendor.invoices()[0]["amount_paid"] == 5800
    with pytest.raises(InvalidRequest):
        changes.change(trial, Wish(ends_trial=True))


def test_a_cancellation_with_the_period_is_taken_back(vendor, changes, pro):
    changes.change(pro, Wish(seats=20, when=When.PERIOD_END))
    cancelled = changes.cancel(pro, When.PERIOD_END)
    assert cancelled.terms.cancel_at == cancelled.terms.period_end
    assert cancelled.next_change is None, "what was planned falls with it"
    assert changes.cancel(pro, When.PERIOD_END).version == cancelled.version
    with pytest.raises(SubscriptionNotRunning):
        changes.change(pro, Wish(seats=20, when=When.PERIOD_END))
    resumed = changes.resume(pro)
    assert resumed.terms.cancel_at is None
    assert changes.resume(pro).version == resumed.version


def test_a_cancellation_now_ends_everything_at_once(vendor, changes, pro):
    ended = changes.cancel(pro, When.NOW)
    assert ended.terms.status is At.CANCELED
    assert vendor.license(pro).status(vendor.now) is Status.REVOKED
    assert changes.cancel(pro, When.NOW).version == ended.version
    for refused in (
        lambda: changes.resume(pro),
        lambda: changes.pause(pro),
        lambda: changes.change(pro, Wish(seats=20)),
    ):
        with pytest.raises(SubscriptionNotRunning):
            refused()


def test_a_pause_holds_the_licence_and_a_resumption_begins_a_paid_period(vendor, changes, pro):
    paused = changes.pause(pro)
    assert paused.terms.status is At.PAUSED
    assert vendor.license(pro).status(vendor.now) is Status.SUSPENDED
    assert changes.pause(pro).version == paused.version
    vendor.deliver()
    vendor.account.advance(60 * DAY)
    resumed = changes.resume(pro)
    assert (resumed.terms.status, resumed.terms.period_start) == (At.ACTIVE, vendor.now)
    assert vendor.license(pro).status(vendor.now) is Status.ACTIVE
    credited = vendor.invoices()[0]
    assert 0 < credited["amount_due"] < 9900, "the unused days of before are credited"


def test_a_resumption_that_is_not_paid_stays_a_pause(vendor, changes, pro):
    changes.pause(pro)
    vendor.card(pro, "visa_chargeDeclinedInsufficientFunds")
    with pytest.raises(PaymentDeclined) as refused:
        changes.resume(pro)
    assert refused.value.details["pay_url"] == vendor.invoices()[0]["hosted_invoice_url"]
    assert vendor.subscription(pro).terms.status is At.PAUSED
    vendor.card(pro, "visa")
    vendor.account.post(f"invoices/{vendor.invoices()[0]['id']}/pay")
    vendor.deliver()
    assert vendor.subscription(pro).terms.status is At.ACTIVE


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(price="nothing"), "price"),
        (Wish(price="price_of_somebody_else"), "price"),
        (Wish(seats=0), "seats"),
        (Wish(seats=-10), "seats"),
        (Wish(seats=15), "seats"),
        (Wish(seats=10_000_000), "seats"),
        (Wish(ends_trial=True), "end_trial"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_its_field(vendor, changes, pro, wish, field):
    for act in (changes.preview, changes.change):
        with pytest.raises(InvalidRequest) as refused:
            act(pro, wish)
        assert [each["field"] for each in refused.value.details["fields"]] == [field]
    assert vendor.commands(pro) == 0


def test_another_currency_and_a_price_that_stripe_does_not_have_are_refused(vendor, changes, pro):
    with pytest.raises(CurrencyMismatch) as refused:
        changes.change(pro, Wish(price="pro-monthly-eur"))
    assert refused.value.details == {"subscription": "usd", "price": "eur"}
    vendor.account.post("prices/price_teammonthly", {"active": False})
    with pytest.raises(PriceNotAtProvider):
        changes.change(pro, Wish(price="team-monthly"))


def test_asking_for_what_is_so_already_asks_nobody(vendor, changes, pro):
    same = changes.change(pro, Wish(price="pro-monthly", seats=10))
    assert same.version == vendor.subscription(pro).version and vendor.commands(pro) == 0


def test_a_plan_version_that_was_bought_stays_while_only_seats_change(vendor, changes, pro):
    dearer = CATALOG.replace("amount: 9900,", "amount: 12900,").replace("seats: 10}", "seats: 12}")
    vendor.services.catalog.apply(vendor.services.catalog.read(dearer.encode()))
    changed = changes.change(pro, Wish(seats=20))
    assert (changed.purchase.plan_version, vendor.license(pro).terms.seats) == (1, 20)
    assert vendor.at_stripe(pro)["items"]["data"][0]["price"]["unit_amount"] == 9900
