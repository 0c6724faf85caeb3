"""What a Stripe account remembers: its objects, the events it emitted, its clock; and what it answers when asked."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import wraps
from random import Random
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from scripts.stripe_sim import objects
from scripts.stripe_sim.oracle import check

LETTERS = string.ascii_letters + string.digits
Json = dict[str, Any]
P = ParamSpec("P")
L = TypeVar("L", bound="Ledger")


class Refused(Exception):
    """What Stripe answers 400 to: the request does not fit the state of the object."""


class NotThere(Refused):
    """What Stripe answers 404 to: `No such subscription: 'sub_…'`."""

    def __init__(self, kind: str, id: str):
        super().__init__(f"No such {kind}: '{id}'")
        self.kind, self.id = kind, id


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


def verb(act: Callable[Concatenate[L, P], None]) -> Callable[Concatenate[L, P], Emitted]:
    """A verb of the account: done whole under the account's lock, answered with the events it caused."""

    @wraps(act)
    def done(self: L, /, *args: P.args, **kwargs: P.kwargs) -> Emitted:
        with self.lock:
            first = len(self.events)
            act(self, *args, **kwargs)
            return Emitted(self.events[first:])

    return done


class Ledger:
    """State of the account. Everything random comes from `seed`, every time from `now` (aware, UTC)."""

    def __init__(self, *, seed: int = 1, now: datetime, check: bool = True):
        self.now = now.astimezone(UTC).replace(microsecond=0)
        self.check = check
        self.events: list[Json] = []
        self.lock = RLock()
        self._random = Random(seed)
        self._objects: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        self._request: str | None = None

    @property
    def at(self) -> int:
        """Now, in epoch seconds."""
        return int(self.now.timestamp())

    def advance(self, by: timedelta) -> None:
        """Let time pass; nothing happens by itself."""
        self.advance_to(self.now + by)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until `moment`; a moment that is over already changes nothing."""
        self.now = max(self.now, moment.astimezone(UTC).replace(microsecond=0))

    def retrieve(self, kind: str, id: str) -> Json:
        """A copy of the object as it is now. NotThere when absent or of another kind; a deleted one is a stub."""
        with self.lock:
            return deepcopy(self._get(kind, id))

    def find(self, kind: str, **matching: Any) -> list[Json]:
        """Copies of all objects of a kind whose fields have these values, the newest first."""
        with self.lock:
            return [deepcopy(each) for each in reversed(self._all(kind, **matching))]

    def invoice_payments(self, *, payment_intent: str | None = None, invoice: str | None = None) -> list[Json]:
        """Payments of an invoice, or the one that an intent belongs to: the way from a charge back to its invoice."""
        found = self.find("invoice_payment", **({"invoice": invoice} if invoice else {}))
        return [each for each in found if payment_intent in (None, each["payment"]["payment_intent"])]

    def lookup(self, id: str) -> Json | None:
        """A copy of whatever has this id."""
        with self.lock:
            return next((deepcopy(these[id]) for these in self._objects.values() if id in these), None)

    def _get(self, kind: str, id: str) -> Json:
        found = self._objects[kind].get(id)
        if found is None:
            raise NotThere(kind, id)
        return found

    def _all(self, kind: str, **matching: Any) -> list[Json]:
        wanted = matching.items()
        return [
            each for each in self._objects[kind].values() if all(each.get(field) == value for field, value in wanted)
        ]

    def _add(self, thing: Json) -> Json:
        self._objects[thing["object"]][thing["id"]] = thing
        return thing

    def _emit(self, type: str, about: Json, before: Json | None = None) -> None:
        event = objects.event(self._id("evt"), at=self.at, type=type, about=about, before=before, request=self._request)
        if self.check:
            check(event)
        self.events.append(event)

    @contextmanager
    def _changing(self, thing: Json, *types: str) -> Iterator[Json]:
        """Change an object in the block; then emit these types, with the former values. No change, no event."""
        before = deepcopy(thing)
        yield thing
        if thing != before:
            for type in types:
                carries_former = type.endswith(".updated") or type == "charge.refunded"
                self._emit(type, thing, before if carries_former else None)

    @contextmanager
    def _by_request(self) -> Iterator[None]:
        """What happens in the block answers an API request; what happens outside, Stripe does by itself."""
        former, self._request = self._request, self._request or self._id("req")
        try:
            yield
        finally:
            self._request = former

    def _later(self, **time: int) -> None:
        self.advance(timedelta(**time))

    def _until(self, moment: int | None) -> None:
        if moment is not None:
            self.advance_to(datetime.fromtimestamp(moment, UTC))

    def _id(self, prefix: str) -> str:
        long = {"cus": 14, "prod": 14, "si": 14, "req": 14, "cs_test": 58}
        return f"{prefix}_{self._letters(long.get(prefix, 24))}"

    def _letters(self, n: int) -> str:
        return "".join(self._random.choices(LETTERS, k=n))
