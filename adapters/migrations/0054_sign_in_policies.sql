-- Which organizations want a second factor of their members: what the log says of it, for every log-in to ask.
create table sign_in_policies (
    organization_id       uuid primary key,
    demands_second_factor boolean not null
);
alter table sign_in_policies enable row level security;
create policy tenant on sign_in_policies for select to usher_tenant using (organization_id = usher_organization());
