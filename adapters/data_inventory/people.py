"""The tables that say who people are and what was sent to them."""

from __future__ import annotations

from adapters.data_inventory.table import Erasing, Kept, table

OWN = "organization_id = :organization"
THEIRS = "user_id = :person"
IN_BODY = "position(convert_to(:address, 'UTF8') in body) > 0"
OF_CUSTOMER = "exists (select from unnest(:customers) c where position(convert_to(c, 'UTF8') in body) > 0)"
FINISHED = (
    "exists (select from stored_events e where e.originator_id = provider_event_id"
    " and e.topic in ('provider_event.processed', 'provider_event.ignored'))"
)
_IS_ADDRESS = "lower({}) = :address"
"""Never by name: two people may have the same, and one's erasure or export must not touch the other's rows."""

PEOPLE = (
    table(
        "people",
        "who can log in",
        personal="email full_name",
        id="user_id organization_id",
        secret="password_hash",
        other="registered_at email_verified_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with="user.erased",
    ).exported("person", "user_id"),
    table(
        "memberships",
        "who may act for an organization",
        id="organization_id user_id",
        other="role joined_at",
        of_person=THEIRS,
        of_organization=OWN,
        erasing=Erasing.DELETE,
        erased_with="organization.member_erased, custody.deleted",
    ).exported("memberships", "organization_id, user_id"),
    table(
        "organization_contacts",
        "whom to write to about licences and payments",
        personal="email name company_name",
        id="organization_id",
        other="since",
        of_organization=OWN,
        erasing=Erasing.DELETE,
        erased_with="user.erased (the last member's), custody.deleted; another member's address takes its place",
    ).exported("contact", "organization_id"),
    table(
        "invitations",
        "to whom invitations were sent",
        personal="email",
        id="invitation_id organization_id invited_by",
        other="role invited_at expires_at",
        of_person="lower(email) = :address",
        of_organization=OWN,
        erasing=Erasing.DELETE,
        erased_with="user.erased, custody.deleted",
        kept=Kept("invitations", "expires_at"),
    ).exported("invitations", "invitation_id", hide="invited_by"),
    table(
        "login_sessions",
        "where people are logged in",
        id="session_id user_id organization_id",
        personal="device network",
        other="credential_version generation started_at expires_at way used_at proven_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with="user.erased",
        kept=Kept("sign_ins", "expires_at"),
    ).exported("sessions", "session_id", hide="credential_version generation"),
    table(
        "api_keys",
        "finds a program by the digest of its secret",
        personal="name note networks",
        id="key_id organization_id",
        secret="digest former_digest",
        other="expires_at product former_until prefix scopes created_at rotated_at revoked_at last_used_at",
        of_organization=OWN,
        erasing=Erasing.DELETE,
        kept=Kept("revoked_keys", "revoked_at"),
    ).exported(
        "api_keys",
        "key_id",
        person="revoked_at is null and organization_id in"
        " (select organization_id from memberships where user_id = :person and role = 'owner')",
    ),
    table(
        "stored_answers",
        "first answers to requests with an Idempotency-Key",
        id="caller route key",
        secret="request sealed",
        other="claim status claimed_at expires_at",
        of_person="caller like 'user:' || :person || '%%'",
        erasing=Erasing.DELETE,
        kept=Kept("stored_answers", "expires_at"),
    ),
    table(
        "caught_mails",
        "sandbox only: whole mails instead of sent ones",
        personal="recipient raw",
        id="message_id",
        other="position caught_at",
        of_person="lower(recipient) = :address or position(convert_to(:address, 'UTF8') in raw) > 0",
        of_organization="message_id in (select message_id from mails where organization_id = :organization)",
        erasing=Erasing.DELETE,
        kept=Kept("sandbox_mails", "caught_at"),
    ),
    table(
        "mails",
        "what was sent and what became of it, without an address",
        id="message_id organization_id recipient_subject thread told_stream",
        other="kind language status attempts noted_at claimed_at sent_at error_code told_version told_kind",
        of_person="recipient_subject = :person",
        of_organization=OWN,
        erasing=Erasing.DELETE,
        kept=Kept("mail_log", "claimed_at"),
    ).exported("mails", "message_id"),
    table(
        "provider_payloads",
        "raw webhooks of payment providers",
        personal="body",
        id="provider_event_id",
        other="received_at",
        of_person=f"{FINISHED} and {IN_BODY}",
        of_organization=f"{FINISHED} and {OF_CUSTOMER}",
        erasing=Erasing.DELETE,
        kept=Kept("webhook_bodies", "received_at", unless=f"not {FINISHED}"),
    ),
    table(
        "invoice_papers",
        "the words on invoices and credit notes",
        personal="words",
        id="paper_id organization_id",
        other="kept_at",
        of_organization=OWN,
        why_kept="tax law: the seller keeps what it has invoiced",
        kept=Kept("invoices", "kept_at"),
    ).exported("invoice_papers", "paper_id"),
    table(
        "session_callers",
        "who took a seat, as far as the client said",
        personal="address user_agent hostname user_name",
        id="session_id license_id organization_id",
        other="seat opened_at platform app_version",
        of_person=_IS_ADDRESS.format("user_name"),
        of_organization=OWN,
        erasing=Erasing.BLANK,
        kept=Kept(
            "session_callers",
            "opened_at",
            unless="not exists (select from seat_sessions s where s.session_id = session_callers.session_id"
            " and s.closed_at is not null)",
            blank=True,
        ),
    ).exported("session_callers", "session_id"),
    table(
        "license_machines",
        "what people call the machines of a node-locked licence",
        personal="name",
        id="license_id fingerprint_digest organization_id",
        of_organization=OWN,
        erasing=Erasing.DELETE,
    ).exported("machines", "license_id, fingerprint_digest"),
    table(
        "seat_rule_names",
        "who the digests of seat rules are",
        personal="name",
        id="license_id member organization_id",
        of_person=_IS_ADDRESS.format("name"),
        of_organization=OWN,
        erasing=Erasing.DELETE,
    ).exported("seat_rule_names", "license_id, member"),
    table(
        "usage_subjects",
        "what people call whoever used something",
        personal="name",
        id="account_id subject",
        of_person=_IS_ADDRESS.format("name"),
        of_organization="(account_id = :organization or account_id in"
        " (select account_id from usage_claims where organization_id = :organization))",
        erasing=Erasing.DELETE,
    ).exported("usage_subjects", "account_id, subject"),
)
