-- Usage records that are older than their time are rolled up: what they count for stays, they themselves go
-- (projections/usage_rollup.py, docs/decisions/0032-usage-rollup.md). Ids are remembered for ever (usage_ids).

-- `until`: of what was used before, a record may be gone, and only full quarters of an hour are known; none can come or be cancelled
-- any more. `scanned`: up to which position the log was gone through for it; null when it was to its end. `position`: the last that
-- is gone.
create table usage_rollup (
    single_row boolean     primary key default true check (single_row),
    until      timestamptz not null default '-infinity',
    scanned    bigint,
    position   bigint      not null default 0
);
insert into usage_rollup default values;
grant select on usage_rollup to usher_tenant;

-- What the records that are gone count for, as in the tables of the read model `usage`, which begins with it.
create table usage_rolled_series (
    series     uuid primary key,
    account_id uuid not null,
    meter      text not null,
    axis       text not null,
    value      text not null
);
create table usage_rolled_buckets (
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
);
create table usage_rolled_values (
    series  uuid        not null,
    width   "char"      not null,
    start   timestamptz not null,
    counted uuid        not null,
    primary key (series, width, start, counted)
);
alter table usage_rolled_series enable row level security;
alter table usage_rolled_buckets enable row level security;
alter table usage_rolled_values enable row level security;

create or replace function usage_log_head() returns bigint language sql stable security definer set search_path = public, pg_temp
return (select greatest(coalesce(max(r.position), 0), (select position from usage_rollup)) from usage_records r);

-- As in 0041, but where records may be gone a moment within a quarter counts as the beginning of it, and buckets are never passed
-- by: nothing of theirs can be cancelled any more.
create or replace function usage_reach_of(accounts uuid[], of_meter text, kind text, since timestamptz, before timestamptz)
returns usage_reach language plpgsql stable as $$
declare
    r usage_reach;
    rolled timestamptz := (select until from usage_rollup);
begin
    r.taken := coalesce((select position from follower_positions where name = 'usage'), 0);
    r.q_from := usage_bin('15 minutes', since, since >= rolled);
    r.q_to := usage_bin('15 minutes', before, false);
    if r.q_to > rolled and kind not in ('sum', 'count') and exists (
        select from usage_records v
        where v.position > r.taken and v.voids is not null and v.account_id = any(accounts) and v.meter = of_meter
    ) then
        r.q_to := rolled;
    end if;
    if r.q_from >= r.q_to then
        r.q_from := before;
        r.q_to := before;
    end if;
    r.d_from := least(usage_bin('1 day', r.q_from, true), r.q_to);
    r.d_to := greatest(usage_bin('1 day', r.q_to, false), r.d_from);
    return r;
end $$;

create or replace function usage_edges(
    accounts uuid[], of_meter text, of_axis text, of_value text, since timestamptz, before timestamptz, reach usage_reach
) returns setof usage_records language plpgsql stable rows 100 as $$
declare
    is_far boolean := (select last_value from usage_position) - reach.taken > 20000;
    known_from timestamptz := greatest(since, (select until from usage_rollup));
begin
    return query
    with tail as materialized (select * from usage_records where position > reach.taken),
    candidates as (
        select * from usage_records
        where account_id = any(accounts) and meter = of_meter and position <= reach.taken
            and at >= known_from and at < least(reach.q_from, before)
        union all
        select * from usage_records
        where account_id = any(accounts) and meter = of_meter and position <= reach.taken
            and at >= greatest(reach.q_to, reach.q_from, known_from) and at < before
        union all
        select * from tail
        where not is_far and account_id = any(accounts) and meter = of_meter and at >= known_from and at < before
        union all
        select * from usage_records
        where is_far and account_id = any(accounts) and meter = of_meter and at >= known_from and at < before
            and position > reach.taken
    )
    select * from candidates c
    where case of_axis when 'total' then true when 'subject' then coalesce(c.subject::text, '') = of_value
        when 'key' then c.key_id::text = of_value else c.dimensions ->> substr(of_axis, 2) = of_value end;
end $$;
