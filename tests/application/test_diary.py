"""What a customer reads over the years: every mail with its day, on a clock in step with the provider's."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from tests.mail_world import CATALOG, MailWorld

STARTER = "price_coditect_starter_monthly"
PRO = "price_coditect_pro_monthly"
YEARLY = "price_coditect_pro_yearly"


class Entry(NamedTuple):
    """A mail of the diary; `sentence` stands in it."""

    day: str
    subject: str
    sentence: str


class Diary:
    """Reads what is new."""

    def __init__(self, world: MailWorld) -> None:
        self._world = world
        self._read = 0

    def reads(self, *entries: tuple[str, str, str]) -> None:
        """These mails came since the last time, and no other."""
        mails = self._world.mails()[self._read :]
        self._read += len(mails)
        expected = [Entry(*entry) for entry in entries]
        assert [(f"{mail.date:%d %b %Y}", mail.subject) for mail in mails] == [each[:2] for each in expected]
        for mail, entry in zip(mails, expected, strict=True):
            assert entry.sentence in " ".join(mail.text.split()), mail.text


def day(day: int, month: int, year: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.fixture
def world(services) -> MailWorld:
    """CODITECT with a yearly price, too."""
    document = CATALOG.read_text()
    monthly = "      - {code: pro-monthly,"
    yearly = f"      - {{code: pro-yearly, amount: 99000, currency: usd, interval: year, stripe_price: {YEARLY}}}\n"
    world = MailWorld(services, now=day(1, 12, 2026), catalog=document.replace(monthly, yearly + monthly).encode())
    world.stripe.price(STARTER, amount=2900, lookup_key="starter-monthly")
    world.stripe.price(YEARLY, amount=99000, lookup_key="pro-yearly", interval="year")
    return world


def live_a_life(world: MailWorld, diary: Diary | None = None) -> None:
    """Ada's; without a diary the provider alone lives it, and nobody hears of it yet."""
    stripe = world.stripe
    until = world.live_until if diary else stripe.advance_to

    def did(*entries: tuple[str, str, str]) -> None:
        if diary:
            world.feed()
            diary.reads(*entries)

    def has_read(*entries: tuple[str, str, str]) -> None:
        if diary:
            diary.reads(*entries)

    # She tries it for two weeks.
    bought = stripe.checkout(price=STARTER, email="ada@example.com", name="Ada", trial_days=14)
    sub, customer = bought.the("subscription")["id"], bought.the("customer")["id"]
    did(
        ("01 Dec 2026", "Your CODITECT licence", "This is your licence key: CODI-"),
        ("01 Dec 2026", "Your CODITECT subscription has begun", "nothing is charged during the trial"),
    )
    until(day(20, 12, 2026))
    has_read(
        ("12 Dec 2026", "Your CODITECT trial ends on 15 December 2026", "Then: $29.00 a month"),
        ("15 Dec 2026", "CODITECT: paid until 15 January 2027", "$29.00"),
    )

    # Three seats are too few.
    until(day(10, 1, 2027))
    stripe.change_price(sub, PRO, proration_behavior="none")
    did(("10 Jan 2027", "Your CODITECT subscription has changed", "Starter, 3 seats"))
    until(day(20, 1, 2027))
    has_read(("15 Jan 2027", "CODITECT: paid until 15 February 2027", "$99.00"))

    # Her bank says no, three times.
    unpaid = stripe.fail_renewal(sub).the("invoice")["id"]
    did(("15 Feb 2027", "Your payment for CODITECT failed", "we try again on 18 February 2027"))
    until(day(25, 2, 2027))
    has_read(
        ("18 Feb 2027", "Urgent: CODITECT stops on 21 February 2027", "is suspended on 21 February 2027, 13:00 UTC"),
        ("21 Feb 2027", "Your CODITECT licence is suspended", "The payment failed several times"),
    )
    stripe.pay(unpaid)
    did(
        ("25 Feb 2027", "Your CODITECT licence works again", "takes its seat"),
        ("25 Feb 2027", "Invoice TF3RQBS0-0004: paid, thank you", "We have received $99.00."),
    )

    # She is away for two weeks.
    until(day(20, 3, 2027))
    has_read(("15 Mar 2027", "CODITECT: paid until 15 April 2027", "$99.00"))
    stripe.pause(sub)
    did(("20 Mar 2027", "Your CODITECT subscription is paused", "resume it whenever you like"))
    until(day(2, 4, 2027))
    stripe.resume(sub)
    did(("02 Apr 2027", "Your CODITECT subscription goes on", "The pause is over."))
    until(day(5, 5, 2027))
    has_read(("15 Apr 2027", "CODITECT: paid until 15 May 2027", "$99.00"))

    # By the year it is cheaper.
    stripe.change_price(sub, YEARLY, proration_behavior="create_prorations")
    did(
        ("05 May 2027", "Your CODITECT subscription has changed", "$990.00 a year"),
        ("05 May 2027", "Invoice TF3RQBS0-0007: paid, thank you", "CODITECT"),
    )

    # She thinks of leaving, and stays.
    until(day(1, 7, 2027))
    stripe.cancel(sub)
    did(("01 Jul 2027", "Your CODITECT subscription is cancelled", "the licence works until 5 May 2028"))
    until(day(3, 7, 2027))
    stripe.uncancel(sub)
    did(("03 Jul 2027", "Your CODITECT subscription goes on", "The cancellation was taken back"))

    # The card that she pays with now runs out before the next year begins; then her bank lengthens it.
    until(day(1, 2, 2028))
    number = {"number": "4242424242424242", "exp_month": 3, "exp_year": 2028}
    card = stripe.post("payment_methods", {"type": "card", "card": number})
    stripe.post(f"payment_methods/{card['id']}/attach", {"customer": customer})
    stripe.post(f"subscriptions/{sub}", {"default_payment_method": card["id"]})
    did()
    until(day(10, 4, 2028))
    has_read(
        ("18 Mar 2028", "The card for CODITECT expires soon", "is good until 31 March 2028"),
        ("05 Apr 2028", "CODITECT renews on 5 May 2028", "cancel before that day"),
    )
    stripe.post(f"payment_methods/{card['id']}", {"card": {"exp_month": 3, "exp_year": 2032}})
    did()
    until(day(8, 5, 2028))
    has_read(
        ("28 Apr 2028", "CODITECT renews on 5 May 2028", "$990.00 a year"),
        ("05 May 2028", "CODITECT: paid until 5 May 2029", "$990.00"),
    )

    # A part comes back; her bookkeeper disputes the rest, by mistake.
    invoice = stripe.get("subscription", sub)["latest_invoice"]
    stripe.refund(invoice, amount=4500)
    did(("08 May 2028", "Your refund of $45.00", "banks take up to ten days"))
    until(day(12, 5, 2028))
    dispute = stripe.dispute(invoice).the("dispute")["id"]
    did(("12 May 2028", "A payment for CODITECT is disputed", "tell your bank to withdraw the dispute"))
    until(day(20, 5, 2028))
    stripe.close_dispute(dispute, won=True)
    did(("20 May 2028", "Your CODITECT licence works again", "The suspension is over."))

    # Now she does leave.
    stripe.cancel(sub)
    did(("20 May 2028", "Your CODITECT subscription is cancelled", "the licence works until 5 May 2029"))
    until(day(20, 5, 2029))
    has_read(
        ("02 May 2029", "CODITECT ends on 5 May 2029", "As you asked"),
        ("05 May 2029", "Your CODITECT subscription has ended", "nothing more is charged"),
    )


def test_a_customer_is_told_all_that_happens_on_its_day_and_nothing_twice(world):
    diary = Diary(world)
    live_a_life(world, diary)
    world.dispatch(again=True)
    diary.reads()


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_hears_of_a_whole_life_when_it_is_over_and_in_any_order_tells_only_its_end(world, seed):
    live_a_life(world)
    events = world.stripe.events
    world.now = world.stripe.now
    for event in random.Random(seed).sample(events * 2, 2 * len(events)):
        world.take(event)
    world.dispatch()
    assert world.subjects() == ["Your CODITECT subscription has ended"]
