-- Reconciliation with payment providers: how far it has come, what each run found. Nothing here is a fact of the
-- business: what is repaired goes into the log by the path of a webhook. Deleted, reconciliation begins anew.
create table reconciliation_places (
    provider        text primary key,
    claimed_by      uuid,                   -- the run that is at it
    claimed_until   timestamptz,            -- by the database's clock: one that died is not waited for
    events_until    timestamptz,            -- all events up to here were looked at
    events_goal     timestamptz,            -- what `events_until` becomes when the present look is through
    events_after    text,                   -- where in the provider's list the present look stands
    pass_began_at   timestamptz,            -- of the present pass over all objects
    pass_kind       text,                   -- the kind of object where it stands
    pass_after      text,                   -- and where in its list
    pass_ended_at   timestamptz,            -- of the last whole pass
    not_before      timestamptz             -- the provider asked for patience
);
create table reconciliation_runs (
    run_id          uuid primary key,
    provider        text        not null,
    dry_run         boolean     not null,
    started_at      timestamptz not null,
    ended_at        timestamptz not null,
    outcome         text        not null,   -- complete, stopped (there is more; it goes on from there), failed
    problem         text,
    calls           integer     not null,
    events          integer     not null,   -- looked at
    objects         integer     not null,
    found           integer     not null,
    repaired        integer     not null
);
create index reconciliation_runs_by_time on reconciliation_runs (started_at desc, run_id desc);
create table reconciliation_drift (
    run_id          uuid    not null references reconciliation_runs on delete cascade,
    number          integer not null,
    kind            text    not null,       -- event, or a kind of object
    reference       text    not null,       -- the provider's name of it
    what            text    not null,       -- missed, missing, differs
    fields          text[]  not null,       -- in which of our state it differs
    repaired        boolean not null,
    problem         text,
    primary key (run_id, number)
);
