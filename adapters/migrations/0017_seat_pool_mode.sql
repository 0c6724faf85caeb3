-- Where seats are kept, for all processes: in Redis, or in Postgres while Redis is away (docs/decisions/0016-two-seat-pools.md).
-- Each time that this changes begins a period; `generation` counts them. What either pool has of an earlier one is stale.
create table seat_pool_mode (
    single_row boolean     primary key default true check (single_row),
    pool       text        not null default 'redis' check (pool in ('redis', 'postgres')),
    generation bigint      not null default 0,
    since      timestamptz not null default clock_timestamp(),
    missed_at  timestamptz not null default 'epoch',     -- when a process last found Redis away
    steady     interval    not null default '3 s'        -- for so long nobody must have, before Redis is used again
);
insert into seat_pool_mode default values;

-- A move holds this lock alone, until its commit is seen by all.
create function hold_seat_pool(is_move boolean) returns void language plpgsql as $$
begin
    if is_move then
        perform pg_advisory_xact_lock(7310868735424);
    else
        perform pg_advisory_xact_lock_shared(7310868735424);
    end if;
end $$;

-- The period that is. A move under way is waited for: whoever is told of the old period asked before the new one began.
create function seat_pool_now() returns seat_pool_mode language plpgsql set lock_timeout = '5s' as $$
begin
    perform hold_seat_pool(false);
    return (select m from seat_pool_mode m);
end $$;

-- For the transaction of events that pools proposed: fails (23U01) when another period has begun, and lets none begin before
-- the commit. A pool that is not used any more can neither grant a seat nor declare one lapsed.
create function require_seat_periods(expected bigint[]) returns void language plpgsql as $$
begin
    perform hold_seat_pool(false);
    perform from seat_pool_mode where generation = all (expected);
    if not found then raise exception 'seats are kept elsewhere' using errcode = '23U01'; end if;
end $$;

-- Begins the next period if `expected` still is the one; answers whether it did. Back to Redis only when nobody has
-- missed it for a while: 3 s, twice as long each time that it was not good for a minute, at most 12 s.
create function move_seat_pool(expected bigint, to_pool text) returns boolean
language plpgsql set lock_timeout = '2s' as $$
declare
    m seat_pool_mode;
begin
    perform hold_seat_pool(true);
    select * into m from seat_pool_mode;
    if m.generation <> expected or m.pool = to_pool then return false; end if;
    if to_pool = 'redis' and clock_timestamp() < m.missed_at + m.steady then return false; end if;
    if to_pool = 'postgres' then
        m.steady := case when clock_timestamp() < m.since + interval '1 min' then least(m.steady * 2, interval '12 s')
            else interval '3 s' end;
        m.missed_at := clock_timestamp();
    end if;
    update seat_pool_mode set pool = to_pool, generation = m.generation + 1, since = clock_timestamp(),
        missed_at = m.missed_at, steady = m.steady;
    return true;
end $$;

-- A process finds Redis away while seats are kept in Postgres.
create function miss_redis() returns void language sql set synchronous_commit = off as $$
    update seat_pool_mode set missed_at = clock_timestamp()
$$;

-- Throws away what the last Postgres period left; all of it is stale. Not at any price: who waits for a backup that reads
-- these tables keeps everybody else waiting.
create function clear_seat_pool() returns void language plpgsql set lock_timeout = '100ms' as $$
begin
    perform hold_seat_pool(true);
    perform from seat_pool_mode where pool = 'redis';
    if found then truncate pool_licenses, pool_seats, call_rates; end if;
end $$;
