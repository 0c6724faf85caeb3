-- What else is known of an API key: a note, from where and until when it may be used, for which product, and the secret
-- before the present one while it still works. Addresses are personal data: here they can be erased.
alter table api_keys
    add column note          text   not null default '',
    add column networks      cidr[] not null default '{}',   -- empty: from anywhere
    add column expires_at    timestamptz,
    add column product       text,                           -- a solution's key
    add column former_digest text,
    add column former_until  timestamptz;
create unique index api_keys_by_former_digest on api_keys (former_digest);
grant select (note, networks, expires_at, product, former_until) on api_keys to usher_tenant;

-- Processes remember which secrets are good (adapters/remembered.py): whoever changes a key, by whatever means, tells
-- them. That a key was used changes nothing that they remember.
create function tell_api_key_changed() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform pg_notify('usher_access', 'api_key:' || old.digest);
        if old.former_digest is not null then
            perform pg_notify('usher_access', 'api_key:' || old.former_digest);
        end if;
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('usher_access', 'api_key:' || new.digest);
    end if;
    return null;
end $$;
create trigger api_keys_changed
    after insert or delete or update of digest, former_digest, former_until, organization_id, name, note, scopes, networks,
        expires_at, product, revoked_at
    on api_keys for each row execute function tell_api_key_changed();

-- Two who make a key at the same moment are counted one after the other: this takes the log's lock, like append_events()
-- after it, and refuses the transaction when there are as many keys as there may be.
create function require_room_for_key(organization uuid, most bigint, at timestamptz) returns void
language plpgsql set lock_timeout = '5s' as $$
begin
    perform pg_advisory_xact_lock(7310868735421);
    if (select count(*) from api_keys
        where organization_id = organization and revoked_at is null and (expires_at is null or expires_at > at)) >= most
    then
        raise exception 'there are as many API keys as there may be' using errcode = 'integrity_constraint_violation';
    end if;
end $$;
