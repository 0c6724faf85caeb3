-- What is to be told to whom, and what became of it. No payload is kept: it is read from the log whenever it is sent.
create table webhook_deliveries (
    delivery_id     uuid primary key,         -- derived from the fact and the feed: entered twice is once
    sequence        bigint generated always as identity unique,
    endpoint_id     uuid        not null,
    organization_id uuid,                     -- the endpoint's
    kind            text        not null check (kind in ('live', 'replay', 'test')),
    feed_id         uuid        not null,     -- the endpoint, the replay, or the test alone
    event_id        uuid        not null,     -- what outsiders know the fact by
    type            text        not null,
    object_id       uuid        not null,     -- the stream that the fact is in
    version         bigint,                   -- its place there, and in the log; null: a test
    position        bigint,
    created_at      timestamptz not null,     -- the engine's clock, like all times here but `claimed_until`
    state           text        not null default 'waiting' check (state in ('waiting', 'delivered', 'given_up', 'canceled')),
    attempts        integer     not null default 0,
    failures        integer     not null default 0,   -- since it was last begun with, which a retry by hand does anew
    first_tried_at  timestamptz,
    due_at          timestamptz not null,
    claim           uuid,                     -- of the worker that is at it
    claimed_until   timestamptz,              -- the machine's clock: a worker that died is dead for real
    finished_at     timestamptz,
    status          smallint,                 -- of the last attempt
    error           text
);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, due_at, sequence) where state = 'waiting';
create index webhook_deliveries_in_turn on webhook_deliveries (feed_id, object_id, sequence) where state = 'waiting';
create index webhook_deliveries_oldest on webhook_deliveries (sequence) where state = 'waiting';
create index webhook_deliveries_of_endpoint on webhook_deliveries (endpoint_id, sequence);
create index webhook_deliveries_of_organization on webhook_deliveries (organization_id, sequence);
create index webhook_deliveries_of_object on webhook_deliveries (object_id, sequence);
create index webhook_deliveries_finished on webhook_deliveries (finished_at) where finished_at is not null;

-- Each attempt, with the beginning of what the endpoint answered.
create table webhook_attempts (
    delivery_id uuid        not null references webhook_deliveries on delete cascade,
    number      integer     not null,
    at          timestamptz not null,
    status      smallint,
    error       text,                         -- a word of ours, never the network's sentence
    latency_ms  integer     not null,
    body        bytea,
    primary key (delivery_id, number)
);
create index webhook_attempts_with_body on webhook_attempts (at) where body is not null;

-- Endpoints from which nothing but failures came since their last success.
create table webhook_outages (
    endpoint_id   uuid primary key,
    failures      integer     not null,
    failing_since timestamptz not null,
    rests_until   timestamptz not null
);

-- How often an attempt came to what, for /metrics.
create table webhook_outcomes (
    outcome text primary key,
    n       bigint not null
);
