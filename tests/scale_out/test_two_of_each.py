"""Two of each process work side by side: nothing is done twice, and what one drops the other takes up within 5 s."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from adapters.settings import Mode, Settings
from projections.all import READ_MODELS
from projections.dispatcher import Dispatcher
from projections.log import EVENTS, log_of
from projections.seat_limits import SeatLimits
from scripts.benchmarks.engine import free_port
from tests.adapters.smtp_post import Post, serving
from tests.scale_out.clients import Clients, written
from tests.scale_out.engine import Engine, until

KINDS = ("api", "worker", "projector", "dispatcher", "scheduler")
FOLLOWS = ("projector", "dispatcher")
"""Those that are caught inside of a batch. An API is there for an instant only: see test_standing_still.py."""
WITHIN = 5.0
"""Seconds within which the other one takes over."""


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    """The mail server that all workers send through."""
    yield Post()


@pytest.fixture(scope="module")
def engine(post, databases, redis_url, tmp_path_factory) -> Iterator[Engine]:
    home: Path = tmp_path_factory.mktemp("two")
    with databases.migrated() as url, serving(post) as smtp:
        settings = Settings(
            data_dir=home,
            mode=Mode.SANDBOX,
            admin_key="usk_test_admin_key_of_the_vendor",
            secret_key="the secret of a test engine, which is long enough",
            stripe_webhook_secrets=("whsec_test_current",),
            smtp_url=f"smtp://127.0.0.1:{smtp}",
            port=free_port(),
        )
        engine = Engine(settings.with_servers(database_url=url, redis_url=redis_url), home / "log")
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def clients(engine) -> Iterator[Clients]:
    """At work from now on, until they are told to stop, by both APIs."""
    ports = {"api-1": str(engine.settings.port), "api-2": str(free_port())}
    for kind in KINDS:
        for name in (f"{kind}-1", f"{kind}-2"):
            engine.start(kind, name, USHER_PORT=ports.get(name, "1"))
    until(engine.is_ready)
    urls = [f"http://127.0.0.1:{port}" for port in ports.values()]
    clients = Clients(urls, engine.sell(20), "whsec_test_current", timeout=1.5, pause=0.02)
    thread = threading.Thread(target=asyncio.run, args=[at_work(clients)], name="clients")
    thread.start()
    until(lambda: len(clients.promises.kept) > 50)
    yield clients
    clients.is_over.set()
    thread.join(30)


async def at_work(clients: Clients) -> None:
    crowd = [clients.come_and_go() for _ in range(4)] + [clients.post_webhooks() for _ in range(3)]
    try:
        await asyncio.gather(*crowd)
    finally:
        await clients.close()


@pytest.mark.parametrize("kind", KINDS)
def test_when_one_is_killed_the_other_takes_over(engine, clients, kind):
    victim = victim_of(engine, kind)
    engine.send(signal.SIGKILL, victim)
    engine.running[victim].wait()
    took = until(goes_on(engine, clients, kind, victim), WITHIN)
    print(f" {victim}: {took:.2f} s")
    engine.start(kind, victim, USHER_PORT=str(engine.settings.port))


@pytest.mark.parametrize("kind", KINDS)
def test_when_one_stands_still_the_other_takes_over(engine, clients, kind):
    until(lambda: len(engine.names()) == 2 * len(KINDS))
    victim = victim_of(engine, kind)
    try:
        if kind in FOLLOWS:
            stop_inside(engine, victim)
        else:
            engine.send(signal.SIGSTOP, victim)
        took = until(goes_on(engine, clients, kind, victim), WITHIN)
        print(f" {victim}: {took:.2f} s")
    finally:
        engine.send(signal.SIGCONT, victim)


def victim_of(engine: Engine, kind: str) -> str:
    """The one whose work the other has to take up; followers and workers have no leader."""
    return engine.leader() or "" if kind == "scheduler" else f"{kind}-1"


def stop_inside(engine: Engine, victim: str) -> None:
    """Stops it inside a transaction, with all the locks that it has there."""
    for _ in range(1000):
        engine.send(signal.SIGSTOP, victim)
        time.sleep(0.005)
        if engine.is_inside(victim):
            return
        engine.send(signal.SIGCONT, victim)
        time.sleep(0.005)
    raise AssertionError(f"{victim} never waits inside a transaction")


def goes_on(engine: Engine, clients: Clients, kind: str, victim: str) -> Callable[[], bool]:
    """Whether what happened until now, and something after it, is done by the other one."""
    now, answered = engine.head(), len(clients.promises.answered_at)
    match kind:
        case "projector":
            return lambda: (
                engine.slowest(*(each.name for each in (*READ_MODELS, SeatLimits) if log_of(each) == EVENTS)) >= now
            )
        case "dispatcher":
            return lambda: engine.slowest(Dispatcher.name) >= now
        case "worker":
            return lambda: engine.is_worked_on(after=now)
        case "scheduler":
            return lambda: engine.leader() not in (None, victim)
        case _:
            return lambda: len(clients.promises.answered_at) > answered + 10


def test_in_the_end_everything_was_done_and_nothing_twice(engine, clients, post):
    until(lambda: len(engine.names()) == 2 * len(KINDS))
    clients.is_over.set()
    until(clients.are_gone.is_set)
    until(lambda: engine.unprocessed() == 0)
    assert clients.promises.kept <= written(engine.services.database)
    mails = Counter(message_from_bytes(each.content)["Message-ID"] for each in post.taken)
    assert len(mails) > 5 and set(mails.values()) == {1}
    assert engine.alive() == {f"{kind}-{n}" for kind in KINDS for n in (1, 2)}
    until(engine.is_ready)
    assert engine.services.verification.run().counts["ok"]
