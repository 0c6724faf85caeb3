-- Sign-ins by another provider that have begun and not come back: each state is good once, in the browser that began.
create table provider_flows (
    state_digest bytea primary key,
    provider     text        not null,
    user_id      uuid,                    -- to whom the identity is to be linked; null: to sign in
    expires_at   timestamptz not null
);
create index provider_flows_by_expiry on provider_flows (expires_at);
alter table provider_flows enable row level security;

-- Who is who at other providers, by the provider's own subject: an address there can go to somebody else.
create table linked_identities (
    issuer    text        not null,
    subject   text        not null,
    provider  text        not null,
    user_id   uuid        not null,
    email     text,                       -- as the provider said it then; to recognise it by
    linked_at timestamptz not null,
    primary key (issuer, subject)
);
create unique index linked_identities_of_user on linked_identities (user_id, provider);
alter table linked_identities enable row level security;
