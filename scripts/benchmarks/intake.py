"""Webhook intake: signed, distinct Stripe events into one API process, each durable before its answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from statistics import median

import uvloop

from scripts.benchmarks.conversations import BASE, repeated, request
from scripts.benchmarks.engine import SECRET, Installation, Server
from scripts.benchmarks.figures import Effort, Figure, Timed, timed, told
from scripts.benchmarks.hot_routes import both
from scripts.benchmarks.load import Load
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.lives import LIVES
from scripts.stripe_sim.signing import sign

_NEW = b'"duplicate":false'
_PRICE = "price_coditect_pro_monthly"


def webhooks(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Signed, distinct Stripe events; made and signed before the time is taken."""
    events = signed_events()
    with both(installation) as servers:
        rounds = [[_slice(server, events, effort) for server in servers] for _ in range(effort.rounds + 1)]
    ours, bare = zip(*rounds[1:], strict=True)  # without the first one, which warms up
    rate = median(slice.rate for slice, _ in ours)
    yardstick = round(median(slice.rate for slice, _ in bare))
    ratio = median(a.rate / b.rate for (a, _), (b, _) in zip(ours, bare, strict=True))
    details = {"of_a_bare_post": round(ratio, 3), "ours": told(ours), "bare": told(bare)}
    yield Figure("webhooks", rate, "events/s", yardstick, goal=1_000, details=details)


def signed_events() -> Iterator[bytes]:
    """Requests without end: the events of whole customers' lives again and again, each time with ids of their own."""
    account = StripeAccount(seed=1, now=datetime.now(UTC))
    account.price(_PRICE, amount=9900)
    for live in LIVES.values():
        live(account, _PRICE)
    for number in count():
        event = account.events[number % len(account.events)]
        body, signature = sign({**event, "id": f"evt_{number:024d}"}, SECRET, datetime.now(UTC))
        yield request("POST", f"{BASE}/webhooks/stripe", body, {"Stripe-Signature": signature})


def _slice(server: Server, events: Iterator[bytes], effort: Effort) -> Timed:
    """So many events, signed now, shared out over the connections."""
    made, connections = [next(events) for _ in range(effort.webhooks)], effort.connections
    load = Load(server.address, [repeated(iter(made[at::connections]), saying=_NEW) for at in range(connections)])
    return uvloop.run(timed(load, server))
