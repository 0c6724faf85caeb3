"""Webhooks on their way: tried, tried again, in order, given up; an endpoint that fails rests, and is disabled."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from adapters import webhook_post
from adapters.bootstrap import build
from adapters.webhook_post import Answer
from application.reactions import errands_of
from application.webhook_endpoints import Changes
from domain.ids import message_id
from domain.webhook_delivery import FEWEST_FAILURES, RESTS_FROM
from domain.webhook_endpoint import DisabledReason, WebhookEndpoint
from projections.all import read_models
from projections.follower import connect
from projections.positions import prepare
from tests.outbound_world import Outbound
from tests.webhook_receiver import Receiver, Request, Response, receiving

OK, BROKEN = Response(200, b"thanks"), Response(500, b"Traceback: ...")


@pytest.fixture
def world(services) -> Outbound:
    services.catalog.apply(services.catalog.read(Path("docs/catalogs/coditect.yaml").read_bytes()))
    return Outbound(services)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def owner(world) -> UUID:
    return world.organization()


@pytest.fixture
def endpoint(world, receiver, owner) -> UUID:
    return world.endpoint(receiver.url, "license.*", owner=owner).endpoint.endpoint_id


def licence(services, owner: UUID) -> UUID:
    return services.licenses.issue(owner, "pro", seats=None, expires_at=None).license.id


def answering(receiver: Receiver, *responses: Response | None) -> None:
    """One after the other, the last for ever."""
    left = list(responses)
    receiver.respond = lambda _: left.pop(0) if len(left) > 1 else left[0]


def paused(services, world: Outbound) -> float:
    """Seconds until the one delivery that waits is due."""
    (waiting,) = (each for each in world.deliveries() if each.state == "waiting")
    return round((waiting.due_at - services.clock.now()).total_seconds())


def test_what_happened_arrives_signed_and_is_logged(services, world, receiver, owner):
    made = world.endpoint(receiver.url, "license.*", owner=owner)
    id = licence(services, owner)
    receiver.respond = lambda _: OK
    world.settle()
    (request,), (delivery,) = receiver.requests, world.deliveries()
    assert Webhook(made.secret).verify(request.body, request.headers) == request.json
    assert request.headers["webhook-id"] == request.json["id"] == str(delivery.event_id)
    assert request.json["data"]["license"]["id"] == str(id) == str(delivery.object_id)
    assert (delivery.state, delivery.attempts, delivery.status, delivery.error) == ("delivered", 1, 200, None)
    (attempt,) = services.webhook_delivery_log.attempts(delivery.delivery_id)
    assert (attempt.number, attempt.status, bytes(attempt.body)) == (1, 200, b"thanks")
    assert services.webhook_courier.outcomes() == {"delivered": 1}
    assert services.webhook_courier.outcomes() == {}


def test_a_failure_is_tried_again_after_its_pause_with_the_same_id_and_body(services, world, receiver, owner, endpoint):
    licence(services, owner)
    answering(receiver, BROKEN, BROKEN, OK)
    world.settle()
    assert paused(services, world) == 5
    world.deliver(endpoint)
    assert len(receiver.requests) == 1, "not before its time"
    world.pass_time(seconds=5)
    world.deliver()
    assert paused(services, world) == 20
    world.pass_time(seconds=20)
    world.deliver()
    assert world.states() == ["delivered"]
    assert len({(each.headers["webhook-id"], each.body) for each in receiver.requests}) == 1
    attempts = services.webhook_delivery_log.attempts(world.deliveries()[0].delivery_id)
    assert [(each.number, each.status, each.error) for each in attempts] == [
        (1, 500, "refused"),
        (2, 500, "refused"),
        (3, 200, None),
    ]


def test_what_the_endpoint_asks_for_is_granted_to_all_its_deliveries(services, world, receiver, owner, endpoint):
    licence(services, owner)
    answering(receiver, Response(429, headers={"Retry-After": "600"}), OK)
    world.settle()
    assert paused(services, world) == 600
    licence(services, owner)
    world.settle()
    assert len(receiver.requests) == 1, "the endpoint rests"
    world.pass_time(seconds=600)
    world.settle()
    assert world.states() == ["delivered", "delivered"]


def test_a_later_event_of_the_same_thing_waits_and_others_do_not(services, world, receiver, owner, endpoint):
    broken, fine = licence(services, owner), licence(services, owner)
    services.licenses.suspend(broken, reason="unpaid")
    services.licenses.suspend(fine, reason="unpaid")
    is_broken = True
    receiver.respond = lambda request: BROKEN if is_broken and str(broken).encode() in request.body else OK
    world.settle()
    assert receiver.types().count("license.suspended") == 1
    assert sorted(world.states(object_id=broken)) == ["waiting", "waiting"]
    assert world.states(object_id=fine) == ["delivered", "delivered"]
    is_broken = False
    world.pass_time(seconds=5)
    world.settle()
    mine = [each.json["type"] for each in receiver.requests if str(broken).encode() in each.body]
    assert mine == ["license.issued", "license.issued", "license.suspended"]


def test_it_is_given_up_after_three_days_and_the_next_one_goes(services, world, receiver, owner, endpoint):
    """Other things are delivered all the time: the endpoint is not to blame."""
    fine, broken = licence(services, owner), licence(services, owner)
    services.licenses.suspend(broken, reason="unpaid")
    poison = (b"license.issued", str(broken).encode())
    receiver.respond = lambda request: BROKEN if all(part in request.body for part in poison) else OK
    world.settle()
    for seats in range(11, 31):
        world.pass_time(hours=4)
        services.licenses.resize(fine, seats, reason="busy")
        world.settle()
    first, second = world.deliveries(object_id=broken)
    assert (first.state, second.state) == ("given_up", "delivered")
    assert first.finished_at - first.created_at <= timedelta(days=3, hours=4)
    assert services.webhook_endpoints.find(endpoint).disabled is None


# endpoints that fail


def test_an_endpoint_that_fails_rests_and_then_one_delivery_tries_it(services, world, receiver, owner, endpoint):
    for _ in range(8):
        licence(services, owner)
    receiver.respond = lambda _: BROKEN
    world.settle()
    assert len(receiver.requests) == 8, "claimed together before anything was known"
    outage = services.webhook_endpoints.find(endpoint)
    assert outage.failing_since is not None and outage.rests_until > services.clock.now()
    world.pass_time(hours=8)
    world.deliver()
    assert len(receiver.requests) == 9, "one tried, and it rests again"


def test_when_it_answers_again_all_that_waits_goes_at_once(services, world, receiver, owner, endpoint):
    for _ in range(8):
        licence(services, owner)
    receiver.respond = lambda _: BROKEN
    for _ in range(6):
        world.settle()
        world.pass_time(hours=1)
    receiver.respond = lambda _: OK
    world.pass_time(hours=1)
    world.deliver()
    assert set(world.states()) == {"delivered"}
    found = services.webhook_endpoints.find(endpoint)
    assert (found.failing_since, found.rests_until) == (None, None)


def test_an_endpoint_that_hangs_costs_one_timeout_and_not_one_for_each(
    services, world, receiver, owner, endpoint, monkeypatch
):
    monkeypatch.setattr(webhook_post, "ANSWERS_WITHIN", 0.2)
    for _ in range(5):
        licence(services, owner)
    receiver.respond = lambda _: None
    world.follow()
    assert services.webhook_courier.run(endpoint) is False
    assert len(receiver.requests) == 1
    assert [each.attempts for each in world.deliveries()] == [1, 0, 0, 0, 0]
    assert services.webhook_courier.outcomes() == {"timeout": 1}
    assert services.database.fetch_all("select * from webhook_deliveries where claim is not null") == []


def test_410_disables_it_at_once_with_a_fact_and_a_mail(services, world, receiver, endpoint, owner):
    known(services, owner)
    licence(services, owner)
    licence(services, owner)
    receiver.respond = lambda _: Response(410)
    world.settle()
    assert services.webhook_endpoints.find(endpoint).disabled == "gone"
    fact = services.store.fetch(WebhookEndpoint, endpoint)
    assert fact.disabled is DisabledReason.GONE
    world.settle()
    assert len(receiver.requests) <= 2 and "waiting" not in world.states()
    (mail,) = mails(services)
    assert mail.to == "ada@example.com" and f"http://127.0.0.1:{receiver.port}" in mail.text
    assert "410" in mail.text and "/hooks" not in mail.text
    actors = services.database.fetch_all(
        "select actor from stored_events where topic = 'webhook_endpoint.disabled' and originator_id = %s", (endpoint,)
    )
    assert [row["actor"] for row in actors] == ["worker:webhooks"]


def known(services, owner: UUID) -> None:
    """Whom to write to about an organization."""
    row = services.personal_data.introduce(owner, email="ada@example.com", name="Ada", now=services.clock.now())
    services.database.execute(*row)


def mails(services) -> list[Any]:
    for stored in services.store.recorder.select_notifications(None, 10_000, topics=["webhook_endpoint.disabled"]):
        event: Any = services.codec.to_domain_event(stored)
        for task in errands_of(event):
            id = message_id(event.originator_id, event.originator_version, task)
            services.database.execute(*services.outbox.put(id, task, event.originator_id, event.originator_version))
            services.errands.run(id)
    return services.mailer.caught()


def test_three_days_of_nothing_but_failures_disable_it_and_the_vendor_is_written_to(services, world, receiver, owner):
    endpoint = world.endpoint(receiver.url, "license.*").endpoint.endpoint_id
    licence(services, owner)
    receiver.respond = lambda _: BROKEN
    hours = 0
    while services.webhook_endpoints.find(endpoint).disabled is None:
        world.settle()
        assert "given_up" not in world.states(), "not before it is disabled"
        world.pass_time(hours=1)
        hours += 1
        licence(services, owner)
        assert hours < 100
    assert 72 <= hours <= 75 and len(receiver.requests) >= FEWEST_FAILURES
    assert services.webhook_endpoints.find(endpoint).disabled == "failing"
    (mail,) = mails(services)
    assert mail.to == "usher@localhost" and "three days" in mail.text


def test_an_endpoint_that_was_disabled_goes_on_where_it_stopped_and_misses_nothing(
    services, world, receiver, owner, endpoint
):
    receiver.respond = lambda _: OK
    first = licence(services, owner)
    world.settle()
    receiver.respond = lambda _: Response(410)
    second = licence(services, owner)
    world.settle()
    third = licence(services, owner)
    world.settle()
    receiver.respond = lambda _: OK
    resumes_at = services.webhook_endpoints.find(endpoint).resumes_at
    services.webhook_endpoints.change(endpoint, Changes(enabled=True, from_position=resumes_at))
    fourth = licence(services, owner)
    for _ in range(3):
        world.settle()
    arrived = [each.json["data"]["license"]["id"] for each in receiver.requests]
    assert arrived == [str(id) for id in (first, second, second, third, fourth)], "410 was the first answer to one"


def test_what_is_off_is_told_nothing_but_a_test(services, world, receiver, owner, endpoint):
    licence(services, owner)
    world.follow()
    services.webhook_endpoints.disable(endpoint, DisabledReason.BY_HAND)
    world.deliver(endpoint)
    assert receiver.requests == [], "also before the follower has heard of it"
    test = services.webhook_endpoints.test(endpoint)
    world.deliver()
    assert receiver.types() == ["webhook.test"]
    assert receiver.requests[0].json["data"] == {"webhook_endpoint": {"id": str(endpoint)}}
    assert services.webhook_endpoints.delivery(test.delivery_id).state == "delivered"


def test_a_test_is_sent_once_and_blames_nobody(services, world, receiver, endpoint):
    receiver.respond = lambda _: BROKEN
    test = services.webhook_endpoints.test(endpoint)
    world.deliver()
    assert services.webhook_endpoints.delivery(test.delivery_id).state == "given_up"
    assert services.webhook_endpoints.find(endpoint).failing_since is None


def test_a_fault_of_ours_is_no_failure_of_the_endpoint_and_keeps_nothing_else(
    services, world, receiver, owner, endpoint, monkeypatch
):
    broken, _ = licence(services, owner), licence(services, owner)
    body = services.webhook_payloads.body

    def faulty(delivery, replay_id):
        if delivery.object_id == broken:
            raise KeyError("a fault of ours")
        return body(delivery, replay_id)

    monkeypatch.setattr(services.webhook_payloads, "body", faulty)
    world.settle()
    assert world.states(object_id=broken) == ["waiting"] and len(receiver.requests) == 1
    assert world.deliveries(object_id=broken)[0].error == "fault"
    assert services.webhook_endpoints.find(endpoint).failing_since is None


# by hand


def test_what_was_given_up_is_sent_again_by_hand(services, world, receiver, owner, endpoint):
    licence(services, owner)
    world.follow()
    services.database.execute("update webhook_deliveries set state = 'given_up', finished_at = now()")
    (delivery,) = world.deliveries()
    assert services.webhook_endpoints.retry(delivery.delivery_id).state == "waiting"
    world.deliver()
    assert world.states() == ["delivered"] and len(receiver.requests) == 1
    services.webhook_endpoints.retry(delivery.delivery_id)
    world.deliver()
    assert len(receiver.requests) == 2, "also what was delivered"


def test_what_is_sent_again_by_hand_begins_with_short_pauses_anew(services, world, receiver, owner, endpoint):
    licence(services, owner)
    receiver.respond = lambda _: BROKEN
    world.settle()
    world.pass_time(seconds=5)
    world.deliver()
    assert paused(services, world) == 20
    services.webhook_endpoints.retry(world.deliveries()[0].delivery_id)
    world.deliver()
    assert paused(services, world) == 5


def test_by_hand_an_endpoint_is_tried_while_it_rests(services, world, receiver, owner, endpoint):
    for _ in range(RESTS_FROM):
        licence(services, owner)
    receiver.respond = lambda _: BROKEN
    world.settle()
    receiver.respond = lambda _: OK
    world.deliver(endpoint)
    assert len(receiver.requests) == RESTS_FROM
    services.webhook_endpoints.retry(world.deliveries()[0].delivery_id)
    world.deliver()
    assert set(world.states()) == {"delivered"}


def test_a_replay_is_marked_and_has_the_ids_of_the_first_time(services, world, receiver, owner, endpoint):
    licence(services, owner)
    world.settle()
    replay = services.webhook_endpoints.replay(endpoint, from_position=1)
    world.settle()
    first, again = receiver.requests
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert (first.json["replay_id"], again.json["replay_id"]) == (None, str(replay.id))
    assert {**again.json, "replay_id": None} == first.json


def test_while_a_secret_is_rotated_both_sign_and_then_the_new_one_alone(services, world, receiver, owner):
    made = world.endpoint(receiver.url, "license.*", owner=owner)
    rotated = services.webhook_endpoints.rotate_secret(made.endpoint.endpoint_id, timedelta(hours=1))
    licence(services, owner)
    world.settle()
    world.pass_time(hours=1)
    licence(services, owner)
    world.settle()
    during, after = receiver.requests
    for secret in (made.secret, rotated.secret):
        assert Webhook(secret).verify(during.body, during.headers)
    assert len(after.headers["webhook-signature"].split()) == 1
    assert Webhook(rotated.secret).verify(after.body, after.headers)


# workers that die, and many at once


def test_what_a_dead_worker_had_claimed_is_sent_under_the_same_id(services, world, receiver, owner, endpoint):
    licence(services, owner)
    world.follow()
    (claimed,) = services.webhook_deliveries.claim(endpoint, now=services.clock.now(), limit=10)
    world.deliver(endpoint)
    assert receiver.requests == [], "it is somebody's"
    services.database.execute("update webhook_deliveries set claimed_until = clock_timestamp() - interval '1 second'")
    world.deliver()
    assert [each.headers["webhook-id"] for each in receiver.requests] == [str(claimed.event_id)]
    services.webhook_deliveries.failed(claimed, Answer(500, "refused", 1), services.clock.now(), again_at=None)
    assert world.states() == ["delivered"], "what the dead one says late does not count"


def test_many_workers_send_everything_once_and_in_order(services, world, receiver, owner, endpoint):
    """Without a fault exactly once; with some, in order for each thing."""
    ids = [licence(services, owner) for _ in range(6)]
    for seats in range(11, 16):
        for id in ids:
            services.licenses.resize(id, seats, reason="more")
    world.follow()
    failures, lock = random.Random(7), threading.Lock()

    def respond(request: Request) -> Response:
        with lock:
            return BROKEN if failures.random() < 0.15 else OK

    receiver.respond = respond
    engines = [build(services.settings) for _ in range(3)]
    try:
        for _ in range(60):
            threads = [threading.Thread(target=engine.webhook_courier.run, args=(endpoint,)) for engine in engines]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            if set(world.states()) == {"delivered"}:
                break
            services.database.execute("update webhook_deliveries set due_at = created_at where state = 'waiting'")
            services.database.execute("delete from webhook_outages")
    finally:
        for engine in engines:
            engine.close()
    assert set(world.states()) == {"delivered"}
    arrived: dict[str, list[int]] = defaultdict(list)
    for request in receiver.requests:
        arrived[request.json["data"]["license"]["id"]].append(request.json["position"])
    assert all(positions == sorted(positions) for positions in arrived.values())
    succeeded = sum(each.attempts for each in world.deliveries())
    assert succeeded == len(receiver.requests), "nothing was sent that is not in the log"


def test_no_connection_to_postgres_is_held_while_an_endpoint_is_waited_for(settings, services, world, receiver, owner):
    world.endpoint(receiver.url, owner=owner)
    licence(services, owner)
    world.follow()
    alone = build(replace(settings, database_pool=1))
    seen: list[Any] = []

    def respond(_: Request) -> Response:
        seen.append(alone.database.fetch_one("select count(*) as n from webhook_deliveries where claim is not null"))
        seen.append(
            alone.database.fetch_one(
                "select count(*) as n from pg_stat_activity where state = 'idle in transaction' and datname ="
                " current_database()"
            )
        )
        return OK

    receiver.respond = respond
    (due,) = services.webhook_deliveries.due_endpoints(services.clock.now(), 10)
    alone.webhook_courier.run(due[0])
    alone.close()
    assert [each["n"] for each in seen] == [1, 0]


# what is kept


def test_what_is_finished_is_forgotten_after_a_month_and_answers_after_a_week(
    services, world, receiver, owner, endpoint
):
    receiver.respond = lambda _: OK
    licence(services, owner)
    world.settle()
    (delivery,) = world.deliveries()
    services.clock.advance(timedelta(days=8))
    services.retention.run()
    (attempt,) = services.webhook_delivery_log.attempts(delivery.delivery_id)
    assert (attempt.status, attempt.body) == (200, None)
    services.clock.advance(timedelta(days=23))
    services.retention.run()
    assert world.deliveries() == []
    assert services.database.fetch_all("select * from webhook_attempts") == []


def test_what_waits_is_kept_however_long(services, world, owner, endpoint):
    licence(services, owner)
    world.follow()
    services.clock.advance(timedelta(days=400))
    services.retention.run()
    assert world.states() == ["waiting"]


def test_neither_address_nor_secret_nor_description_is_in_the_log_or_in_plain_sight(services, world, owner):
    url = "http://127.0.0.1:9/token-of-ada-lovelace"
    made = services.webhook_endpoints.add(owner, url=url, types=["*"], description="Ada Lovelace's pager")
    services.webhook_endpoints.change(made.endpoint.endpoint_id, Changes(url=url + "-2"))
    services.webhook_endpoints.rotate_secret(made.endpoint.endpoint_id, timedelta(days=1))
    events = str(services.database.fetch_all("select state from stored_events")).lower()
    row = services.database.fetch_one("select url, secret, former_secret from webhook_endpoints")
    kept = b"".join(bytes(each) for each in row.values())
    for secret in ("lovelace", "token-of", made.secret.lower(), "whsec"):
        assert secret not in events
        assert secret.encode() not in kept.lower()


def test_with_the_last_person_go_address_and_answers_and_then_the_endpoint(services, world, receiver):
    person = services.users.register(
        email="ada@example.com", password="a long and windy road", full_name="Ada", company_name="Engines"
    )
    owner = person.organization_id
    endpoint = world.endpoint(receiver.url, "license.*", owner=owner).endpoint.endpoint_id
    receiver.respond = lambda _: Response(200, b"hello Ada")
    licence(services, owner)
    world.settle()
    with connect(services.database.url) as connection:
        prepare(connection, read_models())  # of which erasing asks what is still charged
    services.erasure.erase(person.user_id)
    licence(services, owner)
    world.settle()
    assert len(receiver.requests) == 1
    (first, _) = world.deliveries()
    assert [each.body for each in services.webhook_delivery_log.attempts(first.delivery_id)] == [None]
    assert services.webhook_endpoints.find(endpoint).url is None
    services.webhook_endpoints.remove_erased()
    assert services.store.fetch(WebhookEndpoint, endpoint).is_removed
    assert services.webhook_endpoints.live(None) == []
