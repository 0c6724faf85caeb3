-- Answers to requests with an Idempotency-Key, for 24 hours. No status yet: the first request is still under way.
create table stored_answers (
    caller     text        not null,
    route      text        not null,   -- method and path
    key        text        not null,
    request    text        not null,   -- SHA-256 of the body
    claim      uuid        not null,   -- which request is at work: a late one must not answer for its successor
    status     integer,
    sealed     bytea,                  -- headers and body; sealed, since an answer can carry a new API key
    claimed_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (caller, route, key)
);
create index stored_answers_by_expiry on stored_answers (expires_at);
