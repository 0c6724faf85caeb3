"""What follows from facts outside the log: mails that are sent once, sessions that end, whatever is repeated."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from adapters.mail_catcher import CaughtMail
from domain.mail_address import Cause
from tests.mail_world import ADA, CATALOG, PRO, MailWorld

BEGIN = ["license_issued", "subscription_confirmed", "invoice_paid"]


@pytest.fixture
def world(services) -> MailWorld:
    return MailWorld(services)


def kinds(world: MailWorld) -> list[str]:
    """Of all mails, in the order in which they were sent."""
    rows = world.services.database.fetch_all("select kind from mails where status = 'sent' order by claimed_at")
    return [row["kind"] for row in rows]


def the(world: MailWorld, kind: str) -> CaughtMail:
    (row,) = world.services.database.fetch_all("select message_id from mails where kind = %s", (kind,))
    return world.services.mailer.caught_mail(row["message_id"])


def test_the_buyer_gets_each_mail_once_with_the_key_the_signed_file_and_the_invoice(world):
    license = world.license(world.buy())
    world.dispatch(again=True)
    assert kinds(world) == BEGIN
    mail = the(world, "license_issued")
    key = world.services.license_keys.reveal(license).text
    assert key in mail.text and key in mail.html
    file = json.loads(mail.attachment("coditect-license.json"))
    assert (file["usher_license"], file["algorithm"]) == (1, "ed25519")
    paid = the(world, "invoice_paid")
    assert paid.attachment(paid.attachments[0]).startswith(b"%PDF-")


def test_a_customer_whose_address_comes_late_gets_all_mails_then_and_once(world):
    world.stripe.checkout(price=PRO, email=ADA, name="Ada")
    events = world.stripe.events
    early = [each for each in events if each["type"] == "customer.subscription.created"]
    for event in early:
        world.take(event)
    world.dispatch()
    assert world.mails() == []
    for event in events:
        world.take(event)
    world.dispatch()
    world.dispatch(again=True)
    assert sorted(kinds(world)) == sorted(BEGIN)


def test_each_failed_payment_the_suspension_and_the_return_are_told_once_and_in_one_thread(world):
    sub = world.buy()
    invoice = world.stripe.fail_renewal(sub).the("invoice")["id"]
    world.feed()
    for _ in range(2):
        world.stripe.fail_again(invoice)
        world.feed()
    world.stripe.pay(invoice)
    world.feed()
    world.dispatch(again=True)
    dunning = ["payment_failed", "payment_failed_urgent", "license_suspended", "license_reinstated", "invoice_paid"]
    assert kinds(world)[len(BEGIN) :] == dunning
    first, urgent, suspended, back, paid = world.mails()[len(BEGIN) :]
    assert "$99.00" in first.text and f"{world.stripe.get('invoice', invoice)['hosted_invoice_url']}" in first.text
    assert "stopped working" in suspended.text
    assert b"In-Reply-To" not in first.raw
    for earlier, later in ((first, urgent), (urgent, suspended), (suspended, back), (back, paid)):
        assert f"In-Reply-To: <{earlier.id}@".encode() in later.raw


def test_who_pays_the_newer_of_two_invoices_is_told_that_the_older_one_holds_the_licence(world):
    sub = world.buy()
    older, newer = (world.stripe.fail_renewal(sub).the("invoice")["id"] for _ in range(2))
    world.feed()
    world.stripe.pay(newer)
    world.feed()
    receipt = world.mails()[-1]
    assert "pay the $99.00 of an earlier invoice, too" in " ".join(receipt.text.split())
    assert world.stripe.get("invoice", older)["hosted_invoice_url"] in receipt.text
    assert world.license(sub).suspended_reason == "payment_failed"
    world.stripe.pay(older)
    world.feed()
    assert kinds(world)[-2:] == ["license_reinstated", "invoice_paid"]
    assert "earlier invoice" not in world.mails()[-1].text


def test_a_payment_that_came_before_the_mail_went_takes_the_warning_back(world):
    sub = world.buy()
    invoice = world.stripe.fail_renewal(sub).the("invoice")["id"]
    world.stripe.advance(timedelta(hours=1))
    world.stripe.pay(invoice)
    world.feed()
    assert kinds(world) == [*BEGIN, "invoice_paid"]


@pytest.mark.parametrize("seed", range(3))
def test_events_that_come_shuffled_and_twice_tell_nothing_twice_and_end_with_what_is_true(world, seed):
    sub = world.stripe.checkout(price=PRO, email=ADA, name="Ada").the("subscription")["id"]
    invoice = world.stripe.fail_renewal(sub).the("invoice")["id"]
    world.stripe.fail_again(invoice)
    world.stripe.pay(invoice)
    world.now = world.stripe.now
    events = world.stripe.events * 2
    for event in random.Random(seed).sample(events, len(events)):
        world.take(event)
        world.dispatch()
    told = kinds(world)
    assert len(world.subjects()) == len(set(world.subjects())), world.subjects()
    assert told.count("license_issued") == 1 and told[-1] == "invoice_paid"
    assert not {"license_suspended", "license_revoked"} & set(told)


def test_mails_are_in_the_language_that_the_provider_knows_of_the_customer(world):
    customer = world.stripe.customer(email=ADA, name="Ada").the("customer")["id"]
    world.stripe.update_customer(customer, preferred_locales=["ar-EG"])
    world.stripe.checkout(price=PRO, customer=customer)
    world.feed()
    assert {row["language"] for row in world.services.database.fetch_all("select language from mails")} == {"ar-EG"}
    assert 'dir="rtl"' in world.mails()[0].html


def test_what_the_vendor_leaves_out_is_not_sent_but_the_key_always_is(services):
    left_out = "license_key_prefix: CODI, mails: {subscription_confirmed: false, invoice_paid: false}}"
    document = CATALOG.read_text().replace("license_key_prefix: CODI}", left_out)
    world = MailWorld(services, catalog=document.encode())
    world.buy()
    assert kinds(world) == ["license_issued"]


def test_a_suppressed_address_gets_nothing_and_the_log_says_so_and_a_lifted_one_gets_what_is_new(world):
    world.services.mail_addresses.suppress(ADA.upper(), Cause.BOUNCED, code="550 5.1.1")
    sub = world.buy()
    assert kinds(world) == [] and world.mails() == []
    rows = world.services.mail_log.list()
    assert sorted((row.kind, row.status) for row in rows) == sorted((kind, "suppressed") for kind in BEGIN)
    world.services.mail_addresses.restore(ADA, reason="the mailbox was full")
    world.stripe.renew(sub)
    world.feed()
    world.dispatch(again=True)
    assert kinds(world) == ["subscription_renewed"]


def test_a_mail_is_sent_again_with_a_reason_and_once_each_time(world):
    world.buy()
    first = the(world, "license_issued")
    again = world.services.resending.resend(first.id, reason="deleted by mistake")
    world.dispatch()
    world.dispatch(again=True)
    assert kinds(world) == [*BEGIN, "license_issued"]
    assert world.services.mailer.caught_mail(again).text == first.text


def test_an_errand_that_fails_is_kept_and_tried_again_later(world, monkeypatch):
    def broken(notice: object) -> None:
        raise RuntimeError("the mail server is on fire")

    post = world.services.errands._post
    monkeypatch.setattr(world.services.errands, "_post", broken)
    world.buy()
    kept = world.services.database.fetch_all("select task, attempts, error from outbox")
    assert {"mail/license_issued", "mail/invoice_paid"} <= {row["task"] for row in kept}
    assert {row["error"] for row in kept} == {"RuntimeError"}
    monkeypatch.setattr(world.services.errands, "_post", post)
    world.services.database.execute("update outbox set due_at = clock_timestamp()")
    world.dispatch(again=True)
    assert sorted(kinds(world)) == sorted(BEGIN)
    assert world.services.database.fetch_all("select * from outbox") == []
