-- Who is behind the ids. The log knows ids only: what is deleted here is erased, and history stays whole.
-- All rows are written in the transaction of the event they belong to, unless said otherwise.

create table people (
    user_id           uuid primary key,
    organization_id   uuid        not null,
    email             text        not null,
    full_name         text        not null,
    password_hash     text        not null,   -- argon2id
    registered_at     timestamptz not null,
    email_verified_at timestamptz
);
create unique index people_by_email on people (lower(email));
create index people_by_organization on people (organization_id);
create index people_by_registration on people (registered_at, user_id);

-- Whom we write to about an organization's licences and payments.
create table organization_contacts (
    organization_id uuid primary key,
    email           text,
    name            text,
    company_name    text,
    since           timestamptz not null
);
create index organization_contacts_by_time on organization_contacts (since, organization_id);
create index organization_contacts_by_email on organization_contacts (lower(email));

-- Finds an API key by the digest of its secret, at once after it was made. last_used_at is written outside the log,
-- once a minute at most.
create table api_keys (
    key_id          uuid primary key,
    digest          text        not null unique,
    organization_id uuid,                       -- null: a key of the vendor
    name            text        not null,
    prefix          text        not null,
    scopes          text[]      not null,
    created_at      timestamptz not null,
    rotated_at      timestamptz,
    revoked_at      timestamptz,
    last_used_at    timestamptz
);
create index api_keys_by_organization on api_keys (organization_id, created_at, key_id);

-- Where people are logged in: one row a session, written at each refresh and so not events. The refresh token is signed
-- and names session and generation; only the current generation is good, an older one was used before.
create table login_sessions (
    session_id         uuid primary key,
    user_id            uuid        not null,
    credential_version integer     not null,
    generation         integer     not null default 1,
    started_at         timestamptz not null,
    expires_at         timestamptz not null
);
create index login_sessions_by_user on login_sessions (user_id);
create index login_sessions_by_expiry on login_sessions (expires_at);
