"""Who is told what: once for each fact and endpoint, from the moment it was added, whatever is killed in between."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from application.webhook_endpoints import Changes
from domain.api_key import Scope
from domain.license import License
from domain.provider_facts import Seen, SubscriptionStatus
from domain.subscription import Subscription
from domain.subscription_terms import Purchase, Terms
from domain.webhook_endpoint import DisabledReason
from projections import webhook_feeds
from projections.follower import Followers, connect
from projections.webhook_feeds import NAME
from tests.outbound_world import Outbound

URL = "http://127.0.0.1:9/hooks"  # nothing is sent there


@pytest.fixture
def world(services) -> Outbound:
    services.catalog.apply(services.catalog.read(Path("docs/catalogs/coditect.yaml").read_bytes()))
    return Outbound(services)


@pytest.fixture
def anns(world) -> UUID:
    return world.organization()


@pytest.fixture
def bobs(world) -> UUID:
    return world.organization()


def licence(services, owner: UUID) -> UUID:
    return services.licenses.issue(owner, "pro", seats=None, expires_at=None).license.id


def told(world: Outbound, endpoint) -> list[str]:
    return [each.type for each in world.deliveries(endpoint_id=endpoint.endpoint.endpoint_id)]


def feed(services, feed_id: UUID) -> dict:
    found = services.database.fetch_one("select * from webhook_feeds where feed_id = %s", (feed_id,))
    assert found is not None
    return found


def position(services) -> int:
    found = services.database.fetch_one("select position from follower_positions where name = %s", (NAME,))
    return found["position"] if found else 0


def test_a_customer_is_told_of_its_own_and_the_vendor_of_everything(services, world, anns, bobs):
    ann, bob, vendor = world.endpoint(URL, owner=anns), world.endpoint(URL, owner=bobs), world.endpoint(URL)
    mine, _ = licence(services, anns), licence(services, bobs)
    services.licenses.suspend(mine, reason="unpaid")
    services.api_keys.issue(name="the vendor's", scopes=[Scope.ADMIN], organization_id=None)
    world.follow()
    assert told(world, ann) == ["license.issued", "license.suspended"]
    assert told(world, bob) == ["license.issued"]
    assert told(world, vendor) == ["license.issued", "license.issued", "license.suspended", "api_key.issued"]


def test_only_what_the_filters_choose_is_told(services, world, anns):
    one = world.endpoint(URL, "license.suspended", "seat.*", owner=anns)
    id = licence(services, anns)
    services.licenses.suspend(id, reason="unpaid")
    services.licenses.reinstate(id, reason="paid")
    world.follow()
    assert told(world, one) == ["license.suspended"]


def test_an_endpoint_is_told_from_its_beginning_and_up_to_its_end_to_the_event(services, world, anns):
    """All of it in one batch of the follower."""
    before = licence(services, anns)
    endpoint = services.webhook_endpoints.add(anns, url=URL, types=["license.*"])
    id = endpoint.endpoint.endpoint_id
    services.licenses.suspend(before, reason="first")
    services.webhook_endpoints.disable(id, DisabledReason.BY_HAND)
    services.licenses.reinstate(before, reason="second")
    services.webhook_endpoints.change(id, Changes(enabled=True))
    services.licenses.suspend(before, reason="third")
    world.follow()
    assert [each.type for each in world.deliveries(endpoint_id=id)] == ["license.suspended", "license.suspended"]
    assert world.states(endpoint_id=id) == ["canceled", "waiting"]


def test_other_filters_count_from_where_they_were_set(services, world, anns):
    endpoint = world.endpoint(URL, "license.issued", owner=anns)
    id = licence(services, anns)
    services.webhook_endpoints.change(endpoint.endpoint.endpoint_id, Changes(types=["license.suspended"]))
    licence(services, anns)
    services.licenses.suspend(id, reason="unpaid")
    world.follow()
    assert told(world, endpoint) == ["license.issued", "license.suspended"]


def test_a_fact_without_an_owner_of_its_own_is_its_streams_owners_at_that_time(services, world, anns, bobs):
    ann, bob = world.endpoint(URL, owner=anns), world.endpoint(URL, owner=bobs)
    id = licence(services, anns)
    services.licenses.suspend(id, reason="unpaid")
    services.store.change(License, id, lambda license: license.transfer(bobs, now=services.clock.now()))
    services.licenses.reinstate(id, reason="paid")
    world.follow()
    assert told(world, ann) == ["license.issued", "license.suspended"]
    assert told(world, bob) == ["license.transferred", "license.reinstated"]


def test_one_report_that_changes_much_is_told_as_one_change(services, world, anns):
    now = services.clock.now()
    terms = Terms(SubscriptionStatus.ACTIVE, 1, now, now + timedelta(days=30), None, None, None)
    subscription = Subscription.start(
        id=services.clock.new_id(),
        organization_id=anns,
        provider="stripe",
        provider_id="sub_1A",
        purchase=Purchase("pro", 1, "pro-monthly"),
        terms=terms,
        seen=Seen(now, 1, "evt_1"),
        now=now,
    )
    services.store.add(subscription)
    ann = world.endpoint(URL, "subscription.*", owner=anns)

    def report(plan: str, seen: str, **changes) -> None:
        at = services.clock.now()
        bought, news = Purchase(plan, 1, f"{plan}-monthly"), Seen(at, 1, seen)
        services.store.change(
            Subscription,
            subscription.id,
            lambda known: known.report(replace(terms, **changes), bought, seen=news, now=at),
        )

    report("starter", "evt_2", quantity=3, cancel_at=now)
    report("starter", "evt_3", quantity=3, cancel_at=now, status=SubscriptionStatus.CANCELED)
    world.follow()
    assert told(world, ann) == ["subscription.changed", "subscription.changed", "subscription.ended"]
    first, *_ = world.deliveries()
    payload = services.webhook_payloads.payload(first, None)["data"]["subscription"]
    assert (payload["plan"], payload["seats"], payload["cancel_at"]) == ("starter", 9, now), "as after all of it"


def test_what_is_followed_again_is_entered_once(services, world, anns):
    endpoint = world.endpoint(URL, owner=anns)
    licence(services, anns)
    world.follow()
    before = world.deliveries()
    services.database.execute("update follower_positions set position = 0 where name = %s", (NAME,))
    world.follow()
    assert world.deliveries() == before and told(world, endpoint) == ["license.issued"]


def test_deliveries_stand_or_fall_with_the_position(services, world, anns, monkeypatch):
    world.endpoint(URL, owner=anns)
    licence(services, anns)
    stood = position(services)
    feeds = services.webhook_feeds()
    monkeypatch.setattr(feeds, "_make", lambda **_: (_ for _ in ()).throw(KeyError("a fault of ours")))
    with connect(services.settings.database_url) as connection:
        Followers(services.database.url, services.codec.to_domain_event, [feeds]).catch_up(connection)
    assert position(services) == stood and world.deliveries() == []
    services.database.execute("update follower_positions set error = null")
    world.follow()
    assert len(world.deliveries()) == 1


def test_two_followers_at_once_enter_each_fact_once(services, world, anns):
    world.endpoint(URL, owner=anns)
    for _ in range(20):
        licence(services, anns)
    stop = threading.Event()

    def run() -> None:
        followers = Followers(services.database.url, services.codec.to_domain_event, [services.webhook_feeds()])
        with connect(services.settings.database_url) as connection:
            while not stop.is_set():
                followers.advance(connection)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    last = services.store.recorder.max_notification_id()
    while position(services) < last:
        pass
    stop.set()
    for thread in threads:
        thread.join(20)
    assert len(world.deliveries()) == 20


# feeds that are behind


def test_an_endpoint_that_is_enabled_again_goes_on_from_where_it_was_stopped(services, world, anns):
    endpoint = world.endpoint(URL, "license.*", owner=anns)
    id = endpoint.endpoint.endpoint_id
    licence(services, anns)
    world.follow()
    services.webhook_endpoints.change(id, Changes(enabled=False))
    missed = licence(services, anns)
    world.follow()
    resumes_at = services.webhook_endpoints.find(id).resumes_at
    assert world.states(endpoint_id=id) == ["canceled"] and resumes_at == world.deliveries()[0].position
    services.webhook_endpoints.change(id, Changes(enabled=True, from_position=resumes_at))
    services.licenses.suspend(missed, reason="while it catches up")
    world.follow()
    world.bring_on()
    assert told(world, endpoint) == ["license.issued", "license.issued", "license.suspended"]
    assert set(world.states(endpoint_id=id)) == {"waiting"}
    positions = [each.position for each in world.deliveries(endpoint_id=id)]
    assert positions == sorted(positions)
    world.bring_on()
    assert feed(services, id)["position"] is None, "level again"
    licence(services, anns)
    world.follow()
    assert len(told(world, endpoint)) == 4


def test_what_was_delivered_is_not_told_again_by_going_on(services, world, anns):
    endpoint = world.endpoint(URL, "license.*", owner=anns)
    id = endpoint.endpoint.endpoint_id
    licence(services, anns)
    world.follow()
    services.database.execute("update webhook_deliveries set state = 'delivered'")
    services.webhook_endpoints.change(id, Changes(enabled=False))
    world.follow()
    services.webhook_endpoints.change(id, Changes(enabled=True, from_position=1))
    world.follow()
    world.bring_on()
    assert world.states(endpoint_id=id) == ["delivered"]


def test_an_endpoint_with_too_much_waiting_falls_behind_and_catches_up(services, world, anns, monkeypatch):
    monkeypatch.setattr(webhook_feeds, "MOST_WAITING", 3)
    monkeypatch.setattr(webhook_feeds, "MOST_CAUGHT_UP", 3)
    endpoint = world.endpoint(URL, "license.*", owner=anns)
    id = endpoint.endpoint.endpoint_id
    for _ in range(4):
        licence(services, anns)
    world.follow()
    world.bring_on()
    assert feed(services, id)["position"] == position(services)
    for _ in range(5):
        licence(services, anns)
    world.follow()
    assert len(told(world, endpoint)) == 4
    for _ in range(10):
        world.bring_on()
        assert world.states(endpoint_id=id).count("waiting") <= 4
        services.database.execute("update webhook_deliveries set state = 'delivered'")
    assert len(told(world, endpoint)) == 9
    assert feed(services, id)["position"] is None


def test_a_batch_that_would_make_too_many_deliveries_leaves_some_endpoints_behind(services, world, anns, monkeypatch):
    monkeypatch.setattr(webhook_feeds, "MOST_AT_ONCE", 10)
    endpoints = [world.endpoint(URL, "license.*") for _ in range(4)]
    for _ in range(7):
        licence(services, anns)
    world.follow()
    positions = [feed(services, each.endpoint.endpoint_id)["position"] for each in endpoints]
    assert positions.count(None) == 2, "two make fourteen"
    world.bring_on()
    assert all(len(told(world, each)) == 7 for each in endpoints)
    assert all(feed(services, each.endpoint.endpoint_id)["position"] is None for each in endpoints)
    assert len(world.deliveries()) == 28


def test_a_replay_is_bounded_resumes_and_ends(services, world, anns, monkeypatch):
    monkeypatch.setattr(webhook_feeds, "MOST_OF_REPLAY", 2)
    endpoint = world.endpoint(URL, "license.*", owner=anns)
    id = endpoint.endpoint.endpoint_id
    for _ in range(5):
        licence(services, anns)
    world.follow()
    services.database.execute("update webhook_deliveries set state = 'delivered'")
    replay = services.webhook_endpoints.replay(id, from_position=1, types=["license.issued"])
    after = licence(services, anns)
    world.follow()
    entered = []
    for _ in range(4):
        world.bring_on()
        Outbound(services).bring_on()  # another process: what it finds is full
        waiting = [each for each in world.deliveries(replay_id=replay.id) if each.state == "waiting"]
        assert len(waiting) <= 2
        entered.append(len(world.deliveries(replay_id=replay.id)))
        services.database.execute("update webhook_deliveries set state = 'delivered'")
    assert entered == [2, 4, 5, 5]
    (shown,) = services.webhook_delivery_log.replays(id)
    assert (shown.id, shown.state, shown.position) == (replay.id, "finished", replay.to_position)
    assert after not in {each.object_id for each in world.deliveries(replay_id=replay.id)}


def test_a_replay_looks_through_a_long_log_in_bounded_steps(services, world, anns, monkeypatch):
    monkeypatch.setattr(webhook_feeds, "_WINDOW", 2)
    monkeypatch.setattr(webhook_feeds, "_WINDOWS", 2)
    endpoint = world.endpoint(URL, "license.revoked", owner=anns)
    for _ in range(6):
        licence(services, anns)
    replay = services.webhook_endpoints.replay(endpoint.endpoint.endpoint_id, from_position=1)
    world.follow()
    steps = 0
    while services.webhook_delivery_log.replays(endpoint.endpoint.endpoint_id)[0].state == "running":
        world.bring_on()
        steps += 1
        assert steps < 50
    assert steps == -(-replay.to_position // 4)


def test_a_replay_that_is_stopped_sends_nothing_more(services, world, anns, monkeypatch):
    monkeypatch.setattr(webhook_feeds, "MOST_OF_REPLAY", 1)
    endpoint = world.endpoint(URL, "license.*", owner=anns)
    for _ in range(3):
        licence(services, anns)
    replay = services.webhook_endpoints.replay(endpoint.endpoint.endpoint_id, from_position=1)
    world.follow()
    world.bring_on()
    services.webhook_endpoints.stop_replay(endpoint.endpoint.endpoint_id, replay.id)
    world.follow()
    world.bring_on()
    assert world.states(replay_id=replay.id) == ["canceled"]
    assert world.states(endpoint_id=endpoint.endpoint.endpoint_id).count("waiting") == 3, "its own feed goes on"


def test_what_is_removed_waits_for_nothing(services, world, anns):
    endpoint = world.endpoint(URL, owner=anns)
    licence(services, anns)
    world.follow()
    services.webhook_endpoints.remove(endpoint.endpoint.endpoint_id)
    licence(services, anns)
    world.follow()
    assert world.states() == ["canceled"]
    assert services.database.fetch_all("select * from webhook_feeds") == []
    assert services.database.fetch_all("select * from webhook_endpoints") == []
