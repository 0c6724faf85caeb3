"""What Stripe is asked to do is done once: whatever gets lost, fails, is late, or dies in between."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.stripe_client import Patience, Stripe
from adapters.stripe_seller import StripeSeller
from application.provider_commands import PROVIDER
from application.subscription_changes import SubscriptionChanges, When, Wish
from domain.buying_errors import (
    BuyingNotSetUp,
    CommandUnderWay,
    OutcomeUnknown,
    PaymentDeclined,
    ProviderRefused,
    ProviderUnavailable,
)
from domain.errors import NotFound, Unavailable, UsherError
from domain.ids import provider_desk_id
from domain.provider_asks import ChangeNow, MakeCustomer, OpenPortal, Pause, Promise
from domain.provider_desk import Command, ProviderDesk
from domain.provider_facts import SubscriptionStatus as At
from projections.provider_commands import list_provider_commands, open_desks
from tests.buying_world import Vendor, selling

DAY = timedelta(days=1)
UPDATES = {"method": "POST", "path": "/v1/subscriptions/*"}


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    with selling(services) as vendor:
        yield vendor


@pytest.fixture
def changes(vendor) -> SubscriptionChanges:
    return vendor.services.subscription_changes


@pytest.fixture
def pro(vendor) -> UUID:
    subscription = vendor.sell(vendor.organization())
    vendor.account.advance(10 * DAY)
    return subscription


def change(vendor: Vendor, subscription: UUID, quantity: int = 3, **more) -> ChangeNow:
    found = vendor.at_stripe(subscription)
    (item,) = found["items"]["data"]
    return ChangeNow(found["id"], item["id"], None, quantity, prorated_at=vendor.now, **more)


def asked(vendor: Vendor, subject: UUID, ask, organization_id: UUID = UUID(int=7)) -> Command:
    """A command whose process died before it called Stripe."""
    desk = vendor.services.provider_commands.desk(subject)
    desk = desk or ProviderDesk.set_up(provider=PROVIDER, subject=subject, now=vendor.now)
    command = desk.ask(ask, organization_id=organization_id, now=vendor.now)
    vendor.services.store.put(desk)
    return command


def finish(vendor: Vendor, subject: UUID) -> ProviderDesk:
    vendor.services.provider_commands.finish(provider_desk_id(PROVIDER, subject))
    return vendor.desk(subject)


def is_changed_once(vendor: Vendor, subscription: UUID) -> bool:
    """One change to three units, billed once, known here."""
    quantity = vendor.at_stripe(subscription)["items"]["data"][0]["quantity"]
    bills = [each for each in vendor.invoices() if each["billing_reason"] == "subscription_update"]
    return (quantity, len(bills), vendor.subscription(subscription).terms.quantity) == (3, 1, 3)


# answers that get lost


@pytest.mark.parametrize("times", [1, None])
def test_a_change_whose_answer_is_lost_is_found_and_not_made_again(vendor, changes, pro, times):
    vendor.faults.add("lost", **UPDATES, times=times)
    changed = changes.change(pro, Wish(seats=30))
    assert changed.terms.quantity == 3 and is_changed_once(vendor, pro)
    assert vendor.desk(pro).open is None and vendor.told == []


def test_a_change_that_is_done_while_nobody_can_say_so_is_finished_later(vendor, changes, pro):
    vendor.faults.add("lost", **UPDATES)

    def stops_answering(event) -> None:
        if event["type"] == "invoice.created":
            vendor.faults.add("unavailable", method="GET")

    vendor.account.listeners.append(stops_answering)
    with pytest.raises(OutcomeUnknown) as unknown:
        changes.change(pro, Wish(seats=30))
    assert unknown.value.retry_after and "instead of trying again" in unknown.value.message
    assert vendor.told == [vendor.desk(pro).id] and vendor.desk(pro).open is not None
    with pytest.raises(Unavailable):
        finish(vendor, pro)
    vendor.account.listeners.pop()
    vendor.faults.clear()
    with pytest.raises(CommandUnderWay):
        changes.cancel(pro, When.NOW)
    desk = finish(vendor, pro)
    assert desk.open is None and desk.reference == vendor.subscription(pro).provider_id
    assert is_changed_once(vendor, pro)
    version = finish(vendor, pro).version
    assert version == desk.version


def test_an_answer_that_is_late_is_waited_for_under_the_same_key(vendor, changes, pro):
    vendor.faults.add("slow", **UPDATES, seconds=2.5, times=1)
    assert changes.change(pro, Wish(seats=30)).terms.quantity == 3
    assert is_changed_once(vendor, pro)


# Stripe says no, or is not there


@pytest.mark.parametrize(("fault", "seconds"), [("unavailable", 30), ("rate_limit", 30)])
def test_while_stripe_is_away_nothing_is_done_and_the_next_attempt_is_another(vendor, changes, pro, fault, seconds):
    vendor.faults.add(fault, **UPDATES)
    with pytest.raises(ProviderUnavailable) as away:
        changes.change(pro, Wish(seats=30))
    assert away.value.retry_after == seconds and "nothing was done" in away.value.message
    assert vendor.desk(pro).open is None and vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 1
    vendor.faults.clear()
    changes.change(pro, Wish(seats=30))
    assert is_changed_once(vendor, pro) and vendor.commands(pro) == 2


def test_a_stripe_that_cannot_be_reached_at_all_has_done_nothing(vendor, pro):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    stripe = Stripe("sk_test_x", vendor.services.clock, api_base=url, patience=Patience(pauses=(0.01,)))
    command = asked(vendor, pro, change(vendor, pro))
    with pytest.raises(ProviderUnavailable):
        StripeSeller(stripe).perform(command, {})


def test_a_conflict_at_stripe_is_tried_again_and_when_it_stays_looked_into(vendor, changes, pro):
    vendor.faults.add("conflict", **UPDATES, times=2)
    changes.change(pro, Wish(seats=30))
    assert is_changed_once(vendor, pro)
    vendor.faults.add("conflict", **UPDATES)
    with pytest.raises(OutcomeUnknown):
        changes.change(pro, Wish(seats=20))
    vendor.faults.clear()
    finish(vendor, pro)
    assert vendor.subscription(pro).terms.quantity == 2


def test_an_error_that_stripe_would_repeat_for_ever_ends_by_a_look_at_how_things_stand(vendor, changes, pro):
    vendor.faults.add("error", **UPDATES, times=1)
    with pytest.raises(ProviderUnavailable):
        changes.change(pro, Wish(seats=30))
    changes.change(pro, Wish(seats=30))
    assert is_changed_once(vendor, pro)


def test_a_refusal_is_an_outcome_and_names_stripes_word(vendor, changes, pro):
    reference = vendor.subscription(pro).provider_id
    vendor.account.cancel(reference, at_period_end=False)
    with pytest.raises(ProviderRefused) as refused:
        vendor.services.provider_commands.carry_out(pro, Pause(reference), organization_id=UUID(int=7))
    assert refused.value.details == {"provider_code": "resource_missing"}
    assert vendor.desk(pro).open is None
    vendor.catch_up()
    with vendor.services.database.connection() as connection:
        (row,) = list_provider_commands(connection, limit=1)
    assert (row["kind"], row["status"], row["reason"]) == ("pause", "refused", "provider_refused")


def test_a_subscription_that_stripe_does_not_have_is_not_found(vendor, pro):
    with pytest.raises(NotFound):
        vendor.services.seller.running("sub_of_another_account")


def test_a_key_that_stripe_does_not_take_is_the_vendors_matter(vendor, pro):
    stripe = Stripe("sk_live_wrong", vendor.services.clock, api_base=vendor.url)
    with pytest.raises(BuyingNotSetUp):
        StripeSeller(stripe).running(vendor.subscription(pro).provider_id)


def test_without_a_key_nothing_can_be_bought(vendor, changes, pro):
    vendor.services.provider_commands._seller = None
    with pytest.raises(BuyingNotSetUp):
        changes.change(pro, Wish(seats=30))
    with pytest.raises(BuyingNotSetUp):
        vendor.checkout(vendor.organization(email="bob@example.com"))


# processes that die


def test_killed_before_the_call_the_change_is_made_by_whoever_finds_it(vendor, pro):
    asked(vendor, pro, change(vendor, pro))
    desk = finish(vendor, pro)
    assert desk.open is None and is_changed_once(vendor, pro)


def test_killed_between_the_call_and_its_outcome_the_change_is_not_made_again(vendor, pro):
    command = asked(vendor, pro, change(vendor, pro))
    vendor.services.seller.perform(command, {})
    assert finish(vendor, pro).open is None and is_changed_once(vendor, pro)


def test_done_and_undone_at_stripe_in_the_meantime_the_old_answer_does_not_count(vendor, pro):
    """Sent again under its key, Stripe only repeats what it said then: how things stand is asked anew."""
    command = asked(vendor, pro, change(vendor, pro))
    vendor.services.seller.perform(command, {})
    vendor.account.change_quantity(vendor.subscription(pro).provider_id, 5)
    finish(vendor, pro)
    assert vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 5
    assert vendor.subscription(pro).terms.quantity == 5


def test_after_a_day_a_command_is_looked_for_and_not_sent_again(vendor, pro):
    asked(vendor, pro, change(vendor, pro))
    vendor.account.advance(DAY)
    assert finish(vendor, pro).open is None
    assert vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 1
    command = asked(vendor, pro, change(vendor, pro))
    vendor.services.seller.perform(command, {})
    vendor.account.advance(2 * DAY)
    assert finish(vendor, pro).reference == vendor.subscription(pro).provider_id
    assert is_changed_once(vendor, pro)


def test_what_was_promised_holds_for_whoever_finishes_it_too(vendor, pro):
    ask = change(vendor, pro)
    running = vendor.services.seller.running(ask.subscription)
    promise = vendor.services.provider_commands.promise_of(ask, running)
    asked(vendor, pro, change(vendor, pro, promise=promise))
    vendor.account.change_quantity(ask.subscription, 2)
    assert finish(vendor, pro).open is None
    assert vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 2
    wrong = Promise(promise.total + 1, promise.due, "usd", vendor.services.seller.running(ask.subscription).state)
    asked(vendor, pro, change(vendor, pro, promise=wrong))
    finish(vendor, pro)
    assert vendor.at_stripe(pro)["items"]["data"][0]["quantity"] == 2


def test_a_page_that_nobody_was_led_to_is_given_up(vendor, pro):
    asked(vendor, UUID(int=9), OpenPortal("cus_1"))
    assert finish(vendor, UUID(int=9)).open is None


def test_a_half_done_cancellation_is_brought_to_its_end(vendor, changes, pro):
    changes.change(pro, Wish(seats=20, when=When.PERIOD_END))
    vendor.faults.add("unavailable", **UPDATES)  # the plan is withdrawn first, and that works
    with pytest.raises(OutcomeUnknown):
        changes.cancel(pro, When.PERIOD_END)
    assert vendor.at_stripe(pro)["schedule"] is None and vendor.at_stripe(pro)["cancel_at"] is None
    vendor.faults.clear()
    finish(vendor, pro)
    known = vendor.subscription(pro)
    assert known.terms.cancel_at == known.terms.period_end and known.next_change is None


def test_a_plan_that_stripe_refuses_leaves_no_schedule_behind(vendor, changes, pro):
    vendor.account.post("prices/price_startermonthly", {"active": False})
    with pytest.raises(UsherError):
        changes.change(pro, Wish(price="starter-monthly", when=When.PERIOD_END))
    assert vendor.at_stripe(pro)["schedule"] is None


def test_one_change_at_a_time_whoever_asks(vendor, changes, pro):
    def ask(seats: int) -> int | str:
        try:
            return changes.change(pro, Wish(seats=seats)).terms.quantity
        except CommandUnderWay as refused:
            return refused.code

    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(ask, [20, 30, 40, 50]))
    done = [each for each in answers if isinstance(each, int)]
    assert done and set(answers) - set(done) <= {"change_in_progress"}
    assert vendor.commands(pro) == len(done)
    assert vendor.subscription(pro).terms.quantity == vendor.at_stripe(pro)["items"]["data"][0]["quantity"]


def test_what_cannot_be_taken_in_does_not_keep_a_command_open(vendor, changes, pro, monkeypatch):
    def breaks(*_) -> None:
        raise KeyError("a shape that nobody here understands")

    monkeypatch.setattr(vendor.services.billing, "take_in", breaks)
    changes.change(pro, Wish(seats=30))
    assert vendor.desk(pro).open is None
    assert vendor.subscription(pro).terms.quantity == 1
    monkeypatch.undo()
    vendor.deliver()
    assert is_changed_once(vendor, pro)


# customers


def test_a_customer_is_made_once_whoever_dies_and_is_found_by_its_stamp(vendor):
    organization_id = vendor.organization()
    command = asked(vendor, organization_id, MakeCustomer(), organization_id)
    vendor.services.seller.perform(command, {"email": "ada@example.com", "name": "Ada Ltd"})
    vendor.services.store.fetch(ProviderDesk, provider_desk_id(PROVIDER, organization_id))
    with pytest.raises(CommandUnderWay):
        vendor.checkout(organization_id)
    customer = finish(vendor, organization_id).reference
    assert vendor.checkout(organization_id)["customer"] == customer
    assert vendor.times("customer.created") == 1


def test_a_customer_whose_answer_is_lost_is_not_made_again(vendor):
    vendor.faults.add("lost", method="POST", path="/v1/customers", times=1)
    session = vendor.checkout(vendor.organization())
    assert session["customer"] and vendor.times("customer.created") == 1


# the sweep


def test_the_sweep_finds_what_has_no_outcome_after_a_minute(vendor, pro):
    asked(vendor, pro, change(vendor, pro))
    vendor.catch_up()
    with vendor.services.database.connection() as connection:
        assert open_desks(connection, before=vendor.now - timedelta(seconds=1), limit=10) == []
        assert open_desks(connection, before=vendor.now, limit=10) == [vendor.desk(pro).id]
    finish(vendor, pro)
    vendor.catch_up()
    with vendor.services.database.connection() as connection:
        assert open_desks(connection, before=vendor.now, limit=10) == []


def test_a_resumption_that_was_declined_is_not_charged_again_by_the_sweep(vendor, changes, pro):
    changes.pause(pro)
    vendor.card(pro, "visa_chargeDeclinedInsufficientFunds")
    with pytest.raises(PaymentDeclined):
        changes.resume(pro)
    attempts = vendor.times("charge.failed")
    assert vendor.desk(pro).open is None
    finish(vendor, pro)
    assert vendor.times("charge.failed") == attempts
    assert vendor.subscription(pro).terms.status is At.PAUSED
