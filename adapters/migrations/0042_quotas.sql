-- How a limit stands, for both quota pools, and the one of them that is used while Redis is away
-- (docs/decisions/0022-quotas.md).

-- One limit that a request meets: what counts for it (see usage_total()), its grants and resets (the stream `quota`), and for a
-- request `tag` (the distinct value, or the subject, that is asked about), `quantity` and `amount` (null: no end).
create type quota_line as (
    counter  text,
    meter    text,
    kind     text,         -- sum, count, max, unique, last
    axis     text,
    value    text,
    since    timestamptz,
    before   timestamptz,
    quota    uuid,
    tag      text,
    quantity numeric,
    amount   numeric,
    hard     boolean
);

-- `used` is what counts: without what resets have forgiven. `tagged` is 1 when the distinct value is among those counted, or
-- the level of the subject. `position` is that of the account's last record in all of this.
create function quota_standing(of_account uuid, accounts uuid[], lines quota_line[])
returns table (ordinal bigint, used numeric, granted numeric, tagged numeric, "position" bigint)
language plpgsql stable as $$
#variable_conflict use_column
begin
    return query
    select l.ordinal,
        usage_total(accounts, l.meter, l.kind, l.axis, l.value, l.since, l.before) - coalesce(q.forgiven, 0),
        coalesce(q.granted, 0),
        case when l.tag is null then 0
            when l.kind = 'unique' then (select count(*) from
                usage_values_in(accounts, l.meter, l.axis, l.value, l.since, l.before) v where v = l.tag::uuid)
            when l.kind = 'last' then coalesce((select v.quantity from
                usage_levels_at(accounts, l.meter, l.axis, l.value, l.before) v where v.subject = l.tag), 0)
            else 0 end,
        coalesce((select h.position from usage_heads h where h.account_id = of_account), 0)
    from unnest(lines) with ordinality as l (counter, meter, kind, axis, value, since, before, quota, tag, quantity,
            amount, hard, ordinal)
        left join lateral (
            select sum((e.state ->> 'used')::numeric) filter (where e.topic = 'quota.reset') as forgiven,
                sum((e.state ->> 'amount')::numeric) filter (where e.topic = 'quota.granted') as granted
            from stored_events e where e.originator_id = l.quota and e.topic in ('quota.granted', 'quota.reset')
        ) q on true
    order by l.ordinal;
end $$;

-- What was promised and is not used yet. Lost with a crash of the server, like Redis's.
create unlogged table quota_reservations (
    reservation uuid        not null,
    account_id  uuid        not null,
    counter     text        not null,
    meter       text        not null,
    quantity    numeric     not null,
    lapses_at   timestamptz not null,
    primary key (reservation, counter)
);
create index quota_reservations_of_counter on quota_reservations (account_id, counter);

create unlogged table quota_rates (
    account_id uuid        not null,
    name       text        not null,
    paid_off   timestamptz not null,    -- see take_call()
    primary key (account_id, name)
) with (fillfactor = 50);

create type quota_rate as (name text, units numeric, most numeric, per interval);
create type quota_allowance as (name text, remaining bigint, back_in interval, next_in interval, paid_off timestamptz);
create type quota_answer as (
    moment timestamptz, used numeric[], granted numeric[], held numeric[], exceeded boolean[], rates quota_allowance[]
);

-- What is left of a rate after `units` more, without taking them. `next_in` is above 0 when they are too many.
create function quota_rate_after(of_account uuid, rate quota_rate, moment timestamptz) returns quota_allowance
language plpgsql stable as $$
declare
    paid timestamptz := greatest(moment,
        (select r.paid_off from quota_rates r where r.account_id = of_account and r.name = rate.name));
    after timestamptz := paid + rate.per * (rate.units / rate.most)::double precision;
begin
    if after > moment + rate.per + interval '0.5 ms' then
        return row(rate.name, 0, paid - moment, greatest(after - rate.per - moment, interval '1 ms'), null)::quota_allowance;
    end if;
    return row(rate.name, floor(rate.most * extract(epoch from rate.per - (after - moment))
        / extract(epoch from rate.per) + 0.001), after - moment, interval '0', after)::quota_allowance;
end $$;

-- Whether all of it may be used now; if so and `reserve` names a reservation, it is promised for so long. All or nothing.
-- Null when the rights, which were read when the log was at `of_position`, may have changed since.
create function quota_ask(
    of_generation bigint, ahead interval, of_position bigint, of_account uuid, accounts uuid[], lines quota_line[], rates quota_rate[],
    reserve uuid, lasting interval
) returns quota_answer language plpgsql set lock_timeout = '2s' as $$
declare
    a quota_answer;
    l quota_line;
    s record;
    held numeric;
    added numeric;
    is_repeated boolean;     -- because the answer was lost: what was promised is not promised twice
begin
    perform pg_advisory_xact_lock(hashtextextended('quota/' || of_account, 0));
    a.moment := pool_moment(of_generation, ahead);
    if exists (
        select from stored_events where notification_id > of_position and split_part(topic, '.', 1) in
            ('license', 'subscription', 'organization', 'quota', 'usage_subject', 'price_book')
    ) then return null; end if;
    delete from quota_reservations where account_id = of_account and lapses_at <= a.moment;
    is_repeated := exists (select from quota_reservations r where r.account_id = of_account and r.reservation = reserve);
    a.exceeded := '{}'; a.used := '{}'; a.granted := '{}'; a.held := '{}'; a.rates := '{}';
    for s in select * from quota_standing(of_account, accounts, lines) loop
        l := lines[s.ordinal];
        held := coalesce((select sum(r.quantity) from quota_reservations r
            where r.account_id = of_account and r.counter = l.counter), 0);
        added := case l.kind when 'max' then l.quantity - s.used when 'last' then l.quantity - s.tagged
            when 'unique' then l.quantity * (1 - s.tagged) else l.quantity end;
        a.used := a.used || s.used; a.granted := a.granted || s.granted; a.held := a.held || held;
        a.exceeded := a.exceeded || (not is_repeated and added > 0 and l.hard
            and s.used + held + added > coalesce(l.amount, 'infinity') + s.granted);
    end loop;
    select coalesce(array_agg(
        quota_rate_after(of_account, row(r.name, r.units, r.most, r.per)::quota_rate, a.moment) order by ordinal), '{}') into a.rates
    from unnest(rates) with ordinality r (name, units, most, per, ordinal) where not is_repeated;
    if is_repeated or true = any(a.exceeded) or exists (select from unnest(a.rates) r where r.next_in > interval '0') then return a; end if;
    insert into quota_rates (account_id, name, paid_off) select of_account, r.name, r.paid_off from unnest(a.rates) r
    on conflict (account_id, name) do update set paid_off = excluded.paid_off;
    if reserve is not null then
        insert into quota_reservations
        select reserve, of_account, n.counter, n.meter, n.quantity, a.moment + lasting from unnest(lines) n
        where n.quantity > 0 and n.kind in ('sum', 'count');
        for i in 1 .. coalesce(array_length(lines, 1), 0) loop
            if lines[i].kind in ('sum', 'count') then a.held[i] := a.held[i] + lines[i].quantity; end if;
        end loop;
    end if;
    return a;
end $$;

create function quota_release(of_account uuid, of_reservation uuid) returns boolean language plpgsql as $$
begin
    delete from quota_reservations where account_id = of_account and reservation = of_reservation;
    return found;
end $$;

-- Whose licences and subjects: found in the log itself, so that nobody waits for a read model (adapters/rights_log.py).
create index rights_of_organization on stored_events ((state ->> 'organization_id'))
    where topic in ('license.issued', 'license.transferred');
