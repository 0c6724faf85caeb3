-- What a decision has looked at and does not change must still be as it was when the decision is stored; else it is made
-- again. Without this, a report that was read before another one's payment can take back what followed from the payment.
--
-- Takes the log's lock, like append_events() after it, so that nothing is appended between this look and the commit.
create function require_unchanged(ids uuid[], versions bigint[]) returns void
language plpgsql set lock_timeout = '5s' as $$
begin
    perform pg_advisory_xact_lock(7310868735421);
    if exists (
        select from unnest(ids, versions) as seen (id, version)
        join stored_events s on s.originator_id = seen.id and s.originator_version > seen.version
    ) then
        raise exception 'something was changed meanwhile' using errcode = 'integrity_constraint_violation';
    end if;
end $$;
