-- The seat pool that is used while Redis is away (docs/decisions/0016-two-seat-pools.md): adapters/lua/ once more, the
-- same questions and the same answers, each one function call in a transaction of its own. The log still grants.
--
-- Unlogged, since all of it can be read from the log again: after a crash the tables are empty and every licence is stale.
-- Whoever changes how many seats of a licence are held has its row locked, and takes no other licence's lock before;
-- heartbeats lock their own seat only.

create unlogged table pool_licenses (
    license_id      uuid    primary key,
    generation      bigint  not null,               -- of seat_pool_mode; what is of another one is stale
    epoch           text    not null default '',    -- see pool_epoch
    is_loaded       boolean not null default false, -- all its seats came here too
    highest         integer not null default 0,     -- seat number used
    used            integer not null default 0,     -- seats that are not free
    version         bigint,                         -- of the licence's stream: how new the facts below are
    status          text,
    seat_limit      bigint,                         -- null: none
    granted         bigint,                         -- seats without overage, null: no end
    expires_at      timestamptz,
    grace_ends_at   timestamptz,
    lease           interval,
    resume          interval,
    key_digest      text,
    terms           bytea,
    document        bytea,
    access_digest   text,
    access          bytea
) with (fillfactor = 50);

create unlogged table pool_seats (
    license_id uuid    not null,
    seat       integer not null,
    generation bigint  not null,
    state      text    not null, -- free, proposed, recorded, borrowed (until lease_ends), closing (set aside)
    version    bigint  not null, -- of the event that opened the session; of a free seat, of its last close (0: never used)
    session_id uuid,             -- this and what follows: null while it is free
    holder     text,
    former     uuid,             -- proposed on a lapsed seat: whose session closes at version - 1
    reason     text,             -- closing: why
    lease_ends timestamptz,
    due_at     timestamptz,      -- when the reaper takes it
    primary key (license_id, seat)
) with (fillfactor = 50);
create index pool_seats_by_holder on pool_seats (license_id, holder) where state in ('proposed', 'recorded', 'borrowed');
create index pool_seats_free on pool_seats (license_id, seat) where state = 'free';
create index pool_seats_by_lease on pool_seats (license_id, lease_ends) where lease_ends is not null;
create index pool_seats_due on pool_seats (generation, due_at) where due_at is not null;

-- A licence held tighter than its facts say, until facts newer than `version` come. Of no generation: what comes counts
-- wherever seats are kept then.
create unlogged table pool_holds (
    license_id uuid        primary key,
    until      timestamptz not null,
    status     text,
    seat_limit bigint,
    version    bigint      not null
);

-- See take_call().
create unlogged table call_rates (
    who      text        primary key,
    paid_off timestamptz not null
) with (fillfactor = 50);

create type pool_rate as (who text, most integer, per interval);
create type pool_allowance as (is_allowed boolean, remaining integer, back_in interval, next_in interval);

-- Generic cell rate: `most` calls at once, then one each `per / most`. `paid_off` is when all taken calls are paid off.
create function take_call(rate pool_rate, moment timestamptz) returns pool_allowance language plpgsql as $$
declare
    step interval := rate.per / rate.most;
    paid timestamptz;
    is_allowed boolean;
begin
    insert into call_rates as r values (rate.who, moment + step)
    on conflict (who) do update set paid_off = greatest(r.paid_off, moment) + step
        where greatest(r.paid_off, moment) + step <= moment + rate.per + interval '0.5 ms'
    returning paid_off into paid;
    is_allowed := found;
    if not is_allowed then
        paid := coalesce((select paid_off from call_rates where who = rate.who), moment);
        return row(false, 0, paid - moment, greatest(paid + step - rate.per - moment, interval '1 ms'))::pool_allowance;
    end if;
    return row(true, floor(extract(epoch from rate.per - (paid - moment)) / extract(epoch from step) + 0.001)::integer,
        paid - moment, interval '0')::pool_allowance;
end $$;

-- The moment of a call: the engine's clock, `ahead` of this server's. Refuses (23U01) a caller of another period than the
-- one that is. The clock is read first: a promise made from this moment on ends before one that the next pool makes.
create function pool_moment(of_generation bigint, ahead interval) returns timestamptz language plpgsql as $$
declare
    moment timestamptz := clock_timestamp() + ahead;
begin
    perform from seat_pool_mode where pool = 'postgres' and generation = of_generation;
    if not found then raise exception 'seats are kept elsewhere' using errcode = '23U01'; end if;
    return moment;
end $$;

-- The licence as it counts at this moment. Its `status` is what it comes to: active or grace, else a refusal (stale,
-- suspended, expired, revoked). A hold that ran out announced an event that was never seen: the licence is stale.
create function pool_license(id uuid, of_generation bigint, moment timestamptz) returns pool_licenses
language plpgsql as $$
declare
    l pool_licenses;
    h pool_holds;
begin
    select * into l from pool_licenses where license_id = id;
    select * into h from pool_holds where license_id = id;
    if l.generation is distinct from of_generation or not l.is_loaded or h.until <= moment then
        l.status := 'stale';
        return l;
    end if;
    l.seat_limit := least(l.seat_limit, h.seat_limit);
    if l.status = 'grace' and coalesce(l.grace_ends_at, moment) <= moment then l.status := 'suspended'; end if;
    l.status := coalesce(h.status, l.status);
    if l.status in ('active', 'grace') and l.expires_at <= moment then l.status := 'expired'; end if;
    return l;
end $$;

-- Names the time since this pool last lost the licence. What was read from the log in one epoch must not be told in the
-- next: a session that ended in between, and whose end was lost with the rest, would come back to life.
create function pool_epoch(of_generation bigint, ahead interval, id uuid, new_name text) returns text
language plpgsql as $$
declare
    name text;
begin
    perform pool_moment(of_generation, ahead);
    delete from pool_licenses where license_id = id and generation < of_generation;
    delete from pool_seats where license_id = id and generation < of_generation;
    insert into pool_licenses (license_id, generation, epoch) values (id, of_generation, new_name)
    on conflict (license_id) do update set epoch = excluded.epoch where pool_licenses.epoch = '';
    select epoch into name from pool_licenses where license_id = id;
    return name;
end $$;

create function pool_forget(of_generation bigint, ahead interval, id uuid) returns void language plpgsql as $$
begin
    perform pool_moment(of_generation, ahead);
    delete from pool_licenses where license_id = id;
    delete from pool_seats where license_id = id;
    delete from pool_holds where license_id = id;
end $$;

create type pool_facts as (
    license_id uuid, version bigint, status text, seat_limit bigint, granted bigint, expires_at timestamptz,
    grace_ends_at timestamptz, lease interval, resume interval, key_digest text, terms bytea, document bytea,
    access_digest text, access bytea
);
-- Takes over the licence's facts when they are newer than those it has, and ends a hold that they answer. With the name of
-- an epoch all its seats are here, unless that epoch is over: then nothing is done, and the answer is false.
create function pool_learn(of_generation bigint, ahead interval, of_epoch text, new pool_facts) returns boolean
language plpgsql as $$
declare
    moment timestamptz := pool_moment(of_generation, ahead);
begin
    if of_epoch = '' then
        delete from pool_licenses where license_id = new.license_id and generation < of_generation;
        insert into pool_licenses (license_id, generation) values (new.license_id, of_generation) on conflict do nothing;
    end if;
    perform from pool_licenses where license_id = new.license_id and (of_epoch = '' or epoch = of_epoch) for update;
    if not found then return of_epoch = ''; end if;
    update pool_licenses set
        version = new.version, status = new.status, seat_limit = new.seat_limit, granted = new.granted,
        expires_at = new.expires_at, grace_ends_at = new.grace_ends_at, lease = new.lease, resume = new.resume,
        key_digest = new.key_digest, terms = new.terms, document = new.document,
        access_digest = new.access_digest, access = new.access
    where license_id = new.license_id and (version is null or version < new.version);
    -- A reader of the log who was slower than the hold must not lift it: only the event's own news does, or its end.
    delete from pool_holds
    where license_id = new.license_id and (until <= moment or (of_epoch = '' and version < new.version));
    update pool_licenses set is_loaded = true where license_id = new.license_id and of_epoch <> '';
    return true;
end $$;

-- Holds a licence tighter than its facts say, before the event that says so is stored; in any period, for whichever comes.
create function pool_tighten(ahead interval, id uuid, hold interval, to_status text, to_limit bigint) returns void
language sql as $$
    delete from pool_holds where until < clock_timestamp() - interval '1 day';
    insert into pool_holds as h values (id, clock_timestamp() + ahead + hold, to_status, to_limit,
        coalesce((select version from pool_licenses where license_id = id), 0))
    on conflict (license_id) do update set until = excluded.until, version = excluded.version,
        status = coalesce(excluded.status, h.status), seat_limit = coalesce(excluded.seat_limit, h.seat_limit)
$$;
