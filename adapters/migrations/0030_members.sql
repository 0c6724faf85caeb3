-- Who is a member of which organization, at once after it was stored: written in the transaction of the organization's
-- event. The log says who became it how; here is what every request asks for.
create table memberships (
    organization_id uuid        not null,
    user_id         uuid        not null,
    role            text        not null,   -- owner, admin, developer, viewer
    joined_at       timestamptz not null,
    primary key (organization_id, user_id)
);
create index memberships_in_order on memberships (organization_id, joined_at, user_id);
create index memberships_of_user on memberships (user_id, joined_at, organization_id);

-- To whom invitations were sent: personal data, gone when the invitation is accepted, withdrawn or long out of date.
create table invitations (
    invitation_id   uuid primary key,
    organization_id uuid        not null,
    email           text        not null,
    role            text        not null,
    invited_by      uuid,                   -- null: a program or the vendor
    invited_at      timestamptz not null,
    expires_at      timestamptz not null
);
create unique index invitations_by_address on invitations (organization_id, lower(email));
create index invitations_in_order on invitations (organization_id, invited_at, invitation_id);
create index invitations_by_expiry on invitations (expires_at);
create index invitations_to_address on invitations (lower(email));

-- Processes remember who is a member (adapters/remembered.py): whoever changes a row, by whatever means, tells them.
create function tell_membership_changed() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        perform pg_notify('usher_access', 'membership:' || old.organization_id || ':' || old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        perform pg_notify('usher_access', 'membership:' || new.organization_id || ':' || new.user_id);
    end if;
    return null;
end $$;
create trigger memberships_changed after insert or update or delete on memberships
    for each row execute function tell_membership_changed();

-- The organization that was registered together with the person: none for who comes by an invitation.
alter table people alter column organization_id drop not null;

-- For which organization the session's tokens speak.
alter table login_sessions add column organization_id uuid;
update login_sessions s set organization_id = p.organization_id from people p where p.user_id = s.user_id;

-- Everybody who registered until now is the owner of the organization that was registered with it. The log is not
-- rewritten: it is told so, by an event that says when it was.
insert into memberships (organization_id, user_id, role, joined_at)
select organization_id, user_id, 'owner', registered_at from people;

select append_events(
    array_agg(organization_id order by registered_at, organization_id),
    array_agg(version + 1 order by registered_at, organization_id),
    array_agg('organization.owner_recognized'::text order by registered_at, organization_id),
    array_agg(json_build_object('timestamp', at, 'user_id', user_id)::text order by registered_at, organization_id),
    array_agg('operator'::text order by registered_at, organization_id),
    array_agg('migration:0030_members'::text order by registered_at, organization_id))
from (
    select p.organization_id, p.user_id, p.registered_at, max(s.originator_version) as version,
        to_char((now() + max(c.ahead)) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
    from people p join stored_events s on s.originator_id = p.organization_id cross join sandbox_clock c
    group by p.user_id
) as founders
having count(*) > 0;
