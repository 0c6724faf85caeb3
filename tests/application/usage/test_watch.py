"""A plan that warns: a fact once for each period and limit, and a mail because of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.quota_admin import Meant
from application.reactions import errands_of
from domain.errors import InvalidRequest
from domain.ids import message_id
from domain.public_events import topics_of
from domain.quota import Quota
from projections.follower import connect
from projections.public_facts import public_facts, read_some
from tests.usage_world import UsageWorld, months


@pytest.fixture
def acme(world: UsageWorld) -> UUID:
    world.sell(pro=months(100, warn_at=0.8))
    return world.organization("pro")


def look(world: UsageWorld, account_id: UUID, meter: str = "calls") -> None:
    world.services.quota_watch.look([(account_id, meter)])


def noted(world: UsageWorld, account_id: UUID) -> list[Any]:
    """Everything that is in the log about its quotas, but that they were opened."""
    rows = world.services.database.fetch_all(
        "select originator_id as id, originator_version as version from stored_events where topic like 'quota.%%'"
        " and originator_id in (select originator_id from stored_events where topic = 'quota.opened'"
        " and state ->> 'account_id' = %s) order by notification_id",
        (str(account_id),),
    )
    events = [
        next(iter(world.services.store.events.get(row["id"], gt=row["version"] - 1, lte=row["version"])))
        for row in rows
    ]
    return [event for event in events if not isinstance(event, Quota.Opened)]


def test_a_warning_and_then_the_limit_are_noted_once_each(world, acme):
    for quantity, expected in (
        (79, []),
        (1, ["Warned"]),
        (10, ["Warned"]),
        (10, ["Warned", "Reached"]),
        (5, ["Warned", "Reached"]),
    ):
        world.use(acme, quantity)
        look(world, acme)
        look(world, acme)
        assert [type(event).__name__ for event in noted(world, acme)] == expected
    warned, reached = noted(world, acme)
    assert (warned.used, warned.limit, reached.used, reached.limit) == (80, 100, 100, 100)
    assert errands_of(warned) == ["mail/quota_warning"] and errands_of(reached) == ["mail/quota_reached"]


def registered(world: UsageWorld, email: str) -> UUID:
    """The organization of a person."""
    made = world.services.users.register(
        email=email, password="a long and windy road", full_name="Ada", company_name="Acme"
    )
    return made.organization_id


def mails_of(world: UsageWorld, account_id: UUID, to: str) -> list[Any]:
    """After every errand was run twice, the oldest first."""
    for event in noted(world, account_id) * 2:
        for task in errands_of(event):
            id = message_id(event.originator_id, event.originator_version, task)
            world.services.database.execute(
                *world.services.outbox.put(id, task, event.originator_id, event.originator_version)
            )
            world.services.errands.run(id)
    return list(reversed(world.services.mailer.caught(to=to)))


@pytest.mark.parametrize(
    ("hard", "said", "other"), [(True, "more is refused", "goes on working"), (False, "goes on working", "is refused")]
)
def test_those_who_pay_are_told_by_mail_once(world, hard, said, other):
    meter = {"code": "tokens", "name": "Model tokens", "aggregation": "sum"}
    limit = {"amount": 10_000, "per": "month", "warn_at": 0.8, "hard": hard}
    world.sell(meter, pro={"limits": {"tokens": limit}})
    to = f"ada-{hard}@example.com"
    acme = registered(world, to)
    world.license(acme, "pro")
    for quantity in (8_500, 1_500):
        world.use(acme, quantity, "tokens")
        look(world, acme, "tokens")
    warned, reached = [mail for mail in mails_of(world, acme, to) if "Model tokens" in mail.subject]
    assert warned.subject == "Cloud: 8,500 of 10,000 Model tokens are used"
    assert reached.subject == "Cloud: the limit of 10,000 Model tokens is reached"
    for mail in (warned, reached):
        assert "Acme" in mail.text and world.services.upgrade_url in mail.text and "Pro" in mail.text
        assert said in mail.text and other not in mail.text


def test_endpoints_of_the_organization_are_told(world, acme):
    world.use(acme, 85)
    look(world, acme)
    world.services.quota_admin.grant(Meant(acme, "calls"), 10, reason="launch")
    world.services.quota_admin.reset(Meant(acme, "calls"), reason="launch")
    with connect(world.settings.database_url) as connection:
        batch = read_some(connection, world.services.codec.to_domain_event, 0, 10**9, list(topics_of(["quota.*"])), 999)
        told = [fact for fact in public_facts(connection, batch, ["quota.*"]) if fact.organization_id == acme]
    assert [fact.name for fact in told] == ["quota.warned", "quota.granted", "quota.reset"]


def test_nobody_is_told_of_a_period_that_is_over(world):
    world.sell(pro=months(100, warn_at=0.8))
    acme = registered(world, "late@example.com")
    world.license(acme, "pro")
    world.use(acme, 85)
    look(world, acme)
    (warned,) = noted(world, acme)
    assert world.services.notices.of("quota_warning", warned) is not None
    world.clock.ahead += timedelta(days=32)
    assert world.services.notices.of("quota_warning", warned) is None


def test_another_process_notes_nothing_twice(world, acme):
    world.use(acme, 85)
    look(world, acme)
    with world.another() as other:
        look(other, acme)
    assert len(noted(world, acme)) == 1


def test_a_leap_over_everything_notes_the_limit_alone(world, acme):
    world.use(acme, 200)
    look(world, acme)
    assert [type(event).__name__ for event in noted(world, acme)] == ["Reached"]


def test_the_next_period_is_warned_of_anew(world, acme):
    world.use(acme, 90)
    look(world, acme)
    world.clock.ahead += timedelta(days=32)
    look(world, acme)
    world.use(acme, 90)
    look(world, acme)
    assert len(noted(world, acme)) == 2


def test_after_a_grant_the_share_is_one_of_the_larger_limit(world, acme):
    world.use(acme, 90)
    look(world, acme)
    world.services.quota_admin.grant(Meant(acme, "calls"), 100, reason="launch")
    look(world, acme)
    assert [type(event).__name__ for event in noted(world, acme)] == ["Warned", "Granted"]
    world.use(acme, 75)
    look(world, acme)
    assert (noted(world, acme)[-1].used, noted(world, acme)[-1].limit) == (165, 200)


def test_nobody_is_warned_of_a_limit_that_the_plan_does_not_warn_of(world):
    world.sell(pro=months(100), other=months("unlimited", warn_at=0.8))
    for plan in ("pro", "other"):
        acme = world.organization(plan)
        world.use(acme, 200)
        look(world, acme)
        assert noted(world, acme) == []


def test_nobody_is_warned_of_the_limit_before_an_upgrade(world):
    world.sell(small=months(10, warn_at=0.8), large=months(1000, warn_at=0.8))
    acme = world.organization("small")
    world.use(acme, 5)
    look(world, acme)  # remembers the small plan
    world.license(acme, "large")
    world.use(acme, 20)
    look(world, acme)
    assert noted(world, acme) == []


def test_a_reset_forgives_what_is_used_and_says_so(either):
    either.sell(pro=months(100))
    acme = either.organization("pro")
    either.use(acme, 60)
    either.use(acme, 30, subject="ann")
    (quota,) = either.services.quota_admin.reset(Meant(acme, "calls"), reason="our mistake")
    assert (quota.forgiven, either.used(acme)) == (90, 0)
    either.use(acme, 10)
    assert either.used(acme) == 10
    (quota,) = either.services.quota_admin.reset(Meant(acme, "calls"), reason="again")
    assert quota.forgiven == 100
    either.follow()
    assert either.used(acme) == 0 and either.check(acme, 100).answer.is_allowed


def test_what_was_forgiven_and_is_cancelled_later_is_no_gift(either):
    either.sell(pro=months(100))
    acme = either.organization("pro")
    wrong = either.told(acme, quantity=60)
    either.record(wrong)
    either.services.quota_admin.reset(Meant(acme, "calls"), reason="our mistake")
    either.record(either.told(acme, None, None, voids=wrong.id))
    ((line, answer),) = either.check(acme, 1).lines
    assert line.left(answer) == 100


def test_grants_and_resets_can_be_of_one_period_or_one_subject(either):
    limits = [
        {"amount": 100, "per": "month"},
        {"amount": 10, "per": "day"},
        {"amount": 5, "per": "day", "each": "subject"},
    ]
    either.sell(pro={"limits": {"calls": limits}})
    acme, ann = either.organization("pro"), either.services.subject_digests.digest("ann")
    either.use(acme, 5, subject="ann")
    admin = either.services.quota_admin
    assert [quota.per for quota in admin.grant(Meant(acme, "calls"), 1, reason="x")] == ["day", "month"]
    assert [quota.per for quota in admin.grant(Meant(acme, "calls", per="day"), 1, reason="x")] == ["day"]
    (quota,) = admin.reset(Meant(acme, "calls", subject=ann), reason="x")
    assert (quota.per, quota.forgiven) == ("day", 5)
    verdict = either.run(either.services.quotas.standing(acme, subject=ann))
    left = {line.standing.limit.name: (answer.used, line.left(answer)) for line, answer in verdict.lines}
    assert left == {
        "calls/day/organization": (5, 7),
        "calls/day/subject": (0, 5),
        "calls/month/organization": (5, 96),
    }


def test_nothing_can_be_granted_where_nothing_is_limited(world, acme):
    for meant in (Meant(acme, "bytes"), Meant(acme, "calls", per="year"), Meant(world.organization(), "calls")):
        with pytest.raises(InvalidRequest, match="nothing limits"):
            world.services.quota_admin.grant(meant, 5, reason="x")


def test_resets_at_the_same_time_forgive_once(world, acme):
    world.use(acme, 90)
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(world.services.quota_admin.reset, Meant(acme, "calls"), reason="x") for _ in range(4)]
        assert {quota.forgiven for each in done for quota in each.result()} == {90}
    assert world.used(acme) == 0
