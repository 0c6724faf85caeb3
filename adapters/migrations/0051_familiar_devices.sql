-- From where a person has signed in before: keyed digests of a device's family and network, so that only what is new is
-- told. Personal data: goes with the person, and when it was not seen for half a year.
create table familiar_devices (
    user_id uuid        not null,
    digest  bytea       not null,
    seen_at timestamptz not null,
    primary key (user_id, digest)
);
create index familiar_devices_by_time on familiar_devices (seen_at);
alter table familiar_devices enable row level security;

-- The address that a person wants instead, until it is proven; afterwards the former one, which is told of it.
create table email_changes (
    user_id    uuid primary key,
    change_id  uuid        not null,
    email      text        not null,
    former     text        not null,
    asked_at   timestamptz not null
);
create index email_changes_by_time on email_changes (asked_at);
alter table email_changes enable row level security;

-- Processes remember which sign-ins are good (adapters/remembered.py): an access token counts no longer than its session.
create function tell_sign_in_ended() returns trigger language plpgsql as $$
begin
    perform pg_notify('usher_access', 'session:' || old.session_id);
    return null;
end $$;
create trigger sign_in_ended after delete on login_sessions for each row execute function tell_sign_in_ended();
