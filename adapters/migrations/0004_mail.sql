-- What was sent to whom and what became of it: one row a fact, claimed before the network call.
-- No address, no subject, no body, no key, no link: the recipient is a subject id, erased with the person's own row.
create table mails (
    message_id        uuid primary key,
    kind              text not null,
    organization_id   uuid,
    recipient_subject uuid not null,
    status            text not null check (status in ('claimed', 'sent', 'delayed', 'failed', 'uncertain')),
    attempts          integer not null check (attempts > 0),
    claimed_at        timestamptz not null,   -- the machine's clock: a lost claim is a minute of real time, whatever the sandbox clock says
    sent_at           timestamptz,            -- the engine's clock, as in the mail's Date
    error_code        text                    -- SMTP codes or our own word, never the server's sentence: it repeats the address
);
create index mails_by_organization on mails (organization_id, claimed_at desc);
create index mails_open on mails (claimed_at) where status = 'claimed';

-- Sandbox only: whole mails, caught instead of sent. May be emptied at any time.
create table caught_mails (
    position   bigint generated always as identity primary key,
    message_id uuid not null unique,
    recipient  text not null,
    raw        bytea not null
);
create index caught_mails_by_recipient on caught_mails (lower(recipient), position desc);
