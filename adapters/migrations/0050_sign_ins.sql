-- What a person is shown of each sign-in, and what a sensitive act asks of it. The family of the user agent and the
-- network (a /24 or /48) are personal data: they end with the session, and with the person.
alter table login_sessions
    add column way       text not null default 'password',   -- domain/sign_in.py
    add column device    text,
    add column network   text,
    add column used_at   timestamptz,
    add column proven_at timestamptz;                        -- when the person last proved who it is
update login_sessions set used_at = started_at, proven_at = started_at;
alter table login_sessions alter column used_at set not null, alter column proven_at set not null;

-- Programs that wait to be signed in by a person in a browser (RFC 8628). Both codes are kept as keyed digests only.
-- Not events: most are never answered, each lives for a quarter of an hour and is polled every five seconds.
create table device_requests (
    request_id         uuid primary key,
    device_code_digest bytea       not null unique,
    user_code_digest   bytea       not null unique,
    client             text        not null,   -- what the program calls itself
    device             text,
    network            text,
    asked_at           timestamptz not null,
    expires_at         timestamptz not null,
    state              text        not null default 'pending',   -- pending, approved, denied
    interval_seconds   integer     not null,
    polled_at          timestamptz,
    user_id            uuid,                    -- who approved, for which organization, under which password
    organization_id    uuid,
    credential_version integer,
    proven_at          timestamptz              -- when that person last proved who it is
);
create index device_requests_by_expiry on device_requests (expires_at);
create index device_requests_by_user on device_requests (user_id) where user_id is not null;
alter table device_requests enable row level security;   -- nobody's rows are shown to a tenant
