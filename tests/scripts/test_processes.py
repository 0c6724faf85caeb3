"""A process begins when it can, whatever goes away while it does."""

from __future__ import annotations

from threading import Event

from domain.errors import Unavailable
from scripts import processes


def test_an_api_waits_also_for_a_database_that_goes_away_while_it_begins(services, monkeypatch):
    ensure, failures = services.signing.ensure, iter([Unavailable()])

    def away_at_first(now):
        for failure in failures:
            raise failure
        return ensure(now)

    monkeypatch.setattr(services.signing, "ensure", away_at_first)
    assert processes._is_ready("api", services, Event())
    assert next(failures, None) is None


def test_a_process_that_is_stopped_while_it_waits_does_not_begin(services):
    stop = Event()
    stop.set()
    assert not processes._is_ready("api", services, stop)
