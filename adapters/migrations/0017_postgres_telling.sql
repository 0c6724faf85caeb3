-- What the pool of 0017_postgres_seats.sql is told of seats by the log, and what it tells of a licence.

-- Takes over what the log says of some seats. The log wins unless the pool knows a later version: a proposal under way, or
-- the log was read a moment ago. An open session gets a full fresh lease, a borrowed one until it ends. In the beginning a
-- process may not know yet that seats are kept here: what it can have promised elsewhere, for `trust` at most, is kept.
-- False, and nothing is done, when the epoch is over.
create function pool_merge(
    of_generation bigint, ahead interval, of_epoch text, told pool_sitting[], lease interval, resume interval, trust interval
) returns boolean language plpgsql as $$
declare
    ends timestamptz;
    id uuid := told[1].license_id;
    held integer;
begin
    perform from pool_licenses where license_id = id and epoch = of_epoch for update;
    if not found then return false; end if;
    select greatest(pool_moment(of_generation, ahead), since + ahead + trust) + lease into ends from seat_pool_mode;
    held := pool_held(id, told);
    update pool_seats s set state = 'recorded', former = null from unnest(told) n
    where s.license_id = id and s.seat = n.seat and s.version = n.version and s.session_id = n.session_id
        and s.state = 'proposed';
    insert into pool_seats as s
    select id, seat, of_generation,
        case when session_id is null then 'free' when borrowed_until is null then 'recorded' else 'borrowed' end,
        version, session_id, holder, null, null,
        case when session_id is not null then coalesce(borrowed_until, ends) end,
        case when session_id is not null then coalesce(borrowed_until, ends + resume) end
    from unnest(told) order by seat
    on conflict (license_id, seat) do update set generation = excluded.generation, state = excluded.state,
        version = excluded.version, session_id = excluded.session_id, holder = excluded.holder, former = null,
        reason = null, lease_ends = excluded.lease_ends, due_at = excluded.due_at
        where s.generation < of_generation or s.version < excluded.version
            or (s.version = excluded.version and s.session_id is distinct from excluded.session_id);
    update pool_licenses set used = used + pool_held(id, told) - held,
        highest = greatest(highest, (select max(seat) from unnest(told)))
    where license_id = id;
    return true;
end $$;

create function pool_held(id uuid, among pool_sitting[]) returns integer language sql as $$
    select count(*) from pool_seats s join unnest(among) a using (seat) where s.license_id = id and s.state <> 'free'
$$;

-- What a licence is at this moment, for a validation.
create function pool_look(
    of_generation bigint, ahead interval, id uuid,
    out status text, out key_digest text, out used integer, out document bytea, out lapsed bigint, out seat_limit bigint
) language plpgsql as $$
declare
    moment timestamptz := pool_moment(of_generation, ahead);
    l pool_licenses := pool_license(id, of_generation, moment);
begin
    status := l.status;
    key_digest := l.key_digest;
    used := l.used;
    document := l.document;
    lapsed := pool_lapsed_of(id, moment);
    seat_limit := l.seat_limit;
end $$;
