"""Data that goes when its time is over: what goes, what stays, and that it is reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from adapters.bootstrap import build
from adapters.data_sweep import BATCH
from adapters.settings import Settings, SettingsInvalid
from domain.organization import Organization
from domain.retention import periods
from projections.all import read_models
from projections.follower import connect
from projections.positions import prepare

DAY = timedelta(days=1)


@pytest.fixture
def engine(services):
    with connect(services.settings.database_url) as connection:
        prepare(connection, read_models())
    return services


def webhook(services, body: bytes, *, age: timedelta, processed: bool = True) -> UUID:
    id, at = uuid4(), services.clock.now() - age
    services.unwalled.execute(*services.provider_records.keep_body(id, body, at))
    if processed:
        services.unwalled.execute(
            "insert into stored_events (originator_id, originator_version, topic, state, actor, cause)"
            " values (%s, 1, 'provider_event.processed', '{}', 'test', '')",
            (id,),
        )
    return id


def bodies(services) -> set[UUID]:
    return {row["provider_event_id"] for row in services.unwalled.fetch_all("select * from provider_payloads")}


def seat(services, organization: UUID, *, age: timedelta, closed: bool) -> UUID:
    session, at = uuid4(), services.clock.now() - age
    services.unwalled.execute(
        "insert into session_callers values (%s, %s, %s, 1, %s, '203.0.113.9', 'agent', 'host', 'ann', 'linux', '1')",
        (session, uuid4(), organization, at),
    )
    services.unwalled.execute(
        "insert into seat_sessions values (%s, 1, %s, %s, 1, 'f', %s, false, null, %s, null)",
        (session, uuid4(), organization, at, at if closed else None),
    )
    return session


def named(services) -> set[UUID]:
    sql = "select session_id from session_callers where address is not null"
    return {row["session_id"] for row in services.unwalled.fetch_all(sql)}


def test_what_is_old_goes_in_batches_and_what_is_young_or_needed_stays(engine):
    many = [webhook(engine, b"{}", age=31 * DAY) for _ in range(3)]
    young = webhook(engine, b"{}", age=29 * DAY)
    unprocessed = webhook(engine, b"{}", age=400 * DAY, processed=False)
    engine.unwalled.execute(
        "insert into stored_answers select 'user:x', 'POST /', n::text, '', gen_random_uuid(), 200, null, %s, %s"
        " from generate_series(1, %s) n",
        (engine.clock.now(), engine.clock.now() - DAY, 2 * BATCH + 1),
    )
    old, sitting, fresh = (
        seat(engine, uuid4(), age=91 * DAY, closed=True),
        seat(engine, uuid4(), age=91 * DAY, closed=False),
        seat(engine, uuid4(), age=89 * DAY, closed=True),
    )
    due = engine.retention.due()
    assert (due["webhook_bodies"], due["stored_answers"], due["session_callers"]) == (3, 2 * BATCH + 1, 1)
    assert bodies(engine) == {*many, young, unprocessed}, "counting takes nothing"
    taken = engine.retention.run(seconds=60)
    assert (taken["webhook_bodies"], taken["stored_answers"], taken["session_callers"]) == (3, 2 * BATCH + 1, 1)
    assert bodies(engine) == {young, unprocessed}
    assert named(engine) == {sitting, fresh}
    kept = engine.unwalled.fetch_one("select platform, seat from session_callers where session_id = %s", (old,))
    assert kept == {"platform": "linux", "seat": 1}
    assert set(engine.retention.run(seconds=60).values()) == {0}
    report = {each.rule: each for each in engine.retention.report(count=True)}
    assert (report["stored_answers"].last_deleted, report["stored_answers"].deleted) == (0, 2 * BATCH + 1)
    assert report["webhook_bodies"].due == 0 and report["webhook_bodies"].tables == ("provider_payloads",)


def test_a_run_without_time_stops_after_a_batch_says_so_and_the_next_begins_where_it_waited_longest(engine):
    engine.unwalled.execute(
        "insert into stored_answers select 'user:x', 'POST /', n::text, '', gen_random_uuid(), 200, null, %s, %s"
        " from generate_series(1, %s) n",
        (engine.clock.now(), engine.clock.now() - DAY, BATCH + 1),
    )
    assert engine.retention.run(seconds=0) == {}
    first = engine.retention._run("stored_answers", until=0.0)
    assert first == BATCH
    assert {each.rule for each in engine.retention.report() if each.is_behind} == {"stored_answers"}
    engine.clock.advance(DAY)
    assert list(engine.retention.run(seconds=60))[-1] == "stored_answers"
    assert not any(each.is_behind for each in engine.retention.report())


def test_the_operator_sets_periods_and_mistakes_keep_the_engine_from_starting(engine, tmp_path):
    shorter = build(replace(engine.settings, retention="webhook_bodies=P7D, sandbox_mails=PT1H"))
    webhook(engine, b"{}", age=8 * DAY)
    assert shorter.retention.due()["webhook_bodies"] == 1 and engine.retention.due()["webhook_bodies"] == 0
    shorter.close()
    for wrong in ("bodies=P7D", "webhook_bodies=7 days", "webhook_bodies=PT1H", "invoices=P1D", "mail_log"):
        with pytest.raises(ValueError):
            periods(wrong)
        with pytest.raises(SettingsInvalid, match="USHER_RETENTION"):
            Settings.from_environment({"USHER_RETENTION": wrong, "USHER_DATA_DIR": str(tmp_path)}, dotenv=None)
    with pytest.raises(SettingsInvalid, match="USHER_DELETION_DELAY"):
        Settings.from_environment({"USHER_DELETION_DELAY": "soon", "USHER_DATA_DIR": str(tmp_path)}, dotenv=None)


def test_what_belongs_to_an_organization_under_legal_hold_stays(engine):
    held, free = uuid4(), uuid4()
    for id in (held, free):
        engine.store.add(Organization.register(id=id, now=engine.clock.now()))
    engine.unwalled.execute("insert into legal_holds values (%s, %s, %s)", (held, ["cus_held"], engine.clock.now()))
    spared = webhook(engine, b'{"customer": "cus_held"}', age=60 * DAY)
    webhook(engine, b'{"customer": "cus_free"}', age=60 * DAY)
    seat(engine, free, age=100 * DAY, closed=True)
    sat = seat(engine, held, age=100 * DAY, closed=True)
    engine.retention.run(seconds=60)
    assert bodies(engine) == {spared}
    assert named(engine) == {sat}
