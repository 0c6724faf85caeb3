from __future__ import annotations

import importlib
import pkgutil
from uuid import uuid4

from eventsourcing.utils import get_topic

import domain
from application.attribution import acting
from domain.aggregate import Aggregate, Event
from domain.license import License
from domain.organization import Organization
from domain.provider_event import ProviderEvent
from domain.seat import CloseReason, Seat
from domain.user import User
from projections.audit import AuditIndex, list_events
from projections.log import BATCH
from tests.projections.followed import ACME, DAY, GLOBEX, NOW, Followed, run


def types(followed: Followed, **asked) -> list[str]:
    followed.follow()
    return [row["type"] for row in list_events(followed.connection, limit=100, **asked)]


def test_events_come_in_log_order_with_who_did_it_and_why(followed):
    with acting("key:7", "request:abc"):
        license = followed.license()
    with acting("operator"):
        followed.store.change(License, license.id, lambda each: each.suspend(reason="fraud", now=NOW + DAY))
    followed.follow()
    issued, suspended = list_events(followed.connection, limit=9)
    assert issued["position"] < suspended["position"]
    assert (issued["actor"], issued["cause"], issued["occurred_at"]) == ("key:7", "request:abc", NOW)
    assert (suspended["stream"], suspended["stream_id"], suspended["version"]) == ("license", license.id, 2)
    assert (suspended["type"], suspended["state"]["reason"]) == ("license.suspended", "fraud")


def test_an_event_belongs_to_the_organization_that_it_or_its_stream_named_before(followed):
    license = followed.license(ACME)
    license.suspend(reason="fraud", now=NOW)
    license.transfer(GLOBEX, now=NOW)
    license.reinstate(reason="settled", now=NOW)
    followed.store.put(license)
    followed.follow()
    followed.store.change(License, license.id, lambda each: each.resize(3, reason="asked", now=NOW))
    assert types(followed, organization_id=ACME) == ["license.issued", "license.suspended"]
    assert types(followed, organization_id=GLOBEX) == ["license.transferred", "license.reinstated", "license.resized"]


def test_people_organizations_and_seats_belong_to_their_organization_and_webhooks_to_nobody(followed):
    user = User.register(id=uuid4(), organization_id=ACME, now=NOW)
    user.verify_email(now=NOW)
    organization = Organization.register(id=ACME, now=NOW)
    organization.rename(now=NOW)
    followed.store.add(organization, user)
    seat = followed.sit(followed.license(ACME))
    release = {"session_id": seat.session_id, "reason": CloseReason.RELEASED, "now": NOW}
    followed.store.change(Seat, seat.id, lambda each: each.close(**release))
    followed.store.add(ProviderEvent.receive(provider="stripe", event="evt", type="x", occurred_at=NOW, now=NOW))
    assert types(followed, organization_id=ACME) == [
        "organization.registered",
        "organization.renamed",
        "user.registered",
        "user.email_verified",
        "license.issued",
        "seat.session_opened",
        "seat.session_closed",
    ]
    assert types(followed)[-1] == "provider_event.received"


def test_every_filter_narrows_the_list(followed):
    license, other = followed.license(), followed.license(now=NOW + DAY)
    seat = followed.sit(license, now=NOW + 2 * DAY)
    first = followed.fetch("select min(notification_id) from stored_events")[0][0]
    assert types(followed, stream="seat") == ["seat.session_opened"]
    assert types(followed, stream_id=seat.id) == ["seat.session_opened"]
    assert types(followed, type="license.issued", stream_id=other.id) == ["license.issued"]
    assert types(followed, since=NOW + DAY) == ["license.issued", "seat.session_opened"]
    assert types(followed, until=NOW + DAY) == ["license.issued"]
    assert types(followed, after=first) == ["license.issued", "seat.session_opened"]
    assert types(followed, organization_id=GLOBEX) == []


def test_an_event_that_no_code_understands_is_found_all_the_same(followed):
    license = followed.license(ACME)
    state = '{"timestamp": "2026-01-01T00:00:00Z", "unheard": true}'
    run(followed.connection, "update stored_events set topic = 'license.forgotten', state = %s", state)
    followed.follow(AuditIndex())
    (event,) = list_events(followed.connection, limit=9)
    assert (event["type"], event["stream"], event["stream_id"]) == ("license.forgotten", "license", license.id)


def test_a_stream_keeps_its_organization_over_the_border_of_a_batch(followed):
    user = User.register(id=uuid4(), organization_id=ACME, now=NOW)
    followed.store.add(user)
    for _ in range(2):
        for _ in range(BATCH // 2):
            user.rename(now=NOW)
        followed.store.put(user)
    followed.follow()
    counted = followed.fetch("select organization_id, count(*) from audit_index group by 1")
    assert counted == [(ACME, 2 * (BATCH // 2) + 1)]


def test_every_event_says_in_its_topic_of_which_kind_of_aggregate_it_is():
    aggregates = every(Aggregate)
    topics = {event.topic(): kind for kind in aggregates for event in vars(kind).values() if is_event(event)}
    assert len(topics) > 60
    assert [topic for topic, kind in topics.items() if topic.rpartition(".")[0] != get_topic(kind)] == []


def every(kind: type[Aggregate]) -> list[type[Aggregate]]:
    """All aggregates of the domain."""
    for module in pkgutil.iter_modules(domain.__path__):
        importlib.import_module(f"domain.{module.name}")
    return [each for each in kind.__subclasses__() if each.__module__.startswith("domain.")]


def is_event(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Event) and member.__name__ != "Event"
