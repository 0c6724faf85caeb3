"""What follows from facts outside the log: mails that are sent once, sessions that end, whatever is repeated."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.bootstrap import Services
from adapters.mail_catcher import CaughtMail
from application.reactions import errands_of
from domain.ids import license_id_for, message_id, subscription_id_for
from domain.license import License
from scripts.stripe_sim import StripeAccount

PRO = "price_coditect_pro_monthly"
START = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Engine:
    """Webhooks in, errands out, as the processes do it between them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.now = START
        services.clock.now = lambda: self.now  # type: ignore[method-assign]
        services.catalog.apply(services.catalog.read(Path("docs/catalogs/coditect.yaml").read_bytes()))
        services.billing._wake = services.billing.process
        self.stripe = StripeAccount(seed=1, now=START)
        self.stripe.price(PRO, amount=9900, lookup_key="pro-monthly")
        self._fed = 0

    def feed(self) -> None:
        """Processes what the provider has reported since the last time."""
        self.now = max(self.now, self.stripe.now)
        for event in self.stripe.events[self._fed :]:
            received, rows = self.services.billing.receive(
                "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
            )
            self.services.store.add(received, rows=rows)
            self.services.billing.process(received.id)
        self._fed = len(self.stripe.events)
        self.dispatch()

    def dispatch(self) -> None:
        """Every errand of every event of the log, again each time: what was done before must stay done once."""
        for stored in self.services.store.recorder.select_notifications(None, 10_000):
            event: Any = self.services.codec.to_domain_event(stored)
            for task in errands_of(event):
                id = message_id(event.originator_id, event.originator_version, task)
                self.services.database.execute(
                    *self.services.outbox.put(id, task, event.originator_id, event.originator_version)
                )
                self.services.errands.run(id)

    def mails(self, to: str = "ada@example.com") -> list[CaughtMail]:
        """Oldest first."""
        return list(reversed(self.services.mailer.caught(to=to)))

    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.mails()]

    def license(self, sub: str) -> License:
        return self.services.store.fetch(License, license_id_for(subscription_id_for("stripe", sub)))


@pytest.fixture
def engine(services) -> Engine:
    return Engine(services)


def bought(engine: Engine) -> str:
    sub = engine.stripe.checkout(price=PRO, email="ada@example.com", name="Ada").the("subscription")["id"]
    engine.feed()
    return sub


def test_the_buyer_gets_one_mail_with_the_key_and_the_signed_file(engine):
    license = engine.license(bought(engine))
    engine.dispatch()
    (mail,) = engine.mails()
    key = engine.services.license_keys.reveal(license).text
    assert key in mail.text and key in mail.html
    file = json.loads(mail.attachment("coditect-license.json"))
    assert (file["usher_license"], file["algorithm"]) == (1, "ed25519")


def test_a_customer_whose_address_comes_late_gets_the_mail_then(engine):
    sub = engine.stripe.checkout(price=PRO, email="ada@example.com", name="Ada").the("subscription")["id"]
    events = engine.stripe.events
    created = [e for e in events if e["type"] == "customer.subscription.created"]
    others = [e for e in events if e["type"] != "customer.subscription.created"]
    engine.stripe.events[:] = created
    engine.feed()
    assert engine.mails() == []
    engine.stripe.events[:] = created + others
    engine.feed()
    assert len(engine.mails()) == 1
    assert engine.license(sub)


def test_each_failed_payment_the_suspension_and_the_return_are_told_once(engine):
    sub = bought(engine)
    invoice = engine.stripe.fail_renewal(sub).the("invoice")["id"]
    engine.feed()
    for _ in range(2):
        engine.stripe.fail_again(invoice)
        engine.feed()
    engine.stripe.pay(invoice)
    engine.feed()
    engine.dispatch()
    assert len(engine.subjects()) == 5, engine.subjects()
    first, urgent, suspended, back = engine.mails()[1:]
    assert "99.00 USD" in first.text
    assert first.subject != urgent.subject
    assert "stopped working" in suspended.text
    assert back.text


def test_a_payment_that_came_before_the_mail_went_takes_the_warning_back(engine):
    sub = bought(engine)
    invoice = engine.stripe.fail_renewal(sub).the("invoice")["id"]
    engine.stripe.advance(timedelta(hours=1))
    engine.stripe.pay(invoice)
    engine.feed()
    assert len(engine.mails()) == 1


def test_an_errand_that_fails_is_kept_and_tried_again_later(engine, monkeypatch):
    def broken(notice: object) -> None:
        raise RuntimeError("the mail server is on fire")

    post = engine.services.errands._post
    monkeypatch.setattr(engine.services.errands, "_post", broken)
    bought(engine)
    kept = engine.services.database.fetch_all("select task, attempts, error from outbox")
    assert "mail/license_issued" in {row["task"] for row in kept}
    assert {row["error"] for row in kept} == {"RuntimeError"}
    monkeypatch.setattr(engine.services.errands, "_post", post)
    engine.services.database.execute("update outbox set due_at = clock_timestamp()")
    engine.dispatch()
    assert len(engine.mails()) == 1
    assert engine.services.database.fetch_all("select * from outbox") == []
