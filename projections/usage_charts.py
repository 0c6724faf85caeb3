"""Usage for charts: over time, and shared out over subjects, keys, dimensions and organizations. To the quarter of an
hour, up to where the read model stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from domain.meter import Aggregation
from projections.listing import Row, select

QUARTER = timedelta(minutes=15)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MOST_SHARES = 1_000


class Of(NamedTuple):
    """Whose use of what: of the accounts that are one's, in all or on an axis (`subject`, `key`, `.solution`)."""

    accounts: Sequence[UUID]
    meter: str
    aggregation: Aggregation
    axis: str = "total"
    value: str = ""


_OF = "s.account_id = any(%(accounts)s) and s.meter = %(meter)s and s.axis = %(axis)s and s.value = %(value)s"
_STEPS = """
    with steps as (
        select local at time zone %(zone)s as start,
            (local + %(length)s::interval) at time zone %(zone)s as ending, local
        from generate_series(date_trunc(%(step)s, %(since)s at time zone %(zone)s),
            %(before)s at time zone %(zone)s - interval '1 microsecond', %(length)s::interval) as local
    )"""
_WITHIN = """cross join lateral (
        select * from {table} where series = s.series and width = 'd' and start >= %(d_from)s and start < %(d_to)s
        union all
        select * from {table} where series = s.series and width = 'q' and start >= %(q_from)s and start < %(d_from)s
        union all
        select * from {table} where series = s.series and width = 'q' and start >= %(d_to)s and start < %(q_to)s
    ) b"""
"""One range of the index each: under an `or` all that the series ever used would be read."""
_SUMS = f"""{_STEPS}, sums as (
        select date_trunc(%(step)s, b.start at time zone %(zone)s) as local, {{quantity}} as quantity,
            sum(b.records) as records
        from usage_series s {_WITHIN.format(table="usage_buckets")}
        where {_OF} group by 1
    )
    select steps.start, to_char(steps.local, 'YYYY-MM-DD') as date, coalesce(sums.quantity, 0) as quantity,
        coalesce(sums.records, 0)::bigint as records
    from steps left join sums using (local) order by steps.start"""
_DISTINCT = f"""{_STEPS}, sums as (
        select date_trunc(%(step)s, b.start at time zone %(zone)s) as local, count(distinct b.counted) as quantity
        from usage_series s {_WITHIN.format(table="usage_values")}
        where {_OF} group by 1
    )
    select steps.start, to_char(steps.local, 'YYYY-MM-DD') as date, coalesce(sums.quantity, 0) as quantity,
        coalesce(sums.quantity, 0) as records
    from steps left join sums using (local) order by steps.start"""
# What each subject's level was before, and each time that it changed: so many rows, however many steps.
_LEVELS = f"""{_STEPS}, series as (
        select s.series, s.value from usage_series s
        where s.account_id = any(%(accounts)s) and s.meter = %(meter)s and s.axis = 'subject'
            and (%(axis)s = 'total' or s.value = %(value)s)
    ), levels as (
        select s.value, b.start, b.latest, b.latest_at, b.latest_position from series s cross join lateral (
            select * from usage_buckets
            where series = s.series and width = 'q' and start < %(since)s and latest_at is not null
            order by start desc limit 1
        ) b
        union all
        select s.value, b.start, b.latest, b.latest_at, b.latest_position from series s cross join lateral (
            select * from usage_buckets
            where series = s.series and width = 'q' and start >= %(since)s and start < %(before)s
                and latest_at is not null
        ) b
    ), changes as (
        select start, latest - lag(latest, 1, 0::numeric) over subject as more, row_number() over subject = 1 as is_new
        from levels window subject as (partition by value order by latest_at, latest_position)
    ), sums as (
        select date_trunc(%(step)s, greatest(start, %(since)s) at time zone %(zone)s) as local, sum(more) as more,
            count(*) filter (where is_new) as subjects
        from changes group by 1
    )
    select steps.start, to_char(steps.local, 'YYYY-MM-DD') as date,
        coalesce(sum(sums.more) over so_far, 0) as quantity, coalesce(sum(sums.subjects) over so_far, 0) as records
    from steps left join sums using (local) window so_far as (order by steps.start) order by steps.start"""
_QUANTITIES = {Aggregation.SUM: "sum(b.total)", Aggregation.COUNT: "sum(b.records)", Aggregation.MAX: "max(b.peak)"}
_MOST = f"order by quantity desc nulls last, value limit {MOST_SHARES}"
_SHARES = f"""
    select s.value, {{quantity}} as quantity, {{records}} as records
    from usage_series s {_WITHIN}
    where s.account_id = any(%(accounts)s) and s.meter = %(meter)s and s.axis = %(axis)s
    group by s.value {_MOST}"""
_BY_ORGANIZATION = f"""
    select o.organization_id::text as value, {{quantity}} as quantity, {{records}} as records
    from usage_series s {_WITHIN}
        left join usage_claims c on c.account_id = s.account_id
        left join organizations o on o.organization_id = coalesce(c.organization_id, s.account_id)
    where s.meter = %(meter)s and s.axis = 'total'
    group by 1 {_MOST}"""
_LEVELS_BY_SUBJECT = """
    select l.subject as value, l.quantity, 1 as records
    from usage_levels_at(%(accounts)s, %(meter)s, 'total', '', %(q_to)s) l order by l.quantity desc limit 1000"""
_LEVELS_BY_ORGANIZATION = f"""
    with levels as (
        select distinct on (owner, s.value) coalesce(c.organization_id, t.account_id) as owner, b.latest
        from usage_series t join usage_series s on s.account_id = t.account_id and s.meter = t.meter
                and s.axis = 'subject'
            left join usage_claims c on c.account_id = t.account_id
            cross join lateral (
                select b.latest, b.latest_at, b.latest_position from usage_buckets b
                where b.series = s.series and b.width = 'q' and b.start < %(q_to)s and b.latest_at is not null
                order by b.start desc limit 1
            ) b
        where t.meter = %(meter)s and t.axis = 'total'
        order by owner, s.value, b.latest_at desc, b.latest_position desc
    )
    select o.organization_id::text as value, sum(l.latest) as quantity, count(*) as records
    from levels l left join organizations o on o.organization_id = l.owner
    group by 1 {_MOST}"""
_METERS = (
    "select distinct meter from usage_series where account_id = any(%(accounts)s) and axis = 'total' order by meter"
)


def usage_over_time(
    connection: psycopg.Connection[Any], of: Of, *, step: str, zone: str, since: datetime, before: datetime
) -> list[Row]:
    """Every `step` (hour, day, week, month) of the time zone from the one of `since`: `start`, `date` in the zone,
    `quantity`, `records`. A level is that at the end of the step; of distinct values `records` are those too."""
    sql = {Aggregation.UNIQUE: _DISTINCT, Aggregation.LAST: _LEVELS}.get(of.aggregation)
    sql = sql or _SUMS.format(quantity=_QUANTITIES[of.aggregation])
    reach = _reach(since, before, in_days=zone == "UTC" and step != "hour")
    span = {"step": step, "length": f"1 {step}", "zone": zone, "since": reach["q_from"], "before": reach["q_to"]}
    return select(connection, sql, {**of._asdict(), "accounts": list(of.accounts), **span, **reach})


def usage_shares(connection: psycopg.Connection[Any], of: Of, *, since: datetime, before: datetime) -> list[Row]:
    """The largest first, a thousand at most: `value` on the axis, `quantity`, `records`."""
    params = {**of._asdict(), "accounts": list(of.accounts), **_reach(since, before)}
    if of.aggregation is Aggregation.LAST:
        return select(connection, _LEVELS_BY_SUBJECT, params)
    return select(connection, _SHARES.format(**_measure(of.aggregation)), params)


def usage_by_organization(
    connection: psycopg.Connection[Any], meter: str, aggregation: Aggregation, *, since: datetime, before: datetime
) -> list[Row]:
    """As `usage_shares`, of all organizations; `value` None is what subjects used that are nobody's."""
    params = {"meter": meter, **_reach(since, before)}
    if aggregation is Aggregation.LAST:
        return select(connection, _LEVELS_BY_ORGANIZATION, params)
    return select(connection, _BY_ORGANIZATION.format(**_measure(aggregation)), params)


def meters_used(connection: psycopg.Connection[Any], accounts: Sequence[UUID]) -> list[str]:
    return [row["meter"] for row in select(connection, _METERS, {"accounts": list(accounts)})]


def total(connection: psycopg.Connection[Any], of: Of, *, since: datetime, before: datetime) -> Any:
    """What was used between two moments, exactly and up to the last record."""
    (found,) = select(
        connection,
        "select usage_total(%(accounts)s, %(meter)s, %(aggregation)s, %(axis)s, %(value)s, %(since)s, %(before)s)"
        " as quantity",
        {**of._asdict(), "accounts": list(of.accounts), "since": since, "before": before},
    )
    return found["quantity"]


def floor(at: datetime, width: timedelta = QUARTER) -> datetime:
    return at - (at - _EPOCH) % width


def ceil(at: datetime, width: timedelta = QUARTER) -> datetime:
    return floor(at + width - timedelta(microseconds=1), width)


def _reach(since: datetime, before: datetime, *, in_days: bool = True) -> dict[str, datetime]:
    """Full days of UTC where there are any, if they help; quarters of an hour before and after."""
    q_from, q_to, day = floor(since), ceil(before), timedelta(days=1)
    d_from = min(ceil(q_from, day), q_to) if in_days else q_to
    return {"q_from": q_from, "q_to": q_to, "d_from": d_from, "d_to": max(floor(q_to, day), d_from)}


def _measure(aggregation: Aggregation) -> dict[str, str]:
    if aggregation is Aggregation.UNIQUE:
        distinct = "count(distinct b.counted)"
        return {"table": "usage_values", "quantity": distinct, "records": distinct}
    return {"table": "usage_buckets", "quantity": _QUANTITIES[aggregation], "records": "sum(b.records)::bigint"}
