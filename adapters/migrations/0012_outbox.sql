-- What follows from facts and has to be done outside the log (mails, ending sessions): written by the dispatcher in
-- the transaction of its position, so nothing is forgotten; deleted when done. A lost task message is made up for by
-- the sweep over this table.
create table outbox (
    id         uuid primary key,              -- derived from the fact: dispatching it twice is once
    task       text        not null,
    stream_id  uuid        not null,          -- the fact: nothing personal and nothing secret is kept here
    version    bigint      not null,
    attempts   integer     not null default 0,
    due_at     timestamptz not null default clock_timestamp(),
    error      text
);
create index outbox_by_time on outbox (due_at);
