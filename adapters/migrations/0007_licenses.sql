-- Finds a licence by its key, at once after the issue: written in the transaction of the event that made the key.
create table license_keys (
    digest     text primary key,
    license_id uuid not null
);
