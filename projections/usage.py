"""Usage by quarters of an hour and by days, folded out of the usage log inside Postgres a range at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import psycopg

from projections.log import Log
from projections.read_model import Handler, ReadModel
from projections.usage_log import TOPIC, USAGE, UsageRange

# Each record counts in several series: in that of its account and meter, and in those of its subject, key and
# dimensions (axis '.solution'). One that cancels another counts backwards.
SPREAD = """
    spread as materialized (
        select md5(concat_ws('/', r.account_id, r.meter, a.axis, a.value))::uuid as series,
            r.account_id, r.meter, a.axis, a.value, r.position, r.at, r.quantity, r.counted, r.voids is null as counts,
            {stands} as stands
        from usage_records r cross join lateral (
            select 'total' as axis, '' as value
            union all select 'subject', coalesce(r.subject::text, '')
            union all select 'key', r.key_id::text where r.key_id is not null
            union all select '.' || d.key, d.value from jsonb_each_text(r.dimensions) d
        ) a
        where {which}
    ), wide as (select * from (values ('q', interval '15 minutes'), ('d', interval '1 day')) w (width, length)),
    wide_spread as (
        select *, date_bin(length, at, timestamptz '2000-01-01 00:00Z') as start from spread cross join wide
    )"""

_RANGE = "r.position > %(after)s and r.position <= %(until)s"
_SPREAD = f"with {SPREAD.format(stands='r.voids is null', which=_RANGE)}"

# What `stands` was not cancelled. The latest level is kept of subjects only: that of an account is the sum of theirs.
ADD = """, sums as (
        select series, width, start, sum(case when counts then quantity else -quantity end) as total,
            sum(case when counts then 1 else -1 end) as records, max(quantity) filter (where stands) as peak
        from wide_spread group by series, width, start
    ), levels as (
        select distinct on (series, start) series, width, start, quantity as latest, at as latest_at,
            position as latest_position
        from wide_spread where stands and axis = 'subject' and width = 'q'
        order by series, start, at desc, position desc
    ), named as (
        insert into {prefix}_series (series, account_id, meter, axis, value)
        select distinct series, account_id, meter, axis, value from spread on conflict do nothing
    ), distinct_values as (
        insert into {prefix}_values (series, width, start, counted)
        select distinct series, width, start, counted from wide_spread where stands and counted is not null
        on conflict do nothing
    )
    insert into {prefix}_buckets as b (series, width, start, total, records, peak, latest, latest_at, latest_position)
    select series, width, start, total, records, peak, latest, latest_at, latest_position
    from sums left join levels using (series, width, start)
    on conflict (series, width, start) do update set
        total = b.total + excluded.total, records = b.records + excluded.records,
        peak = greatest(b.peak, excluded.peak),
        (latest, latest_at, latest_position) = (
            select l.* from (values (b.latest, b.latest_at, b.latest_position),
                (excluded.latest, excluded.latest_at, excluded.latest_position)) l (latest, latest_at, latest_position)
            order by l.latest_at desc nulls last, l.latest_position desc limit 1)"""
_ADD = _SPREAD + ADD.format(prefix="usage")

# Highest and latest are no sums: after a cancellation they are looked up among what is left.
_REMAINING = """
    from usage_records r
    where r.account_id = t.account_id and r.meter = t.meter and r.at >= t.start and r.at < t.start + t.length
        and r.position <= %(until)s and r.voids is null
        and not exists (select from usage_records v where v.voids = r.position and v.position <= %(until)s)
        and case t.axis when 'total' then true when 'subject' then coalesce(r.subject::text, '') = t.value
            when 'key' then r.key_id::text = t.value else r.dimensions ->> substr(t.axis, 2) = t.value end"""
_TOUCHED = f"""{_SPREAD}, touched as (
        select distinct series, account_id, meter, axis, value, counted, width, length, start,
            axis = 'subject' and width = 'q' as is_level
        from wide_spread where not counts
    )"""
_MENDED_BUCKETS = f"""{_TOUCHED}
    update usage_buckets b set peak = n.peak, latest = n.latest[1], latest_at = n.latest_at,
        latest_position = n.latest_position[1]
    from touched t cross join lateral (
        select max(r.quantity) as peak,
            array_agg(r.quantity order by r.at desc, r.position desc) filter (where t.is_level) as latest,
            max(r.at) filter (where t.is_level) as latest_at,
            array_agg(r.position order by r.at desc, r.position desc) filter (where t.is_level) as latest_position
        {_REMAINING}
    ) n
    where b.series = t.series and b.width = t.width and b.start = t.start"""
_MENDED_VALUES = f"""{_TOUCHED}
    delete from usage_values u using touched t
    where u.series = t.series and u.width = t.width and u.start = t.start and u.counted = t.counted
        and not exists (select {_REMAINING} and r.counted = t.counted)"""
_ANY_VOIDS = (
    "select exists (select from usage_records where position > %(after)s and position <= %(until)s"
    " and voids is not null)"
)
_BEGIN = [f"insert into usage_{table} select * from usage_rolled_{table}" for table in ("series", "buckets", "values")]
"""What records that are gone counted for."""
# An array can be looked up in the index; `or account_id in (…)` would read the series of all customers for one.
_ACCOUNTS = "select usher_organization() union all select account_id from usage_claims"


class Usage(ReadModel):
    """A series is what one account used of one meter: in all, by one subject, by one key, or with one value of a
    dimension. `width` is `q` (a quarter of an hour) or `d` (a day of UTC)."""

    name = "usage"
    log: ClassVar[Log] = USAGE
    tables = ("usage_series", "usage_buckets", "usage_values")
    ddl = """
        create table usage_series (
            series     uuid primary key,     -- derived from the rest
            account_id uuid not null,
            meter      text not null,
            axis       text not null,        -- total, subject, key, or a dimension: .solution
            value      text not null
        );
        create index usage_series_of_account on usage_series (account_id, meter, axis, value);
        create index usage_series_of_meter on usage_series (meter) where axis = 'total';
        create table usage_buckets (
            series          uuid        not null,
            width           "char"      not null,
            start           timestamptz not null,
            total           numeric     not null,
            records         bigint      not null,
            peak            numeric,
            latest          numeric,
            latest_at       timestamptz,
            latest_position bigint,
            primary key (series, width, start)
        ) with (fillfactor = 80);
        create table usage_values (          -- of meters that count distinct values
            series  uuid        not null,
            width   "char"      not null,
            start   timestamptz not null,
            counted uuid        not null,
            primary key (series, width, start, counted)
        );
    """
    handlers: ClassVar[dict[type[Any], Handler]] = {}
    tenants_see: ClassVar[dict[str, str]] = {
        "usage_series": f"account_id = any (array({_ACCOUNTS}))",
        "usage_buckets": "series in (select series from usage_series)",
        "usage_values": "series in (select series from usage_series)",
    }

    def __init__(self) -> None:
        super().__init__()
        self.topics = frozenset({TOPIC})

    def apply(self, connection: psycopg.Connection[Any], batch: Sequence[UsageRange]) -> None:  # type: ignore[override]
        """Adds what a range of records means."""
        taken = {"after": batch[0].after, "until": batch[-1].position}
        for sql in _BEGIN if batch[0].after == 0 else ():
            connection.execute(sql)
        connection.execute(_ADD, taken)
        if connection.execute(_ANY_VOIDS, taken).fetchone() == (True,):
            connection.execute(_MENDED_BUCKETS, taken)
            connection.execute(_MENDED_VALUES, taken)
