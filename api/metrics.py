"""What Prometheus collects: answers and how long they took, seats, and how the whole engine stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.types import Scope

from api.app import BASE
from api.auth import ANYBODY_ALWAYS
from api.health import FOLLOWERS, PROCESSES
from api.middleware import access_log
from application.provider_commands import PROVIDER
from domain.errors import Unavailable
from domain.seat_denial import Denial
from projections.log import EVENTS
from projections.positions import places
from projections.usage_log import USAGE

if TYPE_CHECKING:
    from adapters.bootstrap import Services

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_OUTCOMES = {201: "seated", 200: "seated_before"}
_KEPT = 2.0
"""Seconds for which the engine's state is shown again without a look: anybody may ask as often as he likes."""


class Metrics:
    """Counts this process's answers. With several API processes they count in files that `PROMETHEUS_MULTIPROC_DIR`
    names (it must be set before the library is imported), and any of them answers for all."""

    def __init__(self, services: Services) -> None:
        registry = CollectorRegistry()
        self._answers = Histogram(
            "usher_http_request_seconds",
            "Time to answer.",
            ("method", "route", "status"),
            registry=registry,
            buckets=SECONDS,
        )
        self._seats = Counter("usher_seat_requests", "What asking for a seat came to.", ("outcome",), registry=registry)
        self._count_denials(services, registry)
        self._children: dict[tuple[object, str, int], Histogram] = {}
        self._shown = registry
        if services.settings.api_workers > 1:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown)
        else:
            ProcessCollector("usher_api", registry=registry)
        self._shown.register(EngineState(services))
        self.router = APIRouter(tags=["operation"], dependencies=[ANYBODY_ALWAYS])
        self.router.get("/metrics", response_class=Response)(self.answer)

    @staticmethod
    def _count_denials(services: Services, registry: CollectorRegistry) -> None:
        denials = Counter("usher_seat_denials", "Requests that got no seat.", ("reason",), registry=registry)
        dropped = Counter("usher_seat_denials_dropped", "Of these, not noted in the log.", registry=registry)
        for reason in Denial:
            denials.labels(reason)
        services.seat_denials.on_denial = lambda reason: denials.labels(reason).inc()
        services.seat_denials.on_drop = dropped.inc

    def on_answer(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts an answer and logs it."""
        endpoint = scope.get("endpoint")
        key = endpoint, scope["method"], status
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._answers.labels(scope["method"], _route(scope), status)
        child.observe(seconds)
        if scope["path"].endswith("/licenses/acquire"):
            self._seats.labels(scope.get("refused") or _OUTCOMES.get(status, "other")).inc()
        if not scope["path"].startswith("/health/"):  # asked every second, and what is wrong others have said
            access_log(scope, status, seconds)

    def answer(self) -> Response:
        """All metrics, in Prometheus's text format."""
        return Response(generate_latest(self._shown), media_type=CONTENT_TYPE_LATEST)


def _route(scope: Scope) -> str:
    """The route's template: paths hold ids, and one series an id would be the end of any Prometheus."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return "none"
    if "route" not in scope:  # a raw route
        routes = scope["app"].routes
        return next((route.path for route in routes if getattr(route, "endpoint", None) is endpoint), "none")
    path = str(scope["route"].path)
    if path.startswith(BASE) or not scope["path"].startswith(f"{BASE}/"):
        return path
    return f"{BASE}{path}"  # an included router's routes do not know where they were put


class EngineState:
    """What the database says of followers, webhooks, errands and processes; the same from every API process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._families: list[Metric] = []
        self._looked_at = float("-inf")

    def describe(self) -> list[Any]:
        return []  # asked for at registration: nothing is looked up then

    def collect(self) -> list[Metric]:
        with self._lock:
            if time.monotonic() - self._looked_at > _KEPT:
                self._families = list(self._look())
                self._looked_at = time.monotonic()
            return self._families

    def _look(self) -> Iterator[Metric]:
        try:
            families = [
                *self._followers(),
                *self._work(),
                *self._webhooks(),
                *self._reconciliation(),
                self._processes(),
                *self._seat_pool(),
                *self._retention(),
            ]
        except Unavailable:
            families = []
        yield GaugeMetricFamily("usher_postgres_up", "Whether Postgres answers.", value=float(bool(families)))
        yield from families

    def _followers(self) -> Iterator[GaugeMetricFamily]:
        with self._services.database.connection() as connection:
            known = places(connection, list(FOLLOWERS))
            heads = {log: log.head(connection) for log in set(FOLLOWERS.values())}
        yield GaugeMetricFamily("usher_log_position", "Position of the last event.", value=heads[EVENTS])
        yield GaugeMetricFamily("usher_usage_position", "Position of the last usage record.", value=heads[USAGE])
        position = GaugeMetricFamily("usher_follower_position", "Where a follower stands.", labels=["follower"])
        lag = GaugeMetricFamily("usher_follower_lag_events", "How much a follower is behind.", labels=["follower"])
        stopped = GaugeMetricFamily("usher_follower_stopped", "1: it could not handle an event.", labels=["follower"])
        for name, place in known.items():
            position.add_metric([name], place.position)
            lag.add_metric([name], max(heads[FOLLOWERS[name]] - place.position, 0))
            stopped.add_metric([name], float(place.error is not None))
        yield from (position, lag, stopped)

    def _work(self) -> Iterator[GaugeMetricFamily]:
        webhooks = GaugeMetricFamily("usher_provider_events_open", "Webhooks that are not finished.", labels=["status"])
        counted = dict.fromkeys(("received", "deferred", "failed"), 0)
        counted |= {row["status"]: row["n"] for row in self._services.database.fetch_all(_OPEN_WEBHOOKS)}
        for status, n in counted.items():
            webhooks.add_metric([status], n)
        yield webhooks
        waiting = self._services.outbox.waiting()
        yield GaugeMetricFamily("usher_outbox_errands", "Mails and other errands that are not done.", value=waiting)
        mails = GaugeMetricFamily(
            "usher_mails_unsent", "Mails that did not go out, or nobody knows.", labels=["status"]
        )
        for status, n in self._services.mail_log.unsent().items():
            mails.add_metric([status], n)
        yield mails
        seats = self._services.database.fetch_one("select coalesce(sum(taken), 0)::bigint as n from seats_taken")
        yield GaugeMetricFamily("usher_seats_taken", "Open sessions.", value=seats["n"] if seats else 0)

    def _webhooks(self) -> Iterator[Metric]:
        log = self._services.webhook_delivery_log
        attempts = CounterMetricFamily("usher_webhook_attempts", "What sending webhooks came to.", labels=["outcome"])
        for outcome, n in {"delivered": 0, "refused": 0, "timeout": 0, **log.outcomes()}.items():
            attempts.add_metric([outcome], n)
        yield attempts
        oldest = log.oldest_waiting()
        waiting = (self._services.clock.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily(
            "usher_webhook_oldest_waiting_seconds", "Of the webhook that has waited longest.", value=max(waiting, 0.0)
        )
        yield GaugeMetricFamily(
            "usher_webhook_endpoints_failing", "With nothing but failures of late.", value=log.failing()
        )

    def _retention(self) -> Iterator[Metric]:
        rows = CounterMetricFamily("usher_retention_rows", "Deleted or emptied for their age.", labels=["rule"])
        behind = GaugeMetricFamily("usher_retention_behind", "1: there was more than a run's time.", labels=["rule"])
        at = GaugeMetricFamily("usher_retention_last_run_seconds", "When it ran, in Unix time.", labels=["rule"])
        for rule, run in self._services.data_sweep.runs().items():
            rows.add_metric([rule], run["total"])
            behind.add_metric([rule], float(run["is_behind"]))
            at.add_metric([rule], run["ran_at"].timestamp())
        yield from (rows, behind, at)

    def _reconciliation(self) -> Iterator[GaugeMetricFamily]:
        """Absent before the first look: nothing is known then."""
        figures = self._services.reconciliation_records.figures(PROVIDER)
        if not figures["complete_at"]:
            return
        drift = GaugeMetricFamily("usher_provider_drift", "What a provider had otherwise, of a day.", labels=["state"])
        drift.add_metric(["repaired"], figures["repaired"])
        drift.add_metric(["left"], figures["found"] - figures["repaired"])
        yield drift
        age = (self._services.clock.now() - figures["complete_at"]).total_seconds()
        yield GaugeMetricFamily("usher_reconciliation_age_seconds", "Since the last one that was complete.", value=age)

    def _seat_pool(self) -> Iterator[Metric]:
        mode = self._services.database.fetch_one("select pool, generation from seat_pool_mode")
        assert mode is not None
        pool = GaugeMetricFamily("usher_seat_pool", "1: seats are kept here.", labels=["pool"])
        switches = CounterMetricFamily("usher_seat_pool_switches", "Moves of all seats to a pool.", labels=["to"])
        for name, moves in (("redis", mode["generation"] // 2), ("postgres", (mode["generation"] + 1) // 2)):
            pool.add_metric([name], float(mode["pool"] == name))
            switches.add_metric([name], moves)
        yield from (pool, switches)

    def _processes(self) -> GaugeMetricFamily:
        alive = self._services.process_beats.alive()
        processes = GaugeMetricFamily("usher_processes", "Processes with a sign of life.", labels=["kind"])
        for kind in PROCESSES:
            processes.add_metric([kind], alive.get(kind, 0))
        return processes


_OPEN_WEBHOOKS = """
    select status, count(*) as n from provider_events where status in ('received', 'deferred', 'failed')
    group by status"""
