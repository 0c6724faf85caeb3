-- The log: every fact, once, in commit order. Nothing but append_events() writes here.

create table stored_events (
    notification_id    bigint generated always as identity,
    originator_id      uuid   not null,
    originator_version bigint not null,
    topic              text   not null,
    state              json   not null,
    actor              text   not null,
    cause              text   not null,
    primary key (originator_id, originator_version)
) with (autovacuum_analyze_threshold = 1000, autovacuum_analyze_scale_factor = 0.02);

create unique index stored_events_in_order on stored_events (notification_id);

-- Appends a batch in the order given and answers its positions.
--
-- The advisory lock is held until the commit is visible, so positions become visible in order and a follower that
-- reads "everything after n" can never skip one that commits late. The primary key refuses a version that exists;
-- the check below refuses one whose predecessor does not, so a stream is a chain that two writers cannot both extend.
create function append_events(ids uuid[], versions bigint[], topics text[], states text[], actors text[], causes text[])
returns bigint[] language plpgsql set lock_timeout = '5s' as $$
declare
    positions bigint[];
begin
    perform pg_advisory_xact_lock(7310868735421);
    perform pg_notify('usher_log', '');
    with appended as (
        insert into stored_events (originator_id, originator_version, topic, state, actor, cause)
        select id, version, topic, state::json, actor, cause
        from unnest(ids, versions, topics, states, actors, causes) with ordinality
             as e (id, version, topic, state, actor, cause, ordinal)
        order by ordinal
        returning notification_id
    )
    select array_agg(notification_id order by notification_id) into positions from appended;
    if exists (
        select from unnest(ids, versions) as e (id, version)
        where version > 1 and not exists (
            select from stored_events s where s.originator_id = e.id and s.originator_version = e.version - 1)
    ) then
        raise exception 'a version was appended without its predecessor' using errcode = 'integrity_constraint_violation';
    end if;
    return positions;
end $$;

-- Where each follower of the log stands. A follower that stopped says why in `error`.
create table follower_positions (
    name       text primary key,
    position   bigint not null default 0,
    digest     text not null default '',
    updated_at timestamptz not null default now(),
    error      text,
    failed_at  timestamptz
);
