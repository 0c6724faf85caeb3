-- The wall between tenants (0031_tenant_wall.sql) around what is kept of outgoing webhooks: no secret is shown, and an
-- endpoint's address is sealed.
alter table webhook_endpoints enable row level security;
create policy tenant on webhook_endpoints for select to usher_tenant using (organization_id = usher_organization());
grant select (endpoint_id, organization_id, slot, created_at, url, description, types, disabled, former_until)
    on webhook_endpoints to usher_tenant;

alter table webhook_deliveries enable row level security;
create policy tenant on webhook_deliveries for select to usher_tenant using (organization_id = usher_organization());
grant select on webhook_deliveries to usher_tenant;

alter table webhook_attempts enable row level security;
create policy tenant on webhook_attempts for select to usher_tenant
    using (exists (select from webhook_deliveries d where d.delivery_id = webhook_attempts.delivery_id));
grant select on webhook_attempts to usher_tenant;

alter table webhook_outages enable row level security;
create policy tenant on webhook_outages for select to usher_tenant
    using (exists (select from webhook_endpoints e where e.endpoint_id = webhook_outages.endpoint_id));
grant select on webhook_outages to usher_tenant;

alter table webhook_feeds enable row level security;
create policy tenant on webhook_feeds for select to usher_tenant using (organization_id = usher_organization());
grant select on webhook_feeds to usher_tenant;
