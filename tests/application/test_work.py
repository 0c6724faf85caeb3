"""A unit of work holds for everything it has looked at, or it is not stored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from adapters.bootstrap import Services
from application.work import Work
from domain.errors import ConcurrentChange
from domain.organization import Organization


def an_organization(services: Services) -> UUID:
    id = services.clock.new_id()
    services.store.add(Organization.register(id=id, now=services.clock.now()))
    return id


def rename(services: Services, id: UUID) -> None:
    """Somebody else changes it."""
    services.store.change(Organization, id, lambda organization: organization.rename(now=services.clock.now()))


def test_a_decision_is_made_again_when_what_it_only_looked_at_was_changed_meanwhile(services):
    looked_at, changed = an_organization(services), an_organization(services)
    seen: list[int] = []

    def decide(work: Work, now: datetime) -> None:
        seen.append(work.fetch(Organization, looked_at).version)
        if len(seen) == 1:
            rename(services, looked_at)
        work.fetch(Organization, changed).rename(now=now)

    services.works.run(decide)

    assert seen == [1, 2]
    assert services.store.fetch(Organization, changed).version == 2


def test_a_decision_is_made_again_when_what_it_found_missing_is_there_meanwhile(services):
    missing, changed = services.clock.new_id(), an_organization(services)
    found: list[bool] = []

    def decide(work: Work, now: datetime) -> None:
        found.append(work.find(Organization, missing) is not None)
        if not found[0] and len(found) == 1:
            services.store.add(Organization.register(id=missing, now=now))
        work.fetch(Organization, changed).rename(now=now)

    services.works.run(decide)

    assert found == [False, True]


def test_a_decision_that_never_finds_rest_is_given_up_and_stores_nothing(services):
    looked_at, changed = an_organization(services), an_organization(services)

    def decide(work: Work, now: datetime) -> None:
        work.fetch(Organization, looked_at)
        rename(services, looked_at)
        work.fetch(Organization, changed).rename(now=now)

    with pytest.raises(ConcurrentChange):
        services.works.run(decide)

    assert services.store.fetch(Organization, changed).version == 1


def test_a_decision_that_changes_nothing_takes_no_notice_of_what_others_do(services):
    looked_at = an_organization(services)
    calls: list[int] = []

    def decide(work: Work, now: datetime) -> None:
        calls.append(work.fetch(Organization, looked_at).version)
        rename(services, looked_at)

    services.works.run(decide)

    assert calls == [1]


def test_what_is_decided_instead_holds_for_all_that_was_looked_at_before(services):
    looked_at, dropped, changed = (an_organization(services) for _ in range(3))
    tries: list[int] = []

    def decide(work: Work, now: datetime) -> None:
        tries.append(work.fetch(Organization, looked_at).version)
        work.fetch(Organization, dropped).rename(now=now)
        if len(tries) < 3:
            rename(services, [looked_at, dropped][len(tries) - 1])
        work.drop()
        work.fetch(Organization, changed).rename(now=now)

    services.works.run(decide)

    assert tries == [1, 2, 2]
    assert [services.store.fetch(Organization, id).version for id in (dropped, changed)] == [2, 2]
