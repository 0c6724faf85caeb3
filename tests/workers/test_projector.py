"""Read models and the seat pool follow the log, also after one of them was away."""

from __future__ import annotations

import pytest

from domain.errors import Unavailable
from tests.workers.conftest import until
from workers import projector


@pytest.fixture
def license(services, organization):
    return services.licenses.issue(organization.id, "pro", seats=None, expires_at=None).license


def position(services, name: str) -> int:
    found = services.database.fetch_one("select position from follower_positions where name = %s", (name,))
    return found["position"] if found else 0


def head(services) -> int:
    return services.store.recorder.max_notification_id()


def test_what_is_stored_is_seen_in_the_read_models(services, processes, license):
    processes.start(projector)
    until(lambda: services.database.fetch_one("select from licenses where license_id = %s", (license.id,)) is not None)


def test_the_seat_pool_is_told_again_after_it_was_away(services, processes, license, monkeypatch):
    told, publish = [], services.seat_work.publish

    def away_at_first(license_id):
        told.append(license_id)
        if len(told) < 3:
            raise Unavailable()
        publish(license_id)

    monkeypatch.setattr(services.seat_work, "publish", away_at_first)
    processes.start(projector)
    until(lambda: position(services, "licenses") == head(services))
    assert position(services, "seat_limits") < head(services)
    until(lambda: position(services, "seat_limits") == head(services))
    assert told == [license.id] * 3


def test_two_projectors_share_the_work(services, processes, license):
    processes.start(projector, projector)
    until(lambda: position(services, "licenses") == head(services))
    assert services.database.fetch_one("select count(*) as n from licenses") == {"n": 1}
