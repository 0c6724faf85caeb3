-- The wall between tenants (adapters/walled.py, docs/decisions/0020-tenant-wall.md). A request for an organization reads as
-- `usher_tenant`, which sees no table but those it is granted, and of their rows those of `usher.organization` only. The
-- owner of the tables, as whom everybody else works, passes by.
do $$ begin
    if not exists (select from pg_roles where rolname = 'usher_tenant') then
        begin
            create role usher_tenant nologin;
        exception when duplicate_object or unique_violation then null;  -- roles are the whole server's: another was faster
        end;
    end if;
    if not pg_has_role(current_user, 'usher_tenant',
            case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end) then
        execute format('grant usher_tenant to %I', current_user);
    end if;
exception when insufficient_privilege then
    raise exception using
        errcode = 'insufficient_privilege',
        message = format(
            'PostgreSQL does not let %I make the role that keeps tenants apart. As an administrator run:'
            ' CREATE ROLE usher_tenant NOLOGIN; GRANT usher_tenant TO %I;', current_user, current_user);
end $$;

-- Whether a tenant asks, also inside of a function that runs as its owner.
create function is_tenant() returns boolean language sql stable parallel safe
return current_setting('role', true) = 'usher_tenant';

-- Null outside of a tenant's transaction, and then no row is anybody's.
create function usher_organization() returns uuid language sql stable parallel safe
return nullif(current_setting('usher.organization', true), '')::uuid;

-- Whose a stream is now: the organization's that it named last; an organization's own is its own. Null: nobody's, such as
-- the catalogue's or the vendor's.
create function stream_owner(stream uuid) returns uuid
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    return (
        select case when s.topic like 'organization.%' then stream else (s.state->>'organization_id')::uuid end
        from stored_events s
        where s.originator_id = stream and (s.topic like 'organization.%' or s.state->>'organization_id' is not null)
        order by s.originator_version desc limit 1);
end $$;

-- Whether a licence is the tenant's now: what happened on it is shown to whoever has it, not to whoever had it then. One
-- that was issued a moment ago is in the log only. The read model may be swapped at any time, so no policy may depend on
-- it: only the text of this function does.
create function tenant_has_license(id uuid) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
    owner uuid := (select organization_id from licenses where license_id = id);
begin
    return coalesce(owner, stream_owner(id)) = usher_organization();
end $$;

-- The same for what is about any stream of the log.
create function tenant_has_stream(id uuid) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    return stream_owner(id) = usher_organization();
end $$;

alter table memberships enable row level security;
create policy tenant on memberships for select to usher_tenant using (organization_id = usher_organization());
grant select on memberships to usher_tenant;

alter table invitations enable row level security;
create policy tenant on invitations for select to usher_tenant using (organization_id = usher_organization());
grant select on invitations to usher_tenant;

alter table organization_contacts enable row level security;
create policy tenant on organization_contacts for select to usher_tenant using (organization_id = usher_organization());
grant select on organization_contacts to usher_tenant;

alter table people enable row level security;
create policy tenant on people for select to usher_tenant
    using (exists (select from memberships m where m.user_id = people.user_id));
grant select (user_id, organization_id, email, full_name, registered_at, email_verified_at) on people to usher_tenant;

alter table api_keys enable row level security;
create policy tenant on api_keys for select to usher_tenant using (organization_id = usher_organization());
grant select (key_id, organization_id, name, prefix, scopes, created_at, rotated_at, revoked_at, last_used_at)
    on api_keys to usher_tenant;

alter table session_callers enable row level security;
create policy tenant on session_callers for select to usher_tenant using (tenant_has_license(license_id));
grant select on session_callers to usher_tenant;

alter table license_machines enable row level security;
create policy tenant on license_machines for select to usher_tenant using (tenant_has_license(license_id));
grant select on license_machines to usher_tenant;

alter table seat_rule_names enable row level security;
create policy tenant on seat_rule_names for select to usher_tenant using (tenant_has_license(license_id));
grant select on seat_rule_names to usher_tenant;

alter table invoice_papers enable row level security;
create policy tenant on invoice_papers for select to usher_tenant using (organization_id = usher_organization());
grant select on invoice_papers to usher_tenant;

-- Nobody's rows are shown to a tenant from these.
alter table mails enable row level security;
alter table login_sessions enable row level security;

-- Nothing of a tenant's: where read models stand, and whether somebody moves them on.
grant select on follower_positions, process_beats to usher_tenant;

-- The log has no column for whose an event is: whose a stream is, its events say. The tenant's role cannot read it but
-- through these doors, which are open to the owner of the tables as well.

create function log_head() returns bigint language sql stable security definer set search_path = public, pg_temp
return (select coalesce(max(notification_id), 0) from stored_events);

-- A stream that is the tenant's now, or of what is sold to everybody.
create function own_stream(stream uuid) returns setof stored_events
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
    owner uuid := stream_owner(stream);
begin
    if owner = usher_organization() or (owner is null and exists (
        select from stored_events s
        where s.originator_id = stream and split_part(s.topic, '.', 1) in ('plan', 'product', 'price_book', 'meter', 'tax_rate', 'vendor')))
    then
        return query select * from stored_events s where s.originator_id = stream;
    end if;
end $$;

-- A stream that is or once was the tenant's: for the audit.
create function past_stream(stream uuid) returns setof stored_events
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    if not is_tenant() or stream = usher_organization() or exists (
        select from stored_events s
        where s.originator_id = stream and (s.state->>'organization_id')::uuid = usher_organization())
    then
        return query select * from stored_events s where s.originator_id = stream;
    end if;
end $$;

-- What events say, if the audit's index says that they happened to the tenant; and where a stream's events are in it.
create function audited_states(positions bigint[]) returns table (at bigint, said json)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
    return query
        select e.notification_id, e.state
        from stored_events e join audit_index a on a.position = e.notification_id
        where e.notification_id = any(positions)
            and (not is_tenant() or a.organization_id = usher_organization());
end $$;

create function stream_positions(stream uuid) returns setof bigint
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select notification_id from stored_events where originator_id = stream;
end;

revoke execute on function stream_owner, tenant_has_license, tenant_has_stream, log_head, own_stream, past_stream, audited_states, stream_positions
    from public;
grant execute on function tenant_has_license, tenant_has_stream, log_head, own_stream, past_stream, audited_states, stream_positions
    to usher_tenant;
