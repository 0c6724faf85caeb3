-- The wall between tenants (0031_tenant_wall.sql) around the log of mails: an organization sees what was told to it, and not
-- what concerns a person's own account, which belongs to no organization.
create policy tenant on mails for select to usher_tenant using (organization_id = usher_organization());
grant select on mails to usher_tenant;
