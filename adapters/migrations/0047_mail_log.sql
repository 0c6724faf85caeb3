-- The log of mails is read by people: what each tells (so that it can be told again), what it belongs to, when it was
-- first to be sent by the engine's clock, and that nothing was sent since the address must not be written to.
alter table mails
    add column told_stream uuid,     -- the event that it tells; null: from before this was kept
    add column told_version bigint,
    add column told_kind text,       -- which of the mails about that event; it may have become another kind
    add column thread uuid,          -- e.g. the invoice whose payment it is about
    add column language text,
    add column noted_at timestamptz,
    drop constraint mails_status_check,
    drop constraint mails_attempts_check;
update mails set noted_at = coalesce(sent_at, claimed_at);
-- What concerns a person's own account is no organization's to read.
update mails set organization_id = null where kind in ('verify_email', 'reset_password', 'password_changed');
alter table mails
    alter column noted_at set not null,
    add constraint mails_status_check check
        (status in ('claimed', 'sent', 'delayed', 'failed', 'uncertain', 'suppressed', 'unsubscribed')),
    add constraint mails_attempts_check check (attempts >= 0);
drop index mails_by_organization;
create index mails_by_organization on mails (organization_id, noted_at desc, message_id desc);
create index mails_by_time on mails (noted_at desc, message_id desc);
create index mails_of_thread on mails (thread, sent_at) where thread is not null and status = 'sent';
create index mails_unsent on mails (status) where status in ('delayed', 'failed', 'uncertain');
