-- The engine's time in SQL: the sandbox's clock may be ahead of the system's.
create function engine_now() returns timestamptz language sql stable
return clock_timestamp() + (select ahead from sandbox_clock);

-- Since when what is kept for a time is kept. Rows from before this was known count from now on.
alter table invoice_papers add column kept_at timestamptz not null default engine_now();
create index invoice_papers_by_time on invoice_papers (kept_at);
alter table caught_mails add column caught_at timestamptz not null default engine_now();
create index caught_mails_by_time on caught_mails (caught_at);
create index session_callers_personal on session_callers (opened_at)
    where address is not null or user_agent is not null or hostname is not null or user_name is not null;
create index api_keys_revoked on api_keys (revoked_at) where revoked_at is not null;
create index mails_by_claim on mails (claimed_at);

-- What each rule of retention (domain/retention.py) has done. Deleted, it counts anew.
create table retention_runs (
    rule      text primary key,
    ran_at    timestamptz not null,
    deleted   bigint      not null,          -- rows deleted or blanked by the last run
    total     bigint      not null,          -- and by all of them
    seconds   double precision not null,     -- that the last run took
    is_behind boolean     not null           -- there was more than the last run had time for
);

-- Organizations whose data must not be deleted, as the log says; written in the transaction of the hold's facts.
create table legal_holds (
    organization_id uuid primary key,
    customers       text[]      not null,    -- its names at payment providers, by which raw webhooks are known
    placed_at       timestamptz not null
);

-- Nobody's rows are shown to a tenant.
alter table retention_runs enable row level security;
alter table legal_holds enable row level security;
