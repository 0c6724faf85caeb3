"""Facts reach endpoints through the processes, whatever of them is away."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from adapters import webhook_post
from domain.organization import Organization
from tests.webhook_receiver import Receiver, Response, receiving
from tests.workers.conftest import until
from workers import dispatcher, scheduler, worker


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def endpoint(services, receiver: Receiver, owner: UUID | None = None) -> UUID:
    made = services.webhook_endpoints.add(owner, url=receiver.url, types=["license.*"])
    return made.endpoint.endpoint_id


def licence(services, organization) -> UUID:
    return services.licenses.issue(organization.id, "pro", seats=None, expires_at=None).license.id


def states(services) -> list[str]:
    return [each.state.value for each in services.webhook_delivery_log.list(limit=1_000)]


def test_a_fact_is_told_while_it_is_fresh_and_counted(services, processes, organization, receiver):
    endpoint(services, receiver)
    processes.start(worker, dispatcher)
    licence(services, organization)
    until(lambda: receiver.types() == ["license.issued"])
    until(lambda: services.webhook_delivery_log.outcomes() == {"delivered": 1})
    assert services.webhook_delivery_log.oldest_waiting() is None


def test_what_no_worker_heard_of_is_found_by_the_sweep(services, processes, organization, receiver):
    endpoint(services, receiver)
    licence(services, organization)
    stop = processes.start(dispatcher)
    until(lambda: states(services) == ["waiting"])
    stop()
    services.task_queue.broker.flush_all()
    processes.start(worker, scheduler)
    until(lambda: states(services) == ["delivered"])


def test_while_the_broker_is_away_it_waits_and_goes_when_it_is_back(
    services, processes, organization, receiver, monkeypatch
):
    def away(message):
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(services.task_queue.broker, "enqueue", away)
        endpoint(services, receiver)
        licence(services, organization)
        processes.start(worker, dispatcher, scheduler)
        until(lambda: states(services) == ["waiting"])
    until(lambda: states(services) == ["delivered"])
    assert len(receiver.requests) == 1


def test_a_retry_comes_with_time_and_a_replay_step_by_step(services, processes, organization, receiver):
    """The scheduler brings both on."""
    id = endpoint(services, receiver)
    licence(services, organization)
    answers = iter([Response(500)])
    receiver.respond = lambda _: next(answers, Response(200))
    processes.start(worker, dispatcher, scheduler)
    until(lambda: states(services) == ["delivered"])
    assert len(receiver.requests) == 2
    replay = services.webhook_endpoints.replay(id, from_position=1)
    until(lambda: len(receiver.requests) == 3)
    assert receiver.requests[-1].json["replay_id"] == str(replay.id)
    until(lambda: [each.state for each in services.webhook_delivery_log.replays(id)] == ["finished"])


def test_an_endpoint_that_hangs_keeps_neither_another_nor_other_tasks_waiting(
    services, processes, organization, receiver, monkeypatch
):
    monkeypatch.setattr(webhook_post, "ANSWERS_WITHIN", 60.0)
    with receiving() as hanging:
        hanging.respond = lambda _: None
        for _ in range(6):
            endpoint(services, hanging, owner=organization.id)
        endpoint(services, receiver)
        processes.start(worker, dispatcher)
        for _ in range(5):
            licence(services, organization)
        until(lambda: len(receiver.requests) == 5)
        services.users.register(
            email="ada@example.com", password="correct horse battery", full_name="Ada", company_name="Engines"
        )
        until(lambda: len(services.mailer.caught()) == 1)
        until(lambda: len(hanging.requests) == 6)
        claimed = "select distinct endpoint_id from webhook_deliveries where claim is not null"
        assert len(services.database.fetch_all(claimed)) == 6, "they hang still, and each has one thread"
        assert len(hanging.requests) == 6


def test_endpoints_go_when_the_last_person_of_their_organization_does(services, processes, receiver):
    person = services.users.register(
        email="ada@example.com", password="correct horse battery", full_name="Ada", company_name="Engines"
    )
    endpoint(services, receiver, owner=person.organization_id)
    services.erasure.erase(person.user_id)
    processes.start(worker, dispatcher)
    until(lambda: services.database.fetch_all("select * from webhook_endpoints") == [])
    assert services.store.find(Organization, person.organization_id) is not None
