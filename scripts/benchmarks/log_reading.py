"""Reading the log: read models that catch up, and the verification of everything."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from adapters.bootstrap import build
from adapters.event_codec import EventCodec
from adapters.migrate import migrate
from projections.all import read_models
from projections.follower import Followers, connect
from projections.positions import prepare, status
from projections.read_model import ReadModel
from projections.seats import Seats
from scripts.benchmarks.engine import Installation
from scripts.benchmarks.figures import Effort, Figure
from scripts.benchmarks.synthetic_log import write


def follower(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """Read models that catch up with a log of mostly seat events, all of them together, and one alone."""
    for name, models, goal in (("follower", read_models(), 10_000), ("follower-seats-alone", [Seats()], None)):
        database_url = _filled(installation, f"{name.replace('-', '_')}", effort.followed)
        took = catch_up(database_url, models)
        details = {"events": effort.followed, "read_models": len(models), "seconds": round(took, 2)}
        yield Figure(name, effort.followed / took, "events/s", goal=goal, details=details)


def verify(installation: Installation, effort: Effort) -> Iterator[Figure]:
    """The verification of a whole log: decoded, folded, every read model built again beside the live one."""
    database_url = _filled(installation, "verified", effort.verified)
    caught_up = catch_up(database_url, read_models())
    services = build(installation.settings.with_servers(database_url=database_url))
    try:
        began = time.perf_counter()
        verified = services.verification.run()
        took = time.perf_counter() - began
    finally:
        services.close()
    if not verified.ok:
        raise RuntimeError(f"a valid log was found damaged: {verified.counts}, {verified.findings[:3]}")
    goal = 180 * effort.verified / 1_000_000
    details = {"events": effort.verified, "events_per_second": round(effort.verified / took)}
    details["catch_up_before_per_second"] = round(effort.verified / caught_up)
    yield Figure("verify", took, "s", goal=goal, at_most=True, details=details)


def catch_up(database_url: str, models: Sequence[ReadModel]) -> float:
    """Seconds from empty tables to the end of the log."""
    with connect(database_url) as connection:
        if outdated := prepare(connection, models):
            raise RuntimeError(f"tables of another version in a new database: {outdated}")
        followers = Followers(database_url, EventCodec().to_domain_event, models)
        began = time.perf_counter()
        followers.catch_up(connection)
        took = time.perf_counter() - began
        behind = [(each["name"], each["error"]) for each in status(connection, models) if each["lag"] or each["error"]]
    if behind:
        raise RuntimeError(f"followers that did not reach the end: {behind}")
    return took


def _filled(installation: Installation, name: str, events: int) -> str:
    database_url = installation.new_database(name)
    migrate(database_url)
    write(database_url, events)
    return database_url
