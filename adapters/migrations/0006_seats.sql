-- The fence itself: whoever stores the next version of a seat's stream has the seat, and the database refuses a session
-- that opens while another is open, whatever a pool believed when it proposed the version.
alter table stored_events add constraint seat_sessions_alternate check (
    case topic
        when 'seat.session_opened' then originator_version % 2 = 1
        when 'seat.session_closed' then originator_version % 2 = 0
        else true
    end
);

-- Who opened a session, as far as the client said: personal data, written in the transaction of SessionOpened and
-- erasable without touching it (set the columns after `seat` to null, or delete the row of a closed session).
-- The seat is kept here too, so that an administrator's session id leads to it at once.
create table session_callers (
    session_id      uuid primary key,
    license_id      uuid not null,
    organization_id uuid not null,
    seat            integer not null,
    opened_at       timestamptz not null,
    address         text,
    user_agent      text,
    hostname        text,
    user_name       text,
    platform        text,
    app_version     text
);

create index session_callers_of_organization on session_callers (organization_id);
