-- The usage log: what was used, once, in commit order (docs/decisions/0021-usage-log.md). Nothing but append_usage() writes
-- here. A record is never changed; one that was wrong is cancelled by another that names it.

create sequence usage_position;

create table usage_records (
    position    bigint      not null,   -- gaps mean nothing
    account_id  uuid        not null,   -- the organization, or the subject while it is nobody's
    key         uuid        not null,   -- see usage_ids
    id          text        not null,   -- as the caller named the record
    meter       text        not null,
    quantity    numeric     not null,
    at          timestamptz not null,   -- when it was used
    recorded_at timestamptz not null,
    subject     uuid,                   -- digests: the names are in usage_subjects, where they can be erased
    counted     uuid,                   -- of what a meter of distinct values counts
    key_id      uuid,                   -- the API key
    dimensions  jsonb,
    reservation uuid,                   -- that it makes good
    voids       bigint,                 -- the position of the record that it cancels, whose other columns it repeats
    primary key (position)
) partition by range (position);

create index usage_records_of_account on usage_records (account_id, meter, at);
create index usage_records_void on usage_records (voids) where voids is not null;
create table usage_records_0 partition of usage_records for values from (0) to (10000000);

-- An id means one record for ever, also when that lies in a partition that was taken away.
create table usage_ids (
    key      uuid   primary key,        -- digest of whose it is and the id
    digest   uuid   not null,           -- of what the record says
    position bigint not null
);

-- The last record of each account.
create table usage_heads (
    account_id uuid   primary key,
    position   bigint not null
) with (fillfactor = 50);

-- A subject that is an organization's now. Written in the transaction of the claim.
create table usage_claims (
    account_id      uuid primary key,
    organization_id uuid not null
);
create index usage_claims_of_organization on usage_claims (organization_id);

-- What people call the subjects; erasable.
create table usage_subjects (
    account_id uuid not null,
    subject    uuid not null,
    name       text not null,
    primary key (account_id, subject)
);

-- The next partition is there before the first record needs it.
create function keep_usage_partition() returns void language plpgsql as $$
declare
    size constant bigint := 10000000;
    next_one bigint := (select last_value from usage_position) / size + 1;
begin
    if to_regclass(format('public.usage_records_%s', next_one)) is not null then return; end if;
    execute format('create table usage_records_%s (like usage_records)', next_one);
    execute format('alter table usage_records attach partition usage_records_%s for values from (%s) to (%s)',
        next_one, next_one * size, (next_one + 1) * size);
end $$;

-- One record as it is given; `request` numbers the callers that are stored together, each whole or not at all.
create type given_usage as (
    request     integer,
    account_id  uuid,
    key         uuid,
    digest      uuid,
    id          text,
    meter       text,
    quantity    numeric,
    at          timestamptz,
    subject     uuid,
    name        text,          -- of the subject; null when it is known
    counted     uuid,
    key_id      uuid,
    dimensions  text,
    reservation uuid,
    voids       uuid,          -- the key of the record that it cancels: of itself it says no more
    earliest    timestamptz    -- what it cancels must not be older
);

-- Appends what is new and answers for each record, in order: where it is (`position`), whether it was there before
-- (`known`), or why its whole request is refused: `mismatch` (the id says something else), `absent`, `void` (what it
-- would cancel is not there, or is cancelled), `late`. `account_id` is who it counts for, `previous` the position of
-- that account's record before all of these. Keys must be distinct.
--
-- The advisory lock is held until the commit is visible, so positions become visible in order: see append_events().
create function append_usage(given given_usage[], now timestamptz)
returns table (refusal text, known boolean, "position" bigint, account_id uuid, previous bigint)
language plpgsql set lock_timeout = '5s' as $$
#variable_conflict use_column
begin
    perform pg_advisory_xact_lock(7310868735426);
    perform pg_notify('usher_usage', '');
    perform keep_usage_partition();
    return query
    with asked as materialized (
        select g.request, g.key, g.digest, g.id, g.name, g.reservation, g.ordinal,
            i.position as known_at, r.position as voids,
            coalesce(r.account_id, c.organization_id, g.account_id) as account_id,
            coalesce(r.meter, g.meter) as meter, coalesce(r.quantity, g.quantity) as quantity,
            coalesce(r.at, g.at) as at, coalesce(r.subject, g.subject) as subject,
            coalesce(r.counted, g.counted) as counted, coalesce(r.key_id, g.key_id) as key_id,
            coalesce(r.dimensions, g.dimensions::jsonb) as dimensions,
            case when i.digest <> g.digest then 'mismatch'
                when i.position is not null or g.voids is null then null
                when r.position is null or r.voids is not null then 'absent'
                when exists (select from usage_records v where v.voids = r.position) then 'void'
                when r.at < g.earliest then 'late' end as refusal
        from unnest(given) with ordinality as g (request, account_id, key, digest, id, meter, quantity, at, subject,
                name, counted, key_id, dimensions, reservation, voids, earliest, ordinal)
            left join usage_ids i on i.key = g.key
            left join usage_claims c on c.account_id = g.account_id
            left join usage_ids t on t.key = g.voids
            left join usage_records r on r.position = t.position
    ), judged as (
        select *, known_at is null and not bool_or(refusal is not null) over (partition by request) as is_new from asked
    ), placed as materialized (
        select *, case when is_new then nextval('usage_position') else known_at end as position,
            (select h.position from usage_heads h where h.account_id = o.account_id) as head
        from (select * from judged order by ordinal) o
    ), written as (
        insert into usage_records (position, account_id, key, id, meter, quantity, at, recorded_at, subject, counted,
            key_id, dimensions, reservation, voids)
        select position, account_id, key, id, meter, quantity, at, now, subject, counted, key_id, dimensions,
            reservation, voids
        from placed where is_new
    ), identified as (
        insert into usage_ids (key, digest, position) select key, digest, position from placed where is_new
    ), headed as (
        insert into usage_heads (account_id, position)
        select account_id, max(position) from placed where is_new group by account_id
        on conflict (account_id) do update set position = excluded.position
    ), named as (
        insert into usage_subjects (account_id, subject, name)
        select distinct on (account_id, subject) account_id, subject, name from placed
        where is_new and name is not null on conflict do nothing
    ), made_good as (
        delete from quota_reservations r using placed p
        where p.is_new and r.reservation = p.reservation and r.account_id = p.account_id and r.meter = p.meter
    )
    select refusal, known_at is not null, position, account_id, coalesce(head, 0) from placed order by ordinal;
end $$;
