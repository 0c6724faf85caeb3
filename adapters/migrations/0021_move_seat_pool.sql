-- As before (0017_seat_pool_mode.sql), but all seats wait behind a move that waits until no event is being stored: so it is
-- not begun before it may, and the one back to Redis, which is tried again in a second, waits a moment only.
create function may_move_seat_pool(m seat_pool_mode, expected bigint, to_pool text) returns boolean language sql as $$
    select m.generation = expected and m.pool <> to_pool
        and (to_pool = 'postgres' or clock_timestamp() >= m.missed_at + m.steady)
$$;

create or replace function move_seat_pool(expected bigint, to_pool text) returns boolean language plpgsql as $$
declare
    m seat_pool_mode;
begin
    select * into m from seat_pool_mode;
    if not may_move_seat_pool(m, expected, to_pool) then return false; end if;
    perform set_config('lock_timeout', case to_pool when 'redis' then '100ms' else '2s' end, true);
    perform hold_seat_pool(true);
    select * into m from seat_pool_mode;
    if not may_move_seat_pool(m, expected, to_pool) then return false; end if;
    if to_pool = 'postgres' then
        m.steady := case when clock_timestamp() < m.since + interval '1 min' then least(m.steady * 2, interval '12 s')
            else interval '3 s' end;
        m.missed_at := clock_timestamp();
    end if;
    update seat_pool_mode set pool = to_pool, generation = m.generation + 1, since = clock_timestamp(),
        missed_at = m.missed_at, steady = m.steady;
    return true;
end $$;
