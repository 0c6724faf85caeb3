-- Exports that are too large for one answer: made in the background, a section at a time, in pieces.
create table exports (
    export_id     uuid primary key,
    kind          text        not null check (kind in ('person', 'organization')),
    subject_id    uuid        not null,
    state         text        not null check (state in ('waiting', 'made', 'failed')),
    sections      integer     not null default 0,   -- how many there are
    section       integer     not null default 0,   -- how many are done
    asked_at      timestamptz not null,
    made_at       timestamptz,
    claimed_until timestamptz,                      -- the machine's clock: a worker that died is dead for real
    attempts      integer     not null default 0,
    error         text
);
create index exports_of_subject on exports (subject_id, asked_at);
create index exports_waiting on exports (asked_at) where state = 'waiting';
create index exports_by_time on exports (asked_at);

create table export_parts (
    export_id uuid    not null references exports on delete cascade,
    section   integer not null,
    number    integer not null,
    body      bytea   not null,                     -- sealed, compressed
    primary key (export_id, section, number)
);
alter table exports enable row level security;
alter table export_parts enable row level security;
