-- Places in the queue of a licence, one a holder; those who wait are few, and they ask every half minute. Written with
-- the ticket's events: a row that is here is a ticket that the log has open. `ends_at` moves on while somebody asks;
-- when it is past, the ticket counts for nobody and somebody will end it.
create table queue_tickets (
    ticket_id   uuid        primary key,
    license_id  uuid        not null,
    holder      text        not null,
    priority    smallint    not null,
    groups      text[]      not null,                -- of the plan, that the holder is in
    taken_at    timestamptz not null,
    ends_at     timestamptz not null,
    is_ready    boolean     not null default false,  -- a seat is kept for it until ends_at
    unique (license_id, holder)
);

create index queue_tickets_by_end on queue_tickets (ends_at);

-- A place for somebody, unless `most` wait already. The lock is held to the end of the transaction: two that count at
-- the same moment would both find the last place.
create function take_queue_place(new queue_tickets, most integer, at timestamptz) returns void
language plpgsql set lock_timeout = '5s' as $$
begin
    perform pg_advisory_xact_lock(731086873, hashtext(new.license_id::text));
    if (select count(*) from queue_tickets where license_id = new.license_id and ends_at > at) >= most then
        raise exception 'all % places in the queue are taken', most using errcode = 'integrity_constraint_violation';
    end if;
    insert into queue_tickets values (new.*);
end $$;

-- Beside the event that ends a ticket. Fails when somebody else ended it; with `due` also when it was asked about since,
-- so that nobody loses his place who asked in time.
create function end_queue_ticket(id uuid, due timestamptz) returns void language plpgsql as $$
begin
    delete from queue_tickets where ticket_id = id and (due is null or ends_at <= due);
    if not found then
        raise exception 'ticket % is not there to be ended', id using errcode = 'integrity_constraint_violation';
    end if;
end $$;
