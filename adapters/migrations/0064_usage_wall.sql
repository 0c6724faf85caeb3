-- The wall between tenants (0031_tenant_wall.sql) around what was used: an organization's records are those of its own account
-- and of the subjects that it has claimed.
alter table usage_claims enable row level security;
create policy tenant on usage_claims for select to usher_tenant using (organization_id = usher_organization());
grant select on usage_claims to usher_tenant;

alter table usage_records enable row level security;
create policy tenant on usage_records for select to usher_tenant
    using (account_id = usher_organization() or account_id in (select account_id from usage_claims));
grant select on usage_records to usher_tenant;

alter table usage_subjects enable row level security;
create policy tenant on usage_subjects for select to usher_tenant
    using (account_id = usher_organization() or account_id in (select account_id from usage_claims));
grant select on usage_subjects to usher_tenant;

-- Where the usage log ends is no secret: what read models have taken is compared with it.
grant select on usage_position to usher_tenant;
create function usage_log_head() returns bigint language sql stable security definer set search_path = public, pg_temp
return (select coalesce(max(position), 0) from usage_records);
revoke execute on function usage_log_head from public;
grant execute on function usage_log_head to usher_tenant;
