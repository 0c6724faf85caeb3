"""A Stripe account in memory: the whole API over a ledger, and verbs that live a customer's life through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from scripts.stripe_sim.api import Api
from scripts.stripe_sim.ledger import Json, Ledger
from scripts.stripe_sim.objects import API_VERSION

P = ParamSpec("P")
A = TypeVar("A", bound="Account")


class Emitted(list[Json]):
    """The events of one verb, in the order in which they came about."""

    def the(self, kind: str) -> Json:
        """The last snapshot of a kind of object in these events; KeyError when there is none."""
        for event in reversed(self):
            if event["data"]["object"]["object"] == kind:
                return deepcopy(event["data"]["object"])
        raise KeyError(kind)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self]


def verb(act: Callable[Concatenate[A, P], None]) -> Callable[Concatenate[A, P], Emitted]:
    """A verb of the account: done whole under the account's lock, answered with the events it caused."""

    @wraps(act)
    def done(self: A, /, *args: P.args, **kwargs: P.kwargs) -> Emitted:
        with self.lock:
            first = len(self.events)
            act(self, *args, **kwargs)
            return Emitted(self.events[first:])

    return done


class Account(Ledger):
    """Deterministic by seed, with time as an argument; `ask`, `post` and `drop` are the API without HTTP."""

    def __init__(self, *, seed: int = 1, now: datetime, check: bool = True) -> None:
        super().__init__(seed=seed, now=now, check=check)
        self.api = Api(self)

    @property
    def retries(self) -> Sequence[timedelta]:
        """After how long a failed payment is tried again, each counted from the failure before it."""
        return self.api.settings.retries

    @retries.setter
    def retries(self, retries: Sequence[timedelta]) -> None:
        self.api.settings.retries = tuple(retries)

    def ask(self, path: str, parameters: Mapping[str, Any] | None = None) -> Json:
        """`GET /v1/<path>`."""
        return self.api.perform("GET", f"/v1/{path}", parameters or {})

    def post(self, path: str, parameters: Mapping[str, Any] | None = None) -> Json:
        """`POST /v1/<path>`, with numbers and lists as such; parameters that are None are left out."""
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        return self.api.perform("POST", f"/v1/{path}", given)

    def drop(self, path: str, parameters: Mapping[str, Any] | None = None) -> Json:
        """`DELETE /v1/<path>`."""
        return self.api.perform("DELETE", f"/v1/{path}", parameters or {})

    def register_webhook(self, url: str, secret: str | None = None) -> Json:
        """An endpoint that is told everything, in the current API version; the answer shows its secret."""
        with self.lock:
            given = {"url": url, "enabled_events": ["*"], "api_version": API_VERSION}
            return self.api.webhook_endpoints.make(given, secret=secret)

    @contextmanager
    def visited(self, kind: str, id: str) -> Iterator[Json]:
        """A person is on a page about this object: what is done in the block is one request, in the object's time."""
        with self.lock:
            thing = self.get(kind, id)
            clock = self.clock_of(thing)
            with self.on(clock), self.by_request():
                yield thing
            self.run_clock(clock, self.time_of(clock))

    def invoice_payments(self, *, payment_intent: str | None = None, invoice: str | None = None) -> list[Json]:
        """Payments of an invoice, or the one that an intent belongs to: the way from a charge back to its invoice."""
        found = self.find("invoice_payment", **({"invoice": invoice} if invoice else {}))
        return [each for each in found if payment_intent in (None, each["payment"]["payment_intent"])]

    def _until(self, moment: int) -> None:
        self.advance_to(datetime.fromtimestamp(moment, UTC))
