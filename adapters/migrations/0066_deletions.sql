-- Deletions of people and organizations: asked for, stopped or due, at work, done. Written in the transaction of their
-- facts; what an erasure has done so far is counted in the transaction that does it, so a killed one goes on.
create table deletions (
    subject_id       uuid primary key,
    kind             text        not null check (kind in ('person', 'organization')),
    state            text        not null check (state in ('scheduled', 'stopped', 'erasing', 'done')),
    asked_at         timestamptz not null,
    due_at           timestamptz not null,
    version          bigint      not null,   -- of the fact that scheduled it, in the subject's stream
    reminded         boolean     not null default false,
    tried_at         timestamptz,            -- when an obstacle was found last
    obstacle         text,                   -- why it waits though it is due
    -- by which traces are found while it erases; forgotten when it is done
    address          text,
    customers        text[]      not null default '{}',
    organization_ids uuid[]      not null default '{}',
    report           jsonb       not null default '{}',   -- table → rows
    finished_at      timestamptz
);
create index deletions_due on deletions (due_at) where state in ('scheduled', 'erasing');
create index deletions_finished on deletions (finished_at) where finished_at is not null;
alter table deletions enable row level security;
create policy tenant on deletions for select to usher_tenant using (subject_id = usher_organization());
grant select on deletions to usher_tenant;
