"""What a Stripe account remembers: its objects, the events it emitted, its clocks, and what is due on them."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from random import Random
from threading import RLock
from typing import Any, NamedTuple

from scripts.stripe_sim import objects
from scripts.stripe_sim.agenda import Agenda, Clock, Due
from scripts.stripe_sim.errors import NotThere
from scripts.stripe_sim.oracle import check

LETTERS = string.ascii_letters + string.digits
_INDEXED = {
    "credit_note": "invoice",
    "invoice": "customer",
    "invoice_payment": "invoice",
    "invoiceitem": "customer",
    "subscription": "customer",
}
"""By which field, one that never changes, the objects of a kind are found without a look at all of them."""
_LONG = {"cus": 14, "prod": 14, "si": 14, "req": 14, "cs_test": 58}
Json = dict[str, Any]


class Asked(NamedTuple):
    """The API request that something happens for."""

    id: str
    idempotency_key: str | None = None


class Ledger:
    """State of the account. Everything random comes from `seed`, every time from `now` (aware, UTC).

    `hidden` is what Stripe knows about an object and does not show, by id. `due_of` tells what is due on an object.
    """

    def __init__(self, *, seed: int = 1, now: datetime, check: bool = True):
        self.check = check
        self.events: list[Json] = []
        self.lock = RLock()
        self.hidden: defaultdict[str, Json] = defaultdict(dict)
        self.listeners: list[Callable[[Json], None]] = []
        self.due_of: Callable[[Json], Iterable[Due]] = lambda thing: ()
        self.rank_of: dict[str, int] = {}
        self._random = Random(seed)
        self._objects: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        self._kinds: dict[str, str] = {}
        self._index: defaultdict[tuple[str, str], dict[str, Json]] = defaultdict(dict)
        self._agenda = Agenda()
        self._times: dict[Clock, int] = {None: int(now.astimezone(UTC).timestamp())}
        self._clock: Clock = None
        self._asked: Asked | None = None

    # time

    @property
    def at(self) -> int:
        """Now, in epoch seconds, on the clock of what is being done."""
        return self._times[self._clock]

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def advance(self, by: timedelta) -> None:
        """Let time pass, with everything that falls due."""
        self.advance_to(self.now + by)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until `moment`; a moment that is over already changes nothing."""
        with self.lock:
            self.run_clock(None, int(moment.timestamp()))

    def run_clock(self, clock: Clock, until: int) -> None:
        """Move a clock to `until`; what is due on the way happens at its moment, in order."""
        with self.on(clock):
            while note := self._agenda.take(clock, until):
                at, kind, id = note
                if (thing := self._objects[kind].get(id)) is not None:
                    self._do_what_is_due(clock, thing, at)
            self._times[clock] = max(self._times.get(clock, until), until)

    def _do_what_is_due(self, clock: Clock, thing: Json, at: int) -> None:
        due = self._next_due(thing)
        if due is not None and due.at <= at:
            self._times[clock] = max(self._times[clock], due.at)
            due.act(thing)
            if self._next_due(thing) == due:
                raise RuntimeError(f"{due.act} has left {thing['id']} as due as it was")
        self.plan(thing)

    def _next_due(self, thing: Json) -> Due | None:
        return min(self.due_of(thing), default=None, key=lambda each: each.at)

    def time_of(self, clock: Clock) -> int:
        return self._times.get(clock, self._times[None])

    def start_clock(self, clock: str, at: int) -> None:
        self._times[clock] = at

    @contextmanager
    def on(self, clock: Clock) -> Iterator[None]:
        """What happens in the block happens in that clock's time."""
        former, self._clock = self._clock, clock if clock in self._times else None
        try:
            yield
        finally:
            self._clock = former

    def clock_of(self, thing: Json) -> Clock:
        """The test clock that an object lives on: its own, or its customer's."""
        if "test_clock" in thing:
            clock: Clock = thing["test_clock"]
            return clock
        owner = self._objects["customer"].get(thing.get("customer") or "")
        charge = self._objects["charge"].get(thing.get("charge") or "") if owner is None else None
        return owner.get("test_clock") if owner else self.clock_of(charge) if charge else None

    def plan(self, thing: Json) -> None:
        """Note when the object has to be looked at next."""
        due = self._next_due(thing)
        if due is not None:
            kind: str = thing["object"]
            self._agenda.note(self.clock_of(thing), due.at, kind, thing["id"], rank=self.rank_of.get(kind, 0))

    # objects

    def retrieve(self, kind: str, id: str) -> Json:
        """A copy of the object as it is now. NotThere when absent or of another kind; a deleted one is a stub."""
        with self.lock:
            return deepcopy(self.get(kind, id))

    def find(self, kind: str, **matching: Any) -> list[Json]:
        """Copies of all objects of a kind whose fields have these values, the newest first."""
        with self.lock:
            return [deepcopy(each) for each in reversed(self.all(kind, **matching))]

    def lookup(self, id: str) -> Json | None:
        """A copy of whatever has this id."""
        with self.lock:
            return deepcopy(self.known(id))

    def known(self, id: str) -> Json | None:
        """Whatever has this id."""
        kind = self._kinds.get(id)
        return self._objects[kind].get(id) if kind else None

    def get(self, kind: str, id: str, param: str = "id") -> Json:
        """The object itself; `param` is where the id was given."""
        found = self._objects[kind].get(id)
        if found is None:
            raise NotThere(kind, id, param)
        return found

    def has(self, kind: str, id: str) -> bool:
        return id in self._objects[kind]

    def all(self, kind: str, **matching: Any) -> list[Json]:
        """The objects themselves, in the order in which they came about."""
        field, wanted = _INDEXED.get(kind), matching.items()
        among = self._index[kind, matching[field]] if field in matching else self._objects[kind]
        return [each for each in among.values() if all(each.get(name) == value for name, value in wanted)]

    def add(self, thing: Json, *types: str) -> Json:
        """A new object, or what is left of a deleted one; then these events."""
        kind, id = thing["object"], thing["id"]
        if (former := self._objects[kind].get(id)) is not None:
            self.remove(former)
        self._objects[kind][id], self._kinds[id] = thing, kind
        if (field := _INDEXED.get(kind)) and field in thing:
            self._index[kind, thing[field]][id] = thing
        for type in types:
            self.emit(type, thing)
        self.plan(thing)
        return thing

    def remove(self, thing: Json) -> None:
        """An object that leaves nothing behind."""
        kind, id = thing["object"], thing["id"]
        del self._objects[kind][id]
        if (field := _INDEXED.get(kind)) and field in thing:
            del self._index[kind, thing[field]][id]

    def emit(self, type: str, about: Json, before: Json | None = None) -> None:
        asked = self._asked or Asked("")
        event = objects.event(
            self.new_id("evt"),
            at=self.at,
            type=type,
            about=about,
            before=before,
            request=asked.id or None,
            idempotency_key=asked.idempotency_key,
        )
        if self.check:
            check(event)
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    @contextmanager
    def changing(self, thing: Json, *types: str) -> Iterator[Json]:
        """Change an object in the block; then emit these types, with the former values. No change, no event."""
        before = deepcopy(thing)
        yield thing
        if thing != before:
            for type in types:
                carries_former = type.endswith(".updated") or type == "charge.refunded"
                self.emit(type, thing, before if carries_former else None)
            self.plan(thing)

    @contextmanager
    def by_request(self, asked: Asked | None = None) -> Iterator[Asked]:
        """What happens in the block answers an API request; what happens outside, Stripe does by itself."""
        former, self._asked = self._asked, asked or self._asked or Asked(self.new_id("req"))
        try:
            yield self._asked
        finally:
            self._asked = former

    # chance

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{self.letters(_LONG.get(prefix, 24))}"

    def letters(self, n: int, alphabet: str = LETTERS) -> str:
        return "".join(self._random.choices(alphabet, k=n))
