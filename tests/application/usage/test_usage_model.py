"""In whatever order records come, however often and late: quotas and charts are those of a model that just adds up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from domain.meter import Aggregation
from domain.rights import LimitInForce
from domain.usage import Told
from projections import usage_charts as charts
from projections.follower import connect
from tests.usage_world import NO_REDIS, UsageWorld

METERS: list[dict[str, Any]] = [
    {"code": "calls", "name": "Calls"},
    {"code": "hours", "name": "Hours", "decimals": 3},
    {"code": "requests", "name": "Requests", "aggregation": "count"},
    {"code": "peak", "name": "Peak", "aggregation": "max"},
    {"code": "people", "name": "People", "aggregation": "unique", "counts": "person"},
    {"code": "stored", "name": "Stored", "aggregation": "last", "decimals": 1},
]
LIMITS = {
    "calls": [{"amount": 10**6, "per": "month"}, {"amount": 10**5, "per": "day", "each": "subject"}],
    "hours": [{"amount": 10**6, "per": "week"}, {"amount": 10**6, "per": "total"}],
    "requests": [{"amount": 10**6, "per": "day", "hard": False}, {"amount": 10**6, "per": "hour"}],
    "peak": [{"amount": 10**6, "per": "month", "anchor": "calendar"}],
    "people": [{"amount": 10**5, "per": "month"}],
    "stored": {"amount": 10**6, "per": "total"},
}
SUBJECTS = [None, "ann", "bob"]
IDS = [f"id-{number}" for number in range(14)]
QUANTITIES = {
    "calls": [0, 1, 7],
    "hours": [Decimal("0.001"), Decimal("2.5")],
    "peak": [3, 9, 9],
    "stored": [1, Decimal("0.5"), 4],
}


class Sent(NamedTuple):
    """A record, or one that cancels the record `voids`."""

    id: str
    meter: str
    quantity: Decimal
    ago: timedelta
    subject: str | None
    person: str
    voids: str | None = None


moments = some.one_of(
    some.integers(-4 * 60, 34 * 86400).map(lambda seconds: timedelta(seconds=seconds)),
    some.sampled_from([timedelta(days=days, microseconds=us) for days in (0, 1, 7, 30) for us in (0, 1)]),
)
meters = some.sampled_from(list(LIMITS))
records = meters.flatmap(
    lambda meter: some.builds(
        Sent,
        some.sampled_from(IDS),
        some.just(meter),
        some.sampled_from(QUANTITIES.get(meter, [1])).map(Decimal),
        moments,
        some.sampled_from(SUBJECTS),
        some.sampled_from("pqr"),
        some.none(),
    )
)
steps = some.lists(
    some.one_of(
        some.lists(records, min_size=1, max_size=5),
        some.sampled_from(IDS).map(lambda id: Sent(f"void-{id}", "", Decimal(0), timedelta(0), None, "", voids=id)),
        some.sampled_from(["follow", "look", "flush", "restart"]),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps, shuffled=some.randoms(use_true_random=False))
def test_every_limit_and_chart_says_what_a_naive_model_says(world, redis, steps, shuffled):
    world.sell(*METERS, everything={"limits": LIMITS})
    model = Model(world, redis)
    for step in steps:
        model.do(step)
    model.repeat(shuffled)
    model.compare()
    world.follow()
    model.compare()
    model.compare_charts()


class Model:
    """Keeps every record once, and adds up by going through all of them."""

    def __init__(self, world: UsageWorld, redis: Any) -> None:
        self.world = world
        self._redis = redis
        self.organization = world.organization("everything")
        world.services.organizations.change(self.organization, time_zone="Asia/Kolkata")
        self.began = world.now()
        self.known: dict[str, Sent] = {}
        self.voided: set[str] = set()

    def do(self, step: Any) -> None:
        match step:
            case "follow":
                self.world.follow()
            case "look":
                self.compare()
            case "flush":
                self._redis.flushall()
            case "restart":
                with self.world.another() as other:
                    self._send([Sent("other", "calls", Decimal(2), timedelta(0), "ann", "")], other)
            case Sent():
                if step.voids in self.known and step.voids not in self.voided:
                    self._send([step], self.world)
                    self.voided.add(str(step.voids))
            case _:
                fresh: dict[str, Sent] = {each.id: each for each in step if self.known.get(each.id, each) == each}
                if fresh:
                    self._send(list(fresh.values()), self.world)

    def repeat(self, shuffled: Any) -> None:
        """Everything again, in another order."""
        again = list(self.known.values())
        shuffled.shuffle(again)
        if again:
            taken = self.world.record(*map(self._told, again))
            assert (taken.accepted, taken.duplicates) == (0, len(again))

    def compare(self) -> None:
        for subject in SUBJECTS:
            digest = self.world.services.subject_digests.digest(subject) if subject else None
            verdict = self.world.run(self.world.services.quotas.standing(self.organization, subject=digest))
            for line, answer in verdict.lines:
                expected = self._used(line.standing.limit, line.standing.period, subject if line.standing.of else None)
                assert answer.used == line.standing.limit.terms.scaled(expected), line.standing.counter

    def compare_charts(self) -> None:
        since, before = self.began - timedelta(days=36), self.began + timedelta(days=1)
        with connect(self.world.settings.database_url or "") as connection:
            for meter in METERS:
                kind = Aggregation(meter.get("aggregation", "sum"))
                of = charts.Of([self.organization], meter["code"], kind)
                for zone in ("Asia/Kolkata", "UTC") if kind in (Aggregation.SUM, Aggregation.COUNT) else ():
                    rows = charts.usage_over_time(connection, of, step="day", zone=zone, since=since, before=before)
                    assert sum(row["quantity"] for row in rows) == total(kind, self._counting(meter["code"]))
                for subject in SUBJECTS:
                    name = str(self.world.services.subject_digests.digest(subject)) if subject else ""
                    shares = charts.usage_shares(connection, of._replace(axis="subject"), since=since, before=before)
                    found = next((row["quantity"] for row in shares if row["value"] == name), None)
                    mine = [each for each in self._counting(meter["code"]) if each.subject == subject]
                    if mine or found:
                        assert (found or 0) == total(kind, mine)

    def _send(self, sent: Iterable[Sent], through: UsageWorld) -> None:
        sent = list(sent)
        new = [each for each in sent if each.id not in self.known]
        taken = through.record(*map(self._told, sent))
        assert (taken.accepted, taken.duplicates) == (len(new), len(sent) - len(new))
        self.known |= {each.id: each for each in new}

    def _told(self, sent: Sent) -> Told:
        if sent.voids is not None:
            return Told(sent.id, organization_id=self.organization, voids=sent.voids)
        counted = sent.meter in ("requests", "people")
        return Told(
            sent.id,
            sent.meter,
            None if counted else sent.quantity,
            self.began - sent.ago,
            self.organization,
            sent.subject,
            dimensions={"person": sent.person} if sent.meter == "people" else {},
        )

    def _counting(self, meter: str) -> list[Sent]:
        """In the order of the log."""
        return [each for each in self.known.values() if each.meter == meter and each.id not in self.voided]

    def _used(self, limit: LimitInForce, period: Any, subject: str | None) -> Decimal:
        at = {each.id: self.began - each.ago for each in self.known.values()}
        counting = [each for each in self._counting(limit.meter) if at[each.id] in period]
        if subject is not None:
            counting = [each for each in counting if each.subject == subject]
        return total(limit.terms.aggregation, counting)


def total(kind: Aggregation, records: list[Sent]) -> Decimal:
    match kind:
        case Aggregation.SUM:
            return sum((each.quantity for each in records), Decimal(0))
        case Aggregation.COUNT:
            return Decimal(len(records))
        case Aggregation.MAX:
            return max((each.quantity for each in records), default=Decimal(0))
        case Aggregation.UNIQUE:
            return Decimal(len({each.person for each in records}))
    latest: dict[str | None, tuple[datetime, int, Decimal]] = {}
    for position, each in enumerate(records):
        level = (datetime.min.replace(tzinfo=UTC) + timedelta(days=4000) - each.ago, position, each.quantity)
        latest[each.subject] = max(latest.get(each.subject, level), level)
    return sum((quantity for _, _, quantity in latest.values()), Decimal(0))


def test_the_same_is_true_without_redis(usage_settings, redis):
    """A few of the examples by hand: questions are answered from the log itself."""
    world = UsageWorld(usage_settings.with_servers(redis_url=NO_REDIS))
    world.sell(*METERS, everything={"limits": LIMITS})
    model = Model(world, redis)
    day = timedelta(days=1)
    for number, meter in enumerate(list(LIMITS) * 2):
        quantity = Decimal(QUANTITIES.get(meter, [1])[-1])
        model.do([Sent(f"a{number}", meter, quantity, number * day, SUBJECTS[number % 3], "pq"[number % 2])])
        model.do("follow" if number % 3 == 0 else "look")
    model.do(Sent("v", "", Decimal(0), timedelta(0), None, "", voids="a3"))
    model.compare()
    model.do(Sent("w", "", Decimal(0), timedelta(0), None, "", voids="a5"))
    model.do("follow")
    model.compare()
    world.close()
