"""The stand-in is deterministic, and every event of it is a complete snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stripe

from scripts.stripe_sim import Emitted, NotThere, Refused, StripeAccount, check
from scripts.stripe_sim.lives import LIVES
from tests.stripe_sim.expected import NOON, PRICE


def everything(seed: int) -> StripeAccount:
    account = StripeAccount(seed=seed, now=NOON)
    account.price(PRICE, amount=2900)
    for life in LIVES.values():
        life(account, PRICE)
    return account


def test_the_same_seed_tells_the_same_story_byte_for_byte() -> None:
    assert json.dumps(everything(1).events) == json.dumps(everything(1).events)
    assert everything(1).events != everything(2).events


def test_every_event_is_complete_and_every_id_is_used_once() -> None:
    account = everything(1)
    assert len({event["id"] for event in account.events}) == len(account.events) > 100
    for event in account.events:
        check(event)
        assert event["id"].startswith("evt_") and event["api_version"] == stripe.api_version
        assert (event["livemode"], event["pending_webhooks"]) == (False, 0)
        carries_former = event["type"].endswith(".updated") or event["type"] == "charge.refunded"
        assert ("previous_attributes" in event["data"]) == carries_former
    assert [event["created"] for event in account.events] == sorted(event["created"] for event in account.events)


def test_an_event_is_a_snapshot_that_later_changes_do_not_touch(account: StripeAccount, bought: Emitted) -> None:
    before = json.dumps(bought)
    account.fail_renewal(bought.the("subscription")["id"])
    account.retrieve("subscription", bought.the("subscription")["id"])["status"] = "canceled"
    assert json.dumps(account.events[3 : 3 + len(bought)]) == before
    assert account.find("subscription")[0]["status"] == "past_due"


def test_the_state_after_a_life_equals_the_last_snapshot_of_each_object() -> None:
    account = everything(3)
    last = {event["data"]["object"]["id"]: event["data"]["object"] for event in account.events}
    for kind in ("subscription", "invoice", "payment_intent", "dispute"):
        for thing in account.find(kind):
            assert last[thing["id"]] == thing


def test_a_refused_verb_changes_nothing_and_an_unknown_id_is_not_there(
    account: StripeAccount, subscription: str
) -> None:
    events = len(account.events)
    with pytest.raises(Refused):
        account.resume(subscription)
    with pytest.raises(Refused):
        account.checkout(price=PRICE)
    with pytest.raises(NotThere, match="No such subscription: 'sub_none'"):
        account.renew("sub_none")
    with pytest.raises(NotThere):
        account.retrieve("invoice", subscription)
    assert len(account.events) == events


def test_builders_leave_out_no_field_that_stripes_own_examples_have(account: StripeAccount, genuine: Path) -> None:
    hidden = {"charge": {"refunds"}, "invoice": {"subscription"}}
    for life in LIVES.values():
        life(account, PRICE)
    for kind in ("charge", "checkout.session", "customer", "dispute", "invoice", "invoice_payment", "payment_intent",
                 "payment_method", "price", "product", "refund", "subscription"):  # fmt: skip
        example = json.loads((genuine / f"{kind}.json").read_text())
        newest = next(thing for thing in account.find(kind) if not thing.get("deleted"))
        assert example.keys() - newest.keys() == hidden.get(kind, set()), kind
