-- Limits on other axes than the licence's number of seats: one seat a machine (or person), so many a user, so many a
-- group, so many borrowed. A session takes a numbered slot of each limit in the transaction that stores its opening:
-- all of them, or it is not stored. The primary key refuses two sessions on one slot, whatever a pool believed.
--
-- A slot is free again when the log has closed its session; nobody has to give it back. `held_until` keeps it longer: a
-- seat that was borrowed and is back counts until its lease would have ended, since a copy of that lease may still work.
create table seat_claims (
    license_id  uuid    not null,
    name        text    not null,  -- holder:<digest>, user:<digest>, group:<name>, borrowed
    slot        integer not null,
    holder      text    not null,
    session_id  uuid    not null,
    seat        integer not null,
    stream      uuid    not null,  -- the seat's, and the version at which the session was opened in it
    version     bigint  not null,
    held_until  timestamptz,
    primary key (license_id, name, slot)
);

create function is_claim_open(claim seat_claims) returns boolean language sql stable as $$
    select not exists (
        select from stored_events
        where originator_id = claim.stream and originator_version = claim.version + 1)
$$;

-- Whether the slot may go from the session that has it to `new`, at the moment `at`. `replaces` is the session that is
-- closed in the same transaction. A holder who borrows again may take over the slot of what is back already, if the new
-- end is not before the old.
create function may_take_over(claim seat_claims, new seat_claims, replaces uuid, at timestamptz)
returns boolean language sql stable as $$
    select claim.session_id = new.session_id or claim.session_id is not distinct from replaces
        or (not is_claim_open(claim) and (
                claim.held_until is null or claim.held_until <= at
                or (claim.holder = new.holder and claim.held_until <= new.held_until)))
$$;

-- A slot of a limit that `new` may have; null when all are taken. Near the limit it looks at all of them, otherwise at a
-- few: a group may have thousands of members, and whoever waits for the log waits for this.
create function claimable_slot(new seat_claims, most integer, replaces uuid, at timestamptz)
returns integer language plpgsql as $$
declare
    highest integer;
    above integer;
    found_slot integer;
begin
    select coalesce(max(slot), 0) into highest from seat_claims c
    where c.license_id = new.license_id and c.name = new.name;
    above := floor(random() * highest);
    if new.held_until is null then
        select few.slot into found_slot from (
            select c.slot, may_take_over(c, new, replaces, at) as is_free from seat_claims c
            where c.license_id = new.license_id and c.name = new.name and c.slot > above
            order by c.slot limit 32
        ) few
        where few.is_free limit 1;
        if found_slot <= most then return found_slot; end if;
        if highest < most then return highest + 1; end if;
    end if;
    select min(c.slot) into found_slot from seat_claims c
    where c.license_id = new.license_id and c.name = new.name and c.slot <= most and may_take_over(c, new, replaces, at);
    if found_slot is not null then return found_slot; end if;
    if highest < most then return highest + 1; end if;
    select min(unused) into found_slot from generate_series(1, most) unused
    where not exists (
        select from seat_claims c where c.license_id = new.license_id and c.name = new.name and c.slot = unused);
    return found_slot;
end $$;

-- Takes a free slot of a limit for a session; an exclusion_violation that names the limit when there is none. The first
-- that is tried has the number of the seat: of two who sit down at once, neither waits for the other. Not when it is
-- borrowed: the slots that its holder has kept are to be used again.
create function claim_seat(new seat_claims, most integer, replaces uuid, at timestamptz)
returns void language plpgsql as $$
begin
    for attempt in 1 .. 100 loop
        new.slot := case
            when most = 1 then 1
            when attempt = 1 and new.seat <= most and new.held_until is null then new.seat
            else claimable_slot(new, most, replaces, at) end;
        exit when new.slot is null;
        insert into seat_claims as c values (new.*)
        on conflict (license_id, name, slot) do update
            set holder = excluded.holder, session_id = excluded.session_id, seat = excluded.seat,
                stream = excluded.stream, version = excluded.version, held_until = excluded.held_until
            where may_take_over(c, new, replaces, at);
        if found then return; end if;
        exit when most = 1;
    end loop;
    raise exception 'all % slots of % are taken', most, new.name
        using errcode = 'exclusion_violation', constraint = 'seat_claims', detail = new.name;
end $$;
