-- Tokens of customers for one solution: one row a grant, moved on by each refresh and so not events. Only the current
-- generation of the refresh token is good; an older one was used before.
create table token_grants (
    grant_id        uuid primary key,
    organization_id uuid        not null,
    license_id      uuid        not null,
    product         text        not null,
    scopes          text[]      not null,
    lifetime        interval    not null,   -- of access tokens
    generation      integer     not null default 1,
    issued_at       timestamptz not null,
    expires_at      timestamptz not null,   -- of the refresh token
    revoked_at      timestamptz
);
create index token_grants_by_expiry on token_grants (expires_at);

alter table token_grants enable row level security;
create policy tenant on token_grants for select to usher_tenant using (organization_id = usher_organization());
grant select on token_grants to usher_tenant;

-- As for API keys (0055_api_keys.sql). A refresh changes nothing that processes remember.
create function tell_token_grant_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('usher_access', 'token_grant:' || coalesce(new.grant_id, old.grant_id));
    return null;
end $$;
create trigger token_grants_changed after insert or delete or update of revoked_at on token_grants
    for each row execute function tell_token_grant_changed();
