"""Webhooks reach their endpoints signed and in order, again when they are not taken, and as badly as a test wants."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import stripe

from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.faults import Faults
from scripts.stripe_sim.outbox import GIVE_UP_AFTER, Outbox
from scripts.stripe_sim.server import serving
from tests.stripe_sim.expected import PRICE
from tests.stripe_sim.receiver import SECRET, Receiver, receiving


class Line:
    """A stand-in with one endpoint, and its controls."""

    def __init__(self, account: StripeAccount, url: str, receiver: Receiver) -> None:
        self.account, self.receiver = account, receiver
        self.http = httpx.Client(base_url=url)
        self.endpoint = account.register_webhook(receiver.url, SECRET)

    def buy(self) -> list[str]:
        """The ids of the events of a purchase."""
        bought = self.account.checkout(price=PRICE, email="ada@example.com")
        return [event["id"] for event in bought]

    def fault(self, kind: str, **options: object) -> None:
        self.http.post("/_sim/faults", json={"kind": kind, **options}).raise_for_status()

    def settle(self, *, retry: bool = False) -> None:
        """Waits until all is delivered; with `retry` without the pauses between attempts."""
        while retry and not self.http.post("/_sim/settled", json={"within": 0.02}).json()["settled"]:
            self.http.post("/_sim/deliveries/retry")
        assert self.http.post("/_sim/settled", json={"within": 20}, timeout=30).json() == {"settled": True, "open": 0}

    def attempts(self) -> list[list[str]]:
        return [each["attempts"] for each in self.http.get("/_sim/deliveries").json()["deliveries"]][::-1]


@pytest.fixture
def line(account: StripeAccount) -> Iterator[Line]:
    with receiving() as receiver, serving(account) as url:
        line = Line(account, url, receiver)
        yield line
        line.http.close()


def test_what_happens_is_delivered_signed_and_in_order(line: Line) -> None:
    events = line.buy()
    line.settle()
    assert line.receiver.taken == events
    assert {line.account.find("event", id=id) == [] for id in events} == {True}
    assert all(event["pending_webhooks"] == 0 for event in line.account.events)


def test_an_endpoint_hears_the_events_that_it_wants_and_shows_its_secret_once(line: Line) -> None:
    url = f"{line.receiver.url}/paid"
    made = line.account.post("webhook_endpoints", {"url": url, "enabled_events": ["invoice.paid"]})
    assert made["secret"].startswith("whsec_")
    assert "secret" not in line.account.ask(f"webhook_endpoints/{made['id']}")
    events = line.buy()
    line.account.post(f"webhook_endpoints/{line.endpoint['id']}", {"disabled": True})
    line.account.drop(f"webhook_endpoints/{made['id']}")
    line.buy()
    line.settle()
    assert (line.receiver.taken, line.receiver.refused) == (events, 0)
    listed = line.account.ask("webhook_endpoints")["data"]
    assert [(each["id"], each["status"]) for each in listed] == [(line.endpoint["id"], "disabled")]


def test_what_is_not_taken_is_delivered_again(line: Line) -> None:
    line.receiver.statuses = [500, 503]
    line.account.customer("ada@example.com")
    line.settle(retry=True)
    assert line.receiver.types == ["customer.created"]
    assert line.attempts() == [["500", "503", "200"]]


def test_pauses_grow_and_end_after_three_days() -> None:
    outbox, now = Outbox(), 1000.0
    outbox.put({"id": "evt_1", "type": "x", "pending_webhooks": 1}, {"id": "we_1"})
    pauses = []
    while due := outbox.due(now):
        outbox.failed(due[0], now, "500")
        pauses.append(due[0].due - now)
        now = due[0].due
    assert pauses[:7] == [1, 4, 16, 64, 256, 1024, 3600]
    assert GIVE_UP_AFTER < now - 1000 < GIVE_UP_AFTER + 2 * 3600
    assert (outbox.open, outbox.recent[0].given_up) == ([], True)


def test_a_delivery_can_be_sent_again_by_hand_and_by_the_command_line(line: Line) -> None:
    (event,) = (each["id"] for each in line.account.customer("ada@example.com"))
    line.settle()
    number = line.http.get("/_sim/deliveries").json()["deliveries"][0]["number"]
    assert line.http.post(f"/_sim/deliveries/{number}/resend").json() == {"open": 1}
    line.settle()
    line.account.post(f"events/{event}/retry", {"for_stripecli": True})
    line.settle()
    assert line.receiver.taken == [event] * 3
    assert line.http.post("/_sim/deliveries/9999/resend").status_code == 404


def test_deliveries_twice(line: Line) -> None:
    line.fault("duplicate", event="invoice.paid")
    line.buy()
    line.settle()
    assert {type: line.receiver.types.count(type) for type in ("invoice.paid", "invoice.created")} == {
        "invoice.paid": 2,
        "invoice.created": 1,
    }


def test_deliveries_in_another_order(line: Line) -> None:
    line.fault("reorder", seconds=0.2)
    events = line.buy()
    line.settle()
    assert sorted(line.receiver.taken) == sorted(events)
    assert line.receiver.taken != events


def test_deliveries_that_come_late_and_such_that_never_come(line: Line) -> None:
    line.fault("delay", event="customer.created", seconds=0.2, times=1)
    line.fault("drop", event="charge.*")
    line.buy()
    line.settle()
    assert line.receiver.types[-1] == "customer.created"
    assert "charge.succeeded" not in line.receiver.types
    assert "invoice.paid" in line.receiver.types


def test_signatures_that_are_old_or_somebody_elses_are_followed_by_good_ones(line: Line) -> None:
    line.fault("stale_signature", event="invoice.paid", times=1)
    line.fault("bad_signature", event="customer.created", times=1)
    events = line.buy()
    line.settle(retry=True)
    assert line.receiver.refused == 2
    assert sorted(line.receiver.taken) == sorted(events)


def test_faults_are_shown_removed_and_refused_when_they_make_no_sense(line: Line) -> None:
    line.fault("drop", share=0.5)
    (fault,) = line.http.get("/_sim/faults").json()["faults"]
    assert (fault["kind"], fault["share"], fault["event"]) == ("drop", 0.5, "*")
    for nonsense in ({"kind": "flood"}, {"kind": "drop", "colour": 1}, {"kind": "drop", "share": 2}):
        assert line.http.post("/_sim/faults", json=nonsense).status_code == 400
    assert line.http.delete(f"/_sim/faults/{fault['number']}").json() == {"faults": []}
    assert line.http.delete(f"/_sim/faults/{fault['number']}").status_code == 404
    line.fault("drop")
    assert line.http.delete("/_sim/faults").json() == {"faults": []}


def test_which_deliveries_are_struck_is_decided_by_the_seed() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("drop", share=0.5)
        return [faults.strike("drop", event="x") is not None for _ in range(50)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 10 < sum(strikes(1)) < 40


def test_an_event_in_another_api_version_is_not_promised(account: StripeAccount) -> None:
    given = {"url": "http://127.0.0.1:1/x", "enabled_events": ["*"], "api_version": "2022-11-15"}
    with pytest.raises(Exception, match=stripe.api_version):
        account.post("webhook_endpoints", given)
