-- Up to where each endpoint has been told: written by the follower `webhook_feeds` (projections/webhook_feeds.py).
create table webhook_feeds (
    feed_id         uuid primary key,         -- the endpoint's own, or a replay
    endpoint_id     uuid    not null,
    organization_id uuid,                     -- null: the vendor's, who is told of all
    types           text[]  not null,
    is_replay       boolean not null default false,
    state           text    not null default 'running' check (state in ('running', 'stopped', 'finished')),
    position        bigint,                   -- null: level with the follower
    first_position  bigint  not null,         -- nothing before it is told
    last_position   bigint,                   -- of a replay: nothing after it is told
    created_at      timestamptz not null
);
create index webhook_feeds_level on webhook_feeds (organization_id) where state = 'running' and position is null;
create index webhook_feeds_behind on webhook_feeds (feed_id) where state = 'running' and position is not null;
create index webhook_feeds_of_endpoint on webhook_feeds (endpoint_id);
