-- Places in the queue of a licence, one a holder; those who wait are few, and they ask every half minute. Written with
-- the ticket's events: a row that is here is a ticket that the log has open. `ends_at` moves on while somebody asks.
create table queue_tickets (
    ticket_id       uuid        primary key,
    license_id      uuid        not null,
    organization_id uuid        not null,
    holder          text        not null,
    priority        smallint    not null,
    taken_at        timestamptz not null,
    ends_at         timestamptz not null,
    is_ready        boolean     not null default false,  -- a seat is kept for it until ends_at
    unique (license_id, holder)
);

create index queue_tickets_in_order on queue_tickets (license_id, priority desc, taken_at, ticket_id);
create index queue_tickets_by_end on queue_tickets (ends_at);
