-- Second factors: the shared secret is sealed with the server's, recovery codes are kept as keyed digests. `last_step` is
-- the newest time step of which a code was taken: none is taken twice.
create table second_factors (
    user_id      uuid primary key,
    sealed       bytea       not null,
    begun_at     timestamptz not null,
    confirmed_at timestamptz,                 -- null: a first code was not shown yet
    last_step    bigint      not null default 0
);
alter table second_factors enable row level security;

create table recovery_codes (
    user_id uuid  not null,
    digest  bytea not null,
    primary key (user_id, digest)
);
alter table recovery_codes enable row level security;
