"""Facts become errands: once each, whatever is repeated and whoever hears of it."""

from __future__ import annotations

import pytest

from tests.workers.conftest import until
from workers import dispatcher, scheduler, worker


@pytest.fixture
def ada(services):
    return services.users.register(
        email="ada@example.com", password="correct horse battery", full_name="Ada L", company_name="Engines"
    )


def mails(services) -> int:
    return len(services.mailer.caught())


def test_a_registration_sends_its_mail(services, processes, ada):
    processes.start(worker, dispatcher)
    until(lambda: mails(services) == 1)
    until(lambda: services.outbox.waiting() == 0)


def test_what_is_dispatched_again_is_not_done_again(services, processes, ada):
    processes.start(worker)
    stop = processes.start(dispatcher)
    until(lambda: mails(services) == 1 and services.outbox.waiting() == 0)
    stop()
    services.database.execute("update follower_positions set position = 0 where name = 'dispatcher'")
    services.users.register(
        email="bob@example.com", password="correct horse battery", full_name="Bob", company_name="Bobs"
    )
    processes.start(dispatcher)
    until(lambda: mails(services) == 2 and services.outbox.waiting() == 0)
    assert sorted(mail.to for mail in services.mailer.caught()) == ["ada@example.com", "bob@example.com"]


def test_an_errand_that_no_worker_heard_of_is_found_by_the_sweep(services, processes, ada):
    stop = processes.start(dispatcher)
    until(lambda: services.outbox.waiting() == 1)
    stop()
    services.task_queue.broker.flush_all()
    assert mails(services) == 0
    processes.start(worker, scheduler)
    until(lambda: mails(services) == 1)


def test_an_errand_stands_or_falls_with_the_position(services, processes, ada, monkeypatch):
    monkeypatch.setattr(services.outbox, "put", lambda *errand: ("insert into no_such_table values (1)", ()))
    stop = processes.start(dispatcher)
    until(lambda: follower(services)["error"])
    stop()
    assert follower(services)["position"] == 0
    monkeypatch.undo()
    services.database.execute("update follower_positions set error = null")
    processes.start(worker, dispatcher)
    until(lambda: mails(services) == 1)


def follower(services) -> dict[str, object]:
    sql = "select position, error from follower_positions where name = 'dispatcher'"
    return services.database.fetch_one(sql) or {"position": 0, "error": None}
