from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from application.attribution import acting
from application.history import Filters, Moment
from application.past import owner_of, plain, state_of
from domain.api_key import ApiKey, Scope
from domain.durations import CalendarTerm
from domain.entitlements import Entitlements
from domain.errors import Conflict, NotFound
from domain.ids import seat_id
from domain.license import License
from domain.money import Money
from domain.organization import Organization
from domain.plan import Interval, Plan, PlanTerms, Price
from tests.history_world import START, at, changed, follow, leave, licensed, sit

# --- events ---


def test_events_come_in_log_order_with_who_did_it_and_why(services):
    with acting("user:anna", "request:r1"):
        license = licensed(services)
    with acting("operator"):
        changed(services, license, "suspend", minute=1)
    follow(services)
    issued, suspended = services.history.events(Filters(), limit=10)
    assert (issued.position, issued.version, issued.type) == (1, 1, "license.issued")
    assert (issued.stream, issued.stream_id, issued.occurred_at) == ("license", license.id, START)
    assert (issued.actor, issued.cause) == ("user:anna", "request:r1")
    assert issued.sentence.startswith("Licence CODI-…-7K2QX was issued: 2 seats of plan pro")
    assert (suspended.actor, suspended.cause) == ("operator", "")
    assert suspended.sentence == "The vendor suspended the licence: the story wants it"
    assert suspended.data == {"reason": "the story wants it"}


def test_data_is_what_the_event_says_and_nothing_of_how_it_is_stored(services):
    license = licensed(services)
    session = sit(services, license, 1, "anna's machine", minute=1)
    follow(services)
    issued, opened = services.history.events(Filters())
    assert "originator_topic" not in issued.data and "timestamp" not in issued.data
    assert opened.data["session_id"] == str(session)


def test_filters_and_pages_narrow_the_events(services):
    one, other = licensed(services), licensed(services)
    sit(services, one, 1, "anna's machine", minute=1)
    changed(services, other, "suspend", minute=2)
    follow(services)

    def types(after: int | None = None, limit: int = 10, **filters: object) -> list[str]:
        return [entry.type for entry in services.history.events(Filters(**filters), after=after, limit=limit)]

    assert types() == ["license.issued", "license.issued", "seat.session_opened", "license.suspended"]
    assert types(stream="seat") == ["seat.session_opened"]
    assert types(stream_id=other.id) == ["license.issued", "license.suspended"]
    assert types(type="license.issued", organization_id=one.organization_id) == ["license.issued"]
    assert types(since=at(1), until=at(2)) == ["seat.session_opened"]
    assert types(after=3) == ["license.suspended"]
    assert types(after=1, limit=2) == ["license.issued", "seat.session_opened"]


def test_an_event_that_cannot_be_read_is_shown_all_the_same(services):
    license = licensed(services)
    changed(services, license, "suspend", minute=1)
    follow(services)
    services.database.execute(
        'update stored_events set state = \'{"timestamp": "x", "reson": 1}\' where originator_version = 2'
    )
    indexed = services.history.events(Filters())[1]
    assert (indexed.sentence, indexed.occurred_at, indexed.data) == ("This event cannot be read", at(1), {"reson": 1})
    raw = next(services.history.tail(after=1))
    assert (raw.sentence, raw.occurred_at, raw.data) == ("This event cannot be read", None, {"reson": 1})


def test_an_export_holds_every_event_once_in_batches(services):
    organization = Organization.register(id=uuid4(), now=START)
    for saved in (400, 199):
        while len(organization.pending_events) < saved:
            organization.rename(now=START)
        services.store.put(organization)
    follow(services)
    batches = list(services.history.export(Filters()))
    assert [len(batch) for batch in batches] == [500, 99]
    assert [entry.position for batch in batches for entry in batch] == list(range(1, 600))


def test_an_export_ends_though_events_keep_coming(services):
    license = licensed(services)
    follow(services)
    exporting = services.history.export(Filters())
    assert [entry.type for entry in next(exporting)] == ["license.issued"]
    sit(services, license, 1, "anna's machine", minute=1)
    follow(services)
    assert list(exporting) == []


def test_a_tail_gives_what_comes_as_it_comes(services):
    licensed(services)
    stop, seen = threading.Event(), []

    def follow_tail() -> None:
        for entry in services.history.tail(after=0, stop=stop):
            seen.append(entry)
            arrived.release()

    arrived = threading.Semaphore(0)
    following = threading.Thread(target=follow_tail)
    following.start()
    assert arrived.acquire(timeout=20)
    late = licensed(services)
    assert arrived.acquire(timeout=20)
    stop.set()
    licensed(services)  # wakes it
    following.join(timeout=20)
    assert not following.is_alive()
    assert [entry.position for entry in seen][:2] == [1, 2]
    assert seen[1].stream_id == late.id


def test_a_tail_from_now_on_leaves_the_past_alone(services):
    licensed(services)
    tail = services.history.tail()
    late = licensed(services)
    assert next(tail).stream_id == late.id


# --- as it was ---


@pytest.fixture
def license(services) -> License:
    """Issued at minute 0 (position 1), suspended at 10 (2), made smaller at 20 (4), reinstated at 30 (5)."""
    license = licensed(services, seats=5)
    changed(services, license, "suspend", minute=10)
    sit(services, license, 1, "anna's machine", minute=15)
    changed(services, license, "resize", 2, minute=20)
    changed(services, license, "reinstate", minute=30)
    return license


@pytest.mark.parametrize(
    ("moment", "version", "position", "status", "seats"),
    [
        (Moment(at=at(0)), 1, 1, "active", 5),
        (Moment(at=at(9.99)), 1, 1, "active", 5),
        (Moment(at=at(10)), 2, 2, "suspended", 5),
        (Moment(at=at(25)), 3, 4, "suspended", 2),
        (Moment(at=at(99)), 4, 5, "active", 2),
        (Moment(version=2), 2, 2, "suspended", 5),
        (Moment(version=4), 4, 5, "active", 2),
        (Moment(position=3), 2, 2, "suspended", 5),
        (Moment(position=4), 3, 4, "suspended", 2),
        (Moment(position=10**12), 4, 5, "active", 2),
        (Moment(), 4, 5, "active", 2),
        (None, 4, 5, "active", 2),
    ],
)
def test_a_licence_is_shown_as_it_was(services, license, moment, version, position, status, seats):
    past = services.history.show("license", license.id, moment)
    assert (past.version, past.position) == (version, position)
    assert (past.state["status"], past.state["terms"]["seats"]) == (status, seats)
    assert [entry.version for entry in past.events] == list(range(1, version + 1))


def test_every_answer_matches_a_replay_of_exactly_those_events(services, license):
    for version in range(1, 5):
        then = services.store.fetch(License, license.id, version=version)
        assert services.history.show("license", license.id, Moment(version=version)).state == state_of(
            then, then.modified_on
        )


@pytest.mark.parametrize(
    ("stream", "moment"),
    [
        ("license", Moment(at=START - timedelta(seconds=1))),
        ("license", Moment(version=5)),
        ("user", Moment()),
        ("starship", Moment()),
    ],
)
def test_what_did_not_exist_then_is_not_found(services, license, stream, moment):
    with pytest.raises(NotFound):
        services.history.show(stream, license.id, moment)
    with pytest.raises(NotFound):
        services.history.show("license", uuid4())


def test_before_its_first_position_it_did_not_exist(services):
    licensed(services)
    later = licensed(services)
    with pytest.raises(NotFound):
        services.history.show("license", later.id, Moment(position=1))


def test_a_seat_is_shown_with_who_sat_there(services):
    license = licensed(services)
    session = sit(services, license, 1, "anna's machine", minute=1)
    leave(services, license, 1, minute=2)
    shown = services.history.show("seat", seat_id(license.id, 1), Moment(at=at(1.5)))
    assert shown.state["session_id"] == str(session)
    assert services.history.show("seat", seat_id(license.id, 1)).state["session_id"] is None


def test_a_status_that_depends_on_the_time_is_that_of_the_time_asked_for(services):
    license = licensed(services)
    services.store.change(License, license.id, lambda each: each.extend(at(60), reason="short", now=START))
    assert services.history.show("license", license.id, Moment(at=at(59))).state["status"] == "active"
    assert services.history.show("license", license.id, Moment(at=at(61))).state["status"] == "expired"


def test_its_owners_are_those_of_then_and_of_now(services):
    license = licensed(services)
    heir = uuid4()
    services.store.change(License, license.id, lambda each: each.transfer(heir, now=at(5)))
    assert services.history.show("license", license.id, Moment(at=at(1))).owners == {license.organization_id, heir}
    assert services.history.show("license", license.id).owners == {heir}


def test_a_history_that_is_damaged_is_refused_with_advice(services, license):
    services.database.execute(
        "delete from stored_events where originator_version = 2 and originator_id = %s", (license.id,)
    )
    with pytest.raises(Conflict, match="usher events verify"):
        services.history.show("license", license.id)
    services.database.execute("update stored_events set state = '{}' where originator_id = %s", (license.id,))
    with pytest.raises(Conflict, match="usher events verify"):
        services.history.show("license", license.id)


# --- states as JSON ---


def test_a_state_is_plain_json():
    issue = {"id": uuid4(), "organization_id": uuid4(), "secret": "usk_" + "x" * 43, "now": START}
    key = ApiKey.issue(scopes=[Scope.USAGE_READ, Scope.AUDIT], **issue)
    state = state_of(key, START)
    assert state["scopes"] == ["audit", "usage:read"]
    assert state["organization_id"] == str(key.organization_id)
    assert not [name for name in state if name.startswith("_")]


def test_a_state_answers_the_questions_that_the_aggregate_answers():
    price = Price("pro-monthly", Money(9900, "usd"), Interval.MONTH)
    terms = PlanTerms("Pro", 14, Entitlements(seats=10, license_term=CalendarTerm.parse("P1Y")), (price,))
    state = state_of(Plan.publish(code="pro", product="coditect", terms=terms, now=START), START)
    assert state["current_version"] == 1
    assert state["current"]["prices"][0]["money"] == {"amount": 9900, "currency": "usd"}
    assert state["current"]["entitlements"]["lease"] == "PT6M"
    assert state["current"]["entitlements"]["license_term"] == "P1Y"
    assert state["current"]["entitlements"]["payment_grace"] == ["P7D", "P3D"]


def test_keys_of_mappings_become_text():
    one = uuid4()
    assert plain({one: {2: START}}) == {str(one): {"2": "2027-01-01T00:00:00Z"}}


def test_an_organization_belongs_to_itself_and_a_plan_to_nobody():
    organization = Organization.register(id=uuid4(), now=START)
    assert owner_of(organization) == organization.id
    price = Price("pro-monthly", Money(9900, "usd"), Interval.MONTH)
    terms = PlanTerms("Pro", 14, Entitlements(seats=10), (price,))
    assert owner_of(Plan.publish(code="pro", product="coditect", terms=terms, now=START)) is None
