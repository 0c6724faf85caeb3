-- Who sits where, in the pool of 0017_postgres_seats.sql.

create type pool_sitting as (
    license_id uuid, seat integer, version bigint, session_id uuid, holder text, borrowed_until timestamptz
);
create type pool_bid as (
    license_id uuid, key_digest text, holder text, session_id uuid,
    access_digest text, -- of the access by which the bidder was judged
    leave bigint        -- seats that must stay available for others
);
create type pool_proposal as (
    outcome text, moment timestamptz, lease_ends timestamptz, seat integer, version bigint, session_id uuid,
    is_recorded boolean, former uuid, seat_limit bigint, used integer, terms bytea, is_overage boolean, is_borrowed boolean,
    access bytea, allowance pool_allowance
);

-- A session on a seat, whatever was there before. `used` of the licence is the caller's to count.
create function pool_put(new pool_seats) returns void language sql as $$
    insert into pool_seats values (new.*)
    on conflict (license_id, seat) do update set generation = new.generation, state = new.state, version = new.version,
        session_id = new.session_id, holder = new.holder, former = new.former, reason = new.reason,
        lease_ends = new.lease_ends, due_at = new.due_at
$$;

-- Proposes a seat to a holder; nothing is granted before the event is in the log.
create function pool_propose(of_generation bigint, ahead interval, bid pool_bid, rate pool_rate) returns pool_proposal
language plpgsql as $$
declare
    l pool_licenses;
    s pool_seats;
    a pool_proposal;
begin
    perform from pool_licenses where license_id = bid.license_id for update;
    a.moment := pool_moment(of_generation, ahead);
    l := pool_license(bid.license_id, of_generation, a.moment);
    a.outcome := l.status;
    if l.status = 'stale' then return a; end if;
    if rate.most > 0 then
        a.allowance := take_call(rate, a.moment);
        a.outcome := case when (a.allowance).is_allowed then l.status else 'limited' end;
    end if;
    if a.outcome <> 'limited' and l.key_digest <> bid.key_digest then
        a.outcome := 'key_changed';
    elsif a.outcome in ('active', 'grace') and l.access_digest <> bid.access_digest then
        a.outcome := 'policy_changed';
        a.access := l.access;
    elsif a.outcome in ('active', 'grace') then
        s := pool_pick(l, bid, a.moment);
        a.outcome := s.reason;
        a.seat := s.seat;
        a.version := s.version;
        a.session_id := s.session_id;
        a.is_recorded := s.state in ('recorded', 'borrowed');
        a.is_borrowed := s.state = 'borrowed';
        a.former := s.former;
        a.terms := l.terms;
    end if;
    if a.outcome in ('granted', 'seated') and not a.is_borrowed then
        s.generation := of_generation;
        s.reason := null;
        a.lease_ends := a.moment + l.lease;
        s.lease_ends := greatest(s.lease_ends, a.lease_ends);  -- what was promised elsewhere (pool_merge) stays promised
        s.due_at := s.lease_ends + l.resume;
        perform pool_put(s);
    end if;
    a.lease_ends := coalesce(a.lease_ends, s.lease_ends, a.moment + l.lease);
    a.seat_limit := l.seat_limit;
    select used, used > l.granted into a.used, a.is_overage from pool_licenses where license_id = bid.license_id;
    return a;
end $$;

-- The seat for a bid: the holder's own (seated), a free one, the next number, or a lapsed one (granted); or none
-- (exhausted), or one of which only the log knows how it stands (unsure). Which of these is in `reason`.
create function pool_pick(l pool_licenses, bid pool_bid, moment timestamptz) returns pool_seats language plpgsql as $$
declare
    s pool_seats;
    last bigint := coalesce(l.seat_limit, 2147483647);
begin
    select * into s from pool_seats
    where license_id = l.license_id and holder = bid.holder and state in ('proposed', 'recorded', 'borrowed')
    order by seat desc limit 1 for update;
    if found then
        s.reason := case when s.state = 'borrowed' and s.lease_ends <= moment then 'unsure' else 'seated' end;
        return s;
    end if;
    if bid.leave > 0 and last - l.used + pool_lapsed_of(l.license_id, moment) <= bid.leave then
        s.reason := 'exhausted';
        return s;
    end if;
    if l.used < last then
        select * into s from pool_seats
        where license_id = l.license_id and state = 'free' and seat <= least(l.highest, last) order by seat limit 1;
        if not found and l.highest < last then
            select * into s from pool_seats where license_id = l.license_id and seat = l.highest + 1;
            s.seat := l.highest + 1;
        end if;
        if s.seat is not null then return pool_take(l, s, bid); end if;
    end if;
    select * into s from pool_seats where license_id = l.license_id and lease_ends <= moment
    order by lease_ends limit 1 for update skip locked;
    if not found or l.used > last or s.seat > last then
        s.reason := 'exhausted';
    elsif s.state not in ('recorded', 'borrowed') then
        s.reason := 'unsure';  -- a proposal on a guess would only meet the fence
    else
        s := row(s.license_id, s.seat, s.generation, 'proposed', s.version + 2, bid.session_id, bid.holder, s.session_id,
            'granted', null, null)::pool_seats;
    end if;
    return s;
end $$;

-- A seat that nobody has is the bidder's.
create function pool_take(l pool_licenses, s pool_seats, bid pool_bid) returns pool_seats language plpgsql as $$
begin
    if s.state <> 'free' then  -- a part of the licence was lost: what is left contradicts itself
        update pool_licenses set is_loaded = false where license_id = l.license_id;
        s.reason := 'stale';
        return s;
    end if;
    update pool_licenses set used = used + 1, highest = greatest(highest, s.seat) where license_id = l.license_id;
    return row(l.license_id, s.seat, l.generation, 'proposed', coalesce(s.version, 0) + 1, bid.session_id, bid.holder, null,
        'granted', null, null)::pool_seats;
end $$;

create function pool_lapsed_of(id uuid, moment timestamptz) returns bigint language sql as $$
    select count(*) from pool_seats where license_id = id and lease_ends <= moment
$$;

-- A heartbeat: the session keeps its seat for another lease, also late, as long as nobody else got the seat. Whoever has a
-- lease has an event in the log: the mark may have been lost with the process that should have made it.
create type pool_renewal as (
    outcome text, moment timestamptz, lease_ends timestamptz, terms bytea, reason text, allowance pool_allowance
);
create function pool_renew(of_generation bigint, ahead interval, sitting pool_sitting, rate pool_rate) returns pool_renewal
language plpgsql as $$
declare
    l pool_licenses;
    s pool_seats;
    a pool_renewal;
begin
    a.moment := pool_moment(of_generation, ahead);
    l := pool_license(sitting.license_id, of_generation, a.moment);
    a.outcome := l.status;
    if l.status = 'stale' then return a; end if;
    if rate.most > 0 then
        a.allowance := take_call(rate, a.moment);
        if not (a.allowance).is_allowed then
            a.outcome := 'limited';
            return a;
        end if;
    end if;
    select * into s from pool_seats where license_id = sitting.license_id and seat = sitting.seat for update;
    -- Too late: the seat is being given to another, and if that fails the lapsed session is closed all the same.
    if s.former = sitting.session_id or (s.session_id = sitting.session_id and s.state = 'borrowed' and s.lease_ends <= a.moment)
    then
        a.outcome := 'closing';
        a.reason := 'expired';
    elsif s.session_id is distinct from sitting.session_id then
        a.outcome := 'gone';
    elsif s.state = 'closing' then
        a.outcome := 'closing';
        a.reason := s.reason;
    elsif l.status in ('active', 'grace') then
        a.outcome := 'renewed';
        a.terms := l.terms;
        a.lease_ends := case when s.state = 'borrowed' then s.lease_ends else a.moment + l.lease end;
        update pool_seats set state = 'recorded', former = null, lease_ends = greatest(lease_ends, a.lease_ends),
            due_at = greatest(lease_ends, a.lease_ends) + l.resume
        where license_id = sitting.license_id and seat = sitting.seat and state <> 'borrowed';
    end if;
    return a;
end $$;

-- Marks a proposal as stored in the log; false when the pool does not hold it any more.
create function pool_record(of_generation bigint, ahead interval, sitting pool_sitting) returns boolean language plpgsql as $$
begin
    perform pool_moment(of_generation, ahead);
    update pool_seats set state = case state when 'proposed' then 'recorded' else state end, former = null
    where license_id = sitting.license_id and seat = sitting.seat and session_id = sitting.session_id
        and state <> 'closing';
    return found;
end $$;

-- Puts a session on a seat that the log moved to it from another (a swap, a borrowing). Again: no effect. A session that
-- was set aside at the same version may come back: its handover was refused.
create function pool_place(of_generation bigint, ahead interval, sitting pool_sitting) returns void language plpgsql as $$
declare
    moment timestamptz;
    l pool_licenses;
    s pool_seats;
begin
    select * into l from pool_licenses where license_id = sitting.license_id and is_loaded for update;
    moment := pool_moment(of_generation, ahead);
    select * into s from pool_seats where license_id = sitting.license_id and seat = sitting.seat for update;
    if l.generation is distinct from of_generation or s.version > sitting.version
        or (s.version = sitting.version and s.state <> 'closing') then return; end if;
    perform pool_put(row(sitting.license_id, sitting.seat, of_generation,
        case when sitting.borrowed_until is null then 'recorded' else 'borrowed' end,
        sitting.version, sitting.session_id, sitting.holder, null, null,
        coalesce(sitting.borrowed_until, moment + l.lease),
        coalesce(sitting.borrowed_until, moment + l.lease + l.resume))::pool_seats);
    update pool_licenses set highest = greatest(highest, sitting.seat),
        used = used + case when coalesce(s.state, 'free') = 'free' then 1 else 0 end
    where license_id = sitting.license_id;
end $$;

-- Gives a proposal back that could not be stored. The lapsed session that it would have closed is due again at once.
create function pool_withdraw(of_generation bigint, ahead interval, sitting pool_sitting) returns void language plpgsql as $$
declare
    s pool_seats;
begin
    perform from pool_licenses where license_id = sitting.license_id for update;
    perform pool_moment(of_generation, ahead);
    select * into s from pool_seats
    where license_id = sitting.license_id and seat = sitting.seat and session_id = sitting.session_id
        and state = 'proposed' and generation = of_generation for update;
    if not found then return; end if;
    if s.former is not null then
        perform pool_put(row(s.license_id, s.seat, s.generation, 'closing', s.version - 2, s.former, '', null, 'expired',
            'epoch', 'epoch')::pool_seats);
    else
        perform pool_vacate(s.license_id, s.seat, s.generation, s.version - 1);
    end if;
end $$;

-- Nobody has this seat any more. One that is not known is noted too: a slower reader of the log must not put the closed
-- session back. The licence's row is locked by the caller.
create function pool_vacate(id uuid, number integer, of_generation bigint, closed_at bigint) returns void language sql as $$
    update pool_licenses set used = used - 1
    where license_id = id and generation = of_generation and exists (
        select from pool_seats
        where license_id = id and seat = number and generation = of_generation and state <> 'free');
    select pool_put(row(id, number, of_generation, 'free', closed_at, null, null, null, null, null, null)::pool_seats);
$$;

-- The log closed these sessions at these versions, or never had them and stands at these. Again: no effect.
create function pool_free(of_generation bigint, ahead interval, closed pool_sitting[]) returns void language plpgsql as $$
declare
    each pool_sitting;
begin
    perform pool_moment(of_generation, ahead);
    perform from pool_licenses where license_id in (select license_id from unnest(closed)) order by license_id for update;
    for each in select * from unnest(closed) order by license_id, seat loop
        perform from pool_seats where license_id = each.license_id and seat = each.seat and generation = of_generation
            and session_id is distinct from each.session_id and version >= each.version;
        if not found then perform pool_vacate(each.license_id, each.seat, of_generation, each.version); end if;
    end loop;
end $$;

-- Sets sessions aside to be closed: from now on their heartbeats fail, their holders are unknown, the seats stay taken
-- until pool_free(). Whoever dies in between leaves them due again when `hold` is over. The first reason stays.
-- With `session_id` null: whichever is there, if its lease is over.
create function pool_set_aside(of_generation bigint, ahead interval, asked pool_sitting[], why text, hold interval)
returns setof pool_seats language plpgsql as $$
declare
    moment timestamptz := pool_moment(of_generation, ahead);
begin
    return query
    with found as (
        select s.license_id, s.seat from pool_seats s join unnest(asked) a using (license_id, seat)
        where s.generation = of_generation and s.state <> 'free'
            and (s.session_id = a.session_id or (a.session_id is null and s.lease_ends <= moment))
        order by license_id, seat for update of s
    )
    update pool_seats s set state = 'closing', former = null,
        reason = case s.state when 'closing' then s.reason else why end,
        lease_ends = moment + hold, due_at = moment + hold
    from found where s.license_id = found.license_id and s.seat = found.seat
    returning s.*;
end $$;

-- Sessions whose time is over, the longest over first, set aside as expired: at most `most`. Costs what it answers.
create function pool_set_aside_due(of_generation bigint, ahead interval, most integer, hold interval)
returns setof pool_seats language plpgsql as $$
declare
    moment timestamptz := pool_moment(of_generation, ahead);
    due pool_sitting[];
begin
    select array_agg(row(license_id, seat, null, null, null, null)::pool_sitting) into due from (
        select license_id, seat from pool_seats where generation = of_generation and due_at <= moment
        order by due_at limit most for update skip locked) d;
    return query select * from pool_set_aside(of_generation, ahead, due, 'expired', hold);
end $$;
