"""Liveness, readiness and metrics tell the truth, also when parts are away."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import health
from api.server import application
from domain.drift import Drift, Outcome, Run, What
from domain.errors import Unavailable
from scripts.processes import prepare
from tests.api.people_engine import Client
from workers import dispatcher, projector


@pytest.fixture
def services(settings, services):
    prepare(settings)
    return services


@pytest.fixture
def client(services) -> Client:
    return Client(application(services))


@pytest.fixture
def at_work(services) -> Iterator[None]:
    """Followers at the head of the log, and a sign of life of every process."""
    stop = threading.Event()
    threads = [threading.Thread(target=module.run, args=(services, stop)) for module in (projector, dispatcher)]
    for thread in threads:
        thread.start()
    for kind in ("worker", "scheduler"):
        services.process_beats.beat(kind)
    yield
    stop.set()
    for thread in threads:
        thread.join(20)


def ready(client: Client) -> tuple[int, dict]:
    answer = client.get("//health/ready")
    return answer.status_code, answer.json()


def until_ready(client: Client) -> None:
    for _ in range(200):
        if ready(client)[0] == 200:
            return
    raise AssertionError(ready(client))


def test_it_is_live_whatever_else_is_away(client, services):
    services.database.close()
    answer = client.get("//health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_is_ready_when_everything_is_at_work(client, at_work):
    until_ready(client)
    assert ready(client)[1] == {
        "status": "ok",
        "checks": {"postgres": "ok", "redis": "ok", "followers": "ok", "workers": "ok"},
    }


def test_processes_that_are_missing_are_named(client, services, at_work):
    until_ready(client)
    services.process_beats.stop("scheduler")
    status, said = ready(client)
    assert (status, said["status"]) == (503, "degraded")
    assert said["checks"]["workers"] == "no sign of life of scheduler"


def test_a_follower_that_has_stopped_is_named_without_what_stopped_it(client, services, at_work):
    until_ready(client)
    services.database.execute("update follower_positions set error = 'KeyError: secret detail' where name = 'licenses'")
    status, said = ready(client)
    assert (status, said["status"]) == (503, "degraded")
    assert said["checks"]["followers"].startswith("licenses has stopped at position ")
    assert "secret detail" not in str(said)


def test_a_follower_that_is_far_behind_is_named(client, services, monkeypatch, at_work):
    until_ready(client)
    impatient = {name: log._replace(far=-1) for name, log in health.FOLLOWERS.items()}
    monkeypatch.setattr(health, "FOLLOWERS", impatient)
    assert "licenses is 0 positions behind" in ready(client)[1]["checks"]["followers"]


def away() -> None:
    raise Unavailable()


def test_parts_that_are_away_make_it_unavailable(client, services, monkeypatch):
    monkeypatch.setattr(services.database, "ping", away)
    status, said = ready(client)
    assert (status, said["status"], said["checks"]["postgres"]) == (503, "unavailable", "away")


@pytest.fixture
def redis_is_away(settings, services, monkeypatch, tmp_path) -> None:
    """Also for the watch of where seats are kept, which begins to look now."""
    nobody = f"unix://{tmp_path}/nobody.sock"
    monkeypatch.setitem(vars(services), "settings", settings.with_servers(redis_url=nobody))


def test_without_redis_it_is_ready_as_soon_as_seats_are_kept_in_postgres(redis_is_away, client, services, at_work):
    until_ready(client)
    assert ready(client)[1] == {
        "status": "degraded",
        "checks": {
            "postgres": "ok",
            "redis": "not used: seats are kept in PostgreSQL",
            "followers": "ok",
            "workers": "ok",
        },
    }
    found = samples(client)
    assert found["usher_seat_pool", (("pool", "redis"),)] == 0
    assert found["usher_seat_pool", (("pool", "postgres"),)] == 1
    assert found["usher_seat_pool_switches_total", (("to", "postgres"),)] == 1


def test_without_redis_and_postgres_it_is_unavailable(redis_is_away, client, services, monkeypatch):
    monkeypatch.setattr(services.database, "ping", away)
    monkeypatch.setattr(services.seat_periods, "confirm", away)
    status, said = ready(client)
    assert (status, said["status"], said["checks"]["redis"]) == (503, "unavailable", "away")


def test_a_part_that_hangs_is_asked_once_however_often_we_are_asked(client, services, monkeypatch):
    asked, may_answer = [], threading.Event()

    def hang() -> None:
        asked.append(1)
        may_answer.wait(20)

    monkeypatch.setattr(services.database, "ping", hang)
    monkeypatch.setattr(health, "LONGEST", 0.05)
    for _ in range(3):
        status, said = ready(client)
        assert (status, said["checks"]["postgres"]) == (503, "no answer within 0 s")
    may_answer.set()
    assert len(asked) == 1


def samples(client: Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = client.get("//metrics").text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_answers_are_counted_by_route_method_and_status(client):
    client.get("//health/live")
    client.get("/subscriptions/6f1c1e0a-4a54-5d52-9d0b-75736865720a")
    client.get("//no/such/address")
    client.post("/licenses/acquire", json={"license_key": "CODI-NOT-A-KEY", "fingerprint": "0123456789"})
    found = samples(client)

    def answers(method: str, route: str, status: str) -> float:
        return found["usher_http_request_seconds_count", (("method", method), ("route", route), ("status", status))]

    assert answers("GET", "/health/live", "200") == 1
    assert answers("GET", "/api/v1/subscriptions/{subscription_id}", "401") == 1
    assert answers("GET", "none", "404") == 1
    assert answers("POST", "/api/v1/licenses/acquire", "401") == 1
    assert found["usher_seat_requests_total", (("outcome", "license_key_invalid"),)] == 1


def test_the_engine_says_how_it_stands(client, services, at_work):
    until_ready(client)
    found = samples(client)
    head = services.store.recorder.max_notification_id() or 0
    assert found["usher_postgres_up", ()] == 1
    assert found["usher_log_position", ()] == head
    assert found["usher_follower_position", (("follower", "licenses"),)] == head
    assert found["usher_follower_lag_events", (("follower", "licenses"),)] == 0
    assert found["usher_provider_events_open", (("status", "received"),)] == 0
    assert found["usher_outbox_errands", ()] == 0
    assert found["usher_processes", (("kind", "worker"),)] == 1
    assert found["usher_seat_pool", (("pool", "redis"),)] == 1
    assert found["usher_seat_pool_switches_total", (("to", "postgres"),)] == 0


def test_they_say_how_webhooks_fare(client, services):
    deliveries = services.webhook_deliveries
    endpoint = services.webhook_endpoints.add(None, url="http://127.0.0.1:9/", types=["*"]).endpoint.endpoint_id
    deliveries.count({"delivered": 2, "timeout": 1})
    deliveries.count({"delivered": 3})
    deliveries.note_failure(endpoint, services.clock.now())
    services.webhook_endpoints.test(endpoint)
    services.database.execute("update webhook_deliveries set created_at = created_at - interval '1 hour'")
    found = samples(client)
    assert found["usher_webhook_attempts_total", (("outcome", "delivered"),)] == 5
    assert found["usher_webhook_attempts_total", (("outcome", "timeout"),)] == 1
    assert found["usher_webhook_attempts_total", (("outcome", "refused"),)] == 0
    assert 3600 <= found["usher_webhook_oldest_waiting_seconds", ()] < 3700
    assert found["usher_webhook_endpoints_failing", ()] == 1


def test_they_say_what_a_provider_had_otherwise(client, services):
    assert not any(name.startswith("usher_provider_drift") for name, _ in samples(client))
    now = services.clock.now()
    drift = (Drift("event", "evt_1", What.MISSED, repaired=True), Drift("invoice", "in_1", What.DIFFERS))
    for dry_run in (False, True):
        run = Run(services.clock.new_id(), "stripe", dry_run, now, now, Outcome.COMPLETE, 3, 2, 1, drift)
        services.reconciliation_records.claim("stripe", run.id)
        services.reconciliation_records.keep(run)
        services.reconciliation_records.let_go("stripe", run.id)
    found = samples(Client(application(services)))
    assert found["usher_provider_drift", (("state", "repaired"),)] == 1
    assert found["usher_provider_drift", (("state", "left"),)] == 1
    assert found["usher_reconciliation_age_seconds", ()] < 60


def test_metrics_are_answered_while_postgres_is_away(client, services, monkeypatch):
    monkeypatch.setattr(services.database, "connection", away)
    assert samples(client)["usher_postgres_up", ()] == 0


def test_the_metrics_name_nobody(client, services):
    services.users.register(
        email="ada@example.com", password="correct horse battery", full_name="Ada L", company_name="Engines"
    )
    assert "ada" not in client.get("//metrics").text.lower()


def test_they_are_in_the_reference(client):
    paths = client.get("//openapi.json").json()["paths"]
    assert {"/health/live", "/health/ready", "/metrics"} <= paths.keys()


def test_it_answers_like_any_server(client):
    answer: httpx.Response = client.get("//metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
