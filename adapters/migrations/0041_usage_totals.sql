-- What was used between two moments, exactly: full days and quarters of an hour out of the read model `usage`, and out of the
-- log itself the records at both edges and those that the read model has not taken yet. All of it as of one snapshot.

-- Where the buckets that lie whole between two moments begin and end: quarters from `q_from` to `q_to`, of these full days from
-- `d_from` to `d_to`. `taken` is the position up to which they speak.
create type usage_reach as (q_from timestamptz, q_to timestamptz, d_from timestamptz, d_to timestamptz, taken bigint);

create function usage_bin(length interval, at timestamptz, up boolean) returns timestamptz
language sql immutable parallel safe as $$
    select case when isfinite(at) then
        date_bin(length, at + case when up then length - interval '1 microsecond' else interval '0' end,
            timestamptz '2000-01-01 00:00Z') else at end
$$;

-- Highest and distinct cannot take back what was cancelled after the read model stood still: then the log is read.
create function usage_reach_of(accounts uuid[], of_meter text, kind text, since timestamptz, before timestamptz)
returns usage_reach language plpgsql stable as $$
declare
    r usage_reach;
begin
    r.taken := coalesce((select position from follower_positions where name = 'usage'), 0);
    r.q_from := usage_bin('15 minutes', since, true);
    r.q_to := usage_bin('15 minutes', before, false);
    if r.q_from >= r.q_to or (kind not in ('sum', 'count') and exists (
        select from usage_records v
        where v.position > r.taken and v.voids is not null and v.account_id = any(accounts) and v.meter = of_meter
    )) then
        r.q_from := before;
        r.q_to := before;
    end if;
    r.d_from := least(usage_bin('1 day', r.q_from, true), r.q_to);
    r.d_to := greatest(usage_bin('1 day', r.q_to, false), r.d_from);
    return r;
end $$;

create function usage_series_of(accounts uuid[], of_meter text, of_axis text, of_value text) returns setof uuid
language plpgsql stable rows 1 as $$
begin
    return query select s.series from usage_series s
        where s.account_id = any(accounts) and s.meter = of_meter and s.axis = of_axis and s.value = of_value;
end $$;

-- The records that no bucket of `reach` has. What the read model has not taken yet is found by position while it is little, else
-- among the account's own.
create function usage_edges(
    accounts uuid[], of_meter text, of_axis text, of_value text, since timestamptz, before timestamptz, reach usage_reach
) returns setof usage_records language plpgsql stable rows 100 as $$
declare
    is_far boolean := (select last_value from usage_position) - reach.taken > 20000;
begin
    return query
    with tail as materialized (select * from usage_records where position > reach.taken),
    candidates as (
        select * from usage_records
        where account_id = any(accounts) and meter = of_meter and position <= reach.taken
            and at >= since and at < least(reach.q_from, before)
        union all
        select * from usage_records
        where account_id = any(accounts) and meter = of_meter and position <= reach.taken
            and at >= greatest(reach.q_to, reach.q_from) and at < before
        union all
        select * from tail
        where not is_far and account_id = any(accounts) and meter = of_meter and at >= since and at < before
        union all
        select * from usage_records
        where is_far and account_id = any(accounts) and meter = of_meter and at >= since and at < before
            and position > reach.taken
    )
    select * from candidates c
    where case of_axis when 'total' then true when 'subject' then coalesce(c.subject::text, '') = of_value
        when 'key' then c.key_id::text = of_value else c.dimensions ->> substr(of_axis, 2) = of_value end;
end $$;

create function usage_values_in(
    accounts uuid[], of_meter text, of_axis text, of_value text, since timestamptz, before timestamptz
) returns setof uuid language plpgsql stable as $$
declare
    reach usage_reach := usage_reach_of(accounts, of_meter, 'unique', since, before);
begin
    return query
    select v.counted from usage_series_of(accounts, of_meter, of_axis, of_value) s (series) cross join lateral (
        select * from usage_values where series = s.series and width = 'd' and start >= reach.d_from and start < reach.d_to
        union all
        select * from usage_values where series = s.series and width = 'q' and start >= reach.q_from and start < reach.d_from
        union all
        select * from usage_values where series = s.series and width = 'q' and start >= reach.d_to and start < reach.q_to
    ) v
    union
    select e.counted from usage_edges(accounts, of_meter, of_axis, of_value, since, before, reach) e
    where e.counted is not null and e.voids is null
        and not exists (select from usage_records v where v.voids = e.position);
end $$;

create function usage_total(
    accounts uuid[], of_meter text, kind text, of_axis text, of_value text, since timestamptz, before timestamptz
) returns numeric language plpgsql stable as $$
declare
    reach usage_reach;
begin
    if kind = 'unique' then
        return (select count(*) from usage_values_in(accounts, of_meter, of_axis, of_value, since, before));
    end if;
    if kind = 'last' then
        return (select coalesce(sum(quantity), 0) from usage_levels_at(accounts, of_meter, of_axis, of_value, before));
    end if;
    reach := usage_reach_of(accounts, of_meter, kind, since, before);
    return (
        with parts as (
            select b.total, b.records::numeric, b.peak
            from usage_series_of(accounts, of_meter, of_axis, of_value) s (series) cross join lateral (
                select * from usage_buckets where series = s.series and width = 'd' and start >= reach.d_from and start < reach.d_to
                union all
                select * from usage_buckets where series = s.series and width = 'q' and start >= reach.q_from and start < reach.d_from
                union all
                select * from usage_buckets where series = s.series and width = 'q' and start >= reach.d_to and start < reach.q_to
            ) b
            union all
            select case when e.voids is null then e.quantity else -e.quantity end,
                case when e.voids is null then 1 else -1 end,
                case when kind = 'max' and e.voids is null
                    and not exists (select from usage_records v where v.voids = e.position) then e.quantity end
            from usage_edges(accounts, of_meter, of_axis, of_value, since, before, reach) e
        )
        select case kind when 'sum' then coalesce(sum(total), 0) when 'count' then coalesce(sum(records), 0)
            else coalesce(max(peak), 0) end from parts
    );
end $$;

-- The level of each subject (axis 'total': of all) just before a moment: its latest record by time, then by position.
create function usage_levels_at(accounts uuid[], of_meter text, of_axis text, of_value text, before timestamptz)
returns table (subject text, at timestamptz, "position" bigint, quantity numeric)
language plpgsql stable as $$
#variable_conflict use_column
declare
    reach usage_reach := usage_reach_of(accounts, of_meter, 'last', '-infinity', before);
begin
    return query
    with candidates as (
        select s.value as subject, b.latest_at as at, b.latest_position as position, b.latest as quantity
        from usage_series s cross join lateral (
            select * from usage_buckets b
            where b.series = s.series and b.width = 'q' and b.start < reach.q_to and reach.q_from < reach.q_to
                and b.latest_at is not null
            order by b.start desc limit 1
        ) b
        where s.account_id = any(accounts) and s.meter = of_meter and s.axis = 'subject'
            and (of_axis = 'total' or s.value = of_value)
        union all
        select coalesce(e.subject::text, ''), e.at, e.position, e.quantity
        from usage_edges(accounts, of_meter, of_axis, of_value, '-infinity', before, reach) e
        where e.voids is null and not exists (select from usage_records v where v.voids = e.position)
    )
    select distinct on (c.subject) c.subject, c.at, c.position, c.quantity
    from candidates c order by c.subject, c.at desc, c.position desc;
end $$;
