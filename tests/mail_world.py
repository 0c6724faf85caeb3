"""An engine that writes to customers: webhooks in, errands and reminders out, as the processes do it between them, on a
clock that keeps step with the stand-in for Stripe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson

from adapters.bootstrap import Services
from adapters.mail_catcher import CaughtMail
from application.reactions import errands_of
from domain.errors import AlreadyRecorded
from domain.ids import license_id_for, message_id, subscription_id_for
from domain.license import License
from projections.deadlines import Deadlines
from projections.follower import Followers, connect
from projections.positions import prepare
from projections.read_model import ReadModel
from projections.reminders import Reminders
from scripts.stripe_sim import StripeAccount
from workers.chores import chores

CATALOG = Path(__file__).parents[1] / "docs" / "catalogs" / "coditect.yaml"
PRO = "price_coditect_pro_monthly"
START = datetime(2026, 12, 1, 12, tzinfo=UTC)
ADA = "ada@example.com"
_BY_TIME = ("settle_deadlines", "tell_ahead")


class MailWorld:
    """CODITECT is on sale; `now` is the engine's time."""

    def __init__(self, services: Services, *, now: datetime = START, catalog: bytes | None = None) -> None:
        self.services = services
        self.now = now
        services.clock.now = lambda: self.now  # type: ignore[method-assign]
        document = catalog or CATALOG.read_bytes()
        services.catalog.apply(services.catalog.read(document))
        services.billing._wake = services.billing.process
        self.stripe = StripeAccount(seed=1, now=now)
        self.stripe.price(PRO, amount=9900, lookup_key="pro-monthly")
        self._fed = 0
        self._dispatched = 0

    def take(self, event: dict[str, Any]) -> None:
        """One webhook, received and processed, however often it comes."""
        received, rows = self.services.billing.receive(
            "stripe", event["id"], event["type"], datetime.fromtimestamp(event["created"], UTC), orjson.dumps(event)
        )
        with suppress(AlreadyRecorded):
            self.services.store.add(received, rows=rows)
        self.services.billing.process(received.id)

    def feed(self) -> None:
        """Processes what the provider has reported since the last time, and does what follows."""
        self.now = max(self.now, self.stripe.now)
        for event in self.stripe.events[self._fed :]:
            self.take(event)
        self._fed = len(self.stripe.events)
        self.dispatch()

    def dispatch(self, *, again: bool = False) -> None:
        """Every errand of every new event of the log; `again`: of all events, what was done must stay done once."""
        since = 0 if again else self._dispatched
        for stored in self.services.store.recorder.select_notifications(since + 1, 100_000):
            event: Any = self.services.codec.to_domain_event(stored)
            for task in errands_of(event):
                id = message_id(event.originator_id, event.originator_version, task)
                row = self.services.outbox.put(id, task, event.originator_id, event.originator_version)
                self.services.database.execute(*row)
                self.services.errands.run(id)
            self._dispatched = stored.id

    def live_until(self, end: datetime) -> None:
        """Time passes, here and at Stripe, and whatever falls due is done in the evening of its day."""
        by_time = [chore.do for chore in chores(self.services) if chore.do.__name__ in _BY_TIME]
        with self.following(Deadlines(), Reminders()) as catch_up:
            while self.now < end:
                self.stripe.advance_to(min(_evening(self.now), end))
                self.feed()
                self.now = max(self.now, self.stripe.now)
                catch_up()
                for do in by_time:
                    do()
                self.dispatch()

    @contextmanager
    def following(self, *models: ReadModel) -> Iterator[Callable[[], None]]:
        """These read models, up to date; calling brings them up to date again."""
        followers = Followers(self.services.settings.database_url, self.services.codec.to_domain_event, list(models))
        with connect(self.services.settings.database_url) as connection:
            prepare(connection, models)
            followers.catch_up(connection)
            yield lambda: followers.catch_up(connection)

    def mails(self, to: str = ADA) -> list[CaughtMail]:
        """Oldest first."""
        return list(reversed(self.services.mailer.caught(1_000, to=to)))

    def subjects(self, to: str = ADA) -> list[str]:
        return [mail.subject for mail in self.mails(to)]

    def diary(self, to: str = ADA) -> list[str]:
        """Each mail with its day."""
        return [f"{mail.date:%d %b %Y}  {mail.subject}" for mail in self.mails(to)]

    def license(self, sub: str) -> License:
        return self.services.store.fetch(License, license_id_for(subscription_id_for("stripe", sub)))

    def buy(self, price: str = PRO, **how: Any) -> str:
        """Ada buys on Stripe's page; the id of her subscription there."""
        sub = self.stripe.checkout(price=price, email=ADA, name="Ada", **how).the("subscription")["id"]
        self.feed()
        return cast(str, sub)


def _evening(now: datetime) -> datetime:
    """The next one."""
    evening = now.replace(hour=18)
    return evening if now < evening else evening + timedelta(days=1)
