-- Which epoch of a licence's seats counts: a pool that loses a licence begins another (adapters/lua/epoch.lua, pool_epoch).
-- Who takes a session for lapsed says in which epoch. Before the seats of another epoch are read from the log, its name
-- is written here: what was on its way is waited for and read, what comes later is refused. So nobody whom the pool has
-- renewed since it was told again can be ended by what was believed before.
create table seat_epochs (
    license_id uuid primary key,
    epoch      text not null
) with (fillfactor = 50);

-- Answers those of these licences of which this epoch counts now. `seen` is what counted before the pool was asked for
-- `names` ('': none): who is late, and names an epoch that has been followed by another since, must not bring it back.
create function begin_seat_epochs(ids uuid[], seen text[], names text[]) returns setof uuid language plpgsql as $$
declare
    w record;
begin
    for w in select * from unnest(ids, seen, names) n (id, seen, name) order by id loop
        if w.seen = '' then
            insert into seat_epochs values (w.id, w.name) on conflict do nothing;
        elsif w.seen <> w.name then
            update seat_epochs set epoch = w.name where license_id = w.id and epoch = w.seen;
        end if;
        return query select e.license_id from seat_epochs e where e.license_id = w.id and e.epoch = w.name;
    end loop;
end $$;

-- For the transaction of events that rest on what a pool believed: fails (23U02) when one of these epochs is over, and lets
-- none begin before the commit.
create function require_seat_epochs(ids uuid[], names text[]) returns void language plpgsql as $$
declare
    counting integer;
begin
    perform from seat_epochs e join unnest(ids, names) n (id, name) on e.license_id = n.id and e.epoch = n.name
    order by e.license_id for share of e;
    get diagnostics counting = row_count;
    if counting < cardinality(ids) then
        raise exception 'a pool has lost these seats since' using errcode = '23U02';
    end if;
end $$;
