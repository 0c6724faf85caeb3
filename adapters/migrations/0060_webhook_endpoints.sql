-- Where webhooks go: what the log does not hold of an endpoint, because it may be secret or about a person. Written in the
-- transaction of the endpoint's events; the row goes when the endpoint is removed.
create table webhook_endpoints (
    endpoint_id     uuid primary key,
    organization_id uuid,                     -- null: the vendor's
    slot            smallint    not null,     -- numbered, so that two at once cannot be one too many
    created_at      timestamptz not null,
    url             bytea,                    -- sealed; null: erased
    description     text,
    types           text[]      not null,
    disabled        text,                     -- why it is told nothing; null: it is told
    secret          bytea       not null,     -- sealed, both
    former_secret   bytea,
    former_until    timestamptz               -- until when the former one signs, too
);
create unique index webhook_endpoints_by_slot
    on webhook_endpoints (coalesce(organization_id, '00000000-0000-0000-0000-000000000000'), slot);
