"""The log itself, and the tables by which the engine works: about nobody, or about ids alone."""

from __future__ import annotations

from adapters.data_inventory.table import Erasing, Kept, table

_ROLLED = "what usage records that are gone count for"
_POOL = "the seat pool while Redis is away; built from the log"

ENGINE = (
    table(
        "stored_events",
        "the log: what happened, to whom by id",
        id="originator_id state actor",
        other="notification_id originator_version topic cause",
        why_kept="history names nobody: ids and digests only",
    ),
    table("follower_positions", "where followers stand", other="name position digest updated_at error failed_at"),
    table("license_keys", "finds a licence by its key", id="license_id", secret="digest"),
    table(
        "signing_keys",
        "the vendor's keys",
        secret="private_key",
        other="kid algorithm public_key created_at signs_from valid_until",
    ),
    table("provider_waiting", "which webhooks wait for what", id="waiting_for provider_event_id", other="provider"),
    table(
        "usage_records",
        "the usage log; subjects are digests",
        id="account_id subject counted key_id",
        other="position key id meter quantity at recorded_at dimensions reservation voids",
        of_organization="(account_id = :organization or account_id in"
        " (select account_id from usage_claims where organization_id = :organization))",
        why_kept="what was used is what was charged; it names nobody",
        kept=Kept("usage_records", "at", rolled_up=True),
    ).exported("usage_records", "position", hide="key reservation"),
    table("usage_rollup", "how far old usage is rolled up", other="single_row until scanned position"),
    table("usage_rolled_series", _ROLLED, id="series account_id value", other="meter axis"),
    table(
        "usage_rolled_buckets",
        _ROLLED,
        id="series",
        other="width start total records peak latest latest_at latest_position",
    ),
    table("usage_rolled_values", _ROLLED, id="series counted", other="width start"),
    table("usage_ids", "that an id was used", other="key digest position"),
    table("usage_heads", "the last record of each account", id="account_id", other="position"),
    table("usage_claims", "whose a subject is", id="account_id organization_id"),
    table("quota_rates", "what is left of rates", id="account_id", other="name paid_off"),
    table(
        "quota_reservations",
        "what was promised and not used",
        id="account_id",
        other="reservation counter meter quantity lapses_at",
    ),
    table(
        "seat_claims",
        "slots of limits, by digests",
        id="license_id name holder session_id stream",
        other="slot seat version held_until",
    ),
    table("seat_epochs", "which pool a licence's seats are in", id="license_id", other="epoch"),
    table("seat_pool_mode", "which pool is used", other="single_row pool generation since missed_at steady"),
    table("pool_holds", _POOL, id="license_id", other="until status seat_limit version"),
    table(
        "pool_licenses",
        _POOL,
        id="license_id",
        secret="key_digest",
        other="generation epoch is_loaded highest used version status seat_limit granted expires_at grace_ends_at lease"
        " resume terms document access_digest access",
    ),
    table(
        "pool_seats",
        _POOL,
        id="license_id session_id holder",
        other="seat generation state version former reason lease_ends due_at",
    ),
    table(
        "queue_tickets",
        "places in the queue of a licence, by digests",
        id="ticket_id license_id holder",
        other="priority groups taken_at ends_at is_ready",
    ),
    table("outbox", "what facts make necessary", id="stream_id", other="id task version attempts due_at error"),
    table(
        "call_rates",
        "what is left of callers' rates while Redis is away, by address",
        personal="who",
        other="paid_off",
        of_person="position(:address in lower(who)) > 0",
        erasing=Erasing.DELETE,
        kept=Kept("call_rates", "paid_off"),
    ),
    table("verifications", "what `usher events verify` found", other="id started_at finished_at ok counts findings"),
    table("retention_runs", "what retention has done", other="rule ran_at deleted total seconds is_behind"),
    table("legal_holds", "organizations whose data is held", id="organization_id customers", other="placed_at"),
    table(
        "deletions",
        "deletions that were asked for, and what became of them",
        personal="address",
        id="subject_id organization_ids customers",
        other="kind state asked_at due_at version reminded tried_at obstacle report finished_at",
        of_person="subject_id = :person",
        of_organization="subject_id = :organization",
        why_kept="the proof that it was erased; the address is forgotten when it is done",
        kept=Kept("deletions", "finished_at"),
    ).exported("deletion", "subject_id", hide="customers report"),
    table(
        "exports",
        "exports that were asked for",
        id="export_id subject_id",
        other="kind state sections section asked_at made_at claimed_until attempts error",
        of_person="subject_id = :person",
        of_organization="subject_id = :organization",
        erasing=Erasing.DELETE,
        kept=Kept("exports", "asked_at"),
    ),
    table(
        "export_parts",
        "the pieces of exports",
        personal="body",
        id="export_id",
        other="section number",
        of_person="export_id in (select export_id from exports where subject_id = :person)",
        of_organization="export_id in (select export_id from exports where subject_id = :organization)",
        erasing=Erasing.DELETE,
        erased_with="the export's own row",
    ),
    table(
        "reconciliation_places",
        "how far a provider's objects were compared",
        other="provider claimed_by claimed_until events_until events_goal events_after pass_began_at pass_kind"
        " pass_after pass_ended_at not_before",
    ),
    table(
        "reconciliation_runs",
        "comparisons with providers; deleted by their own age",
        other="run_id provider dry_run started_at ended_at outcome problem calls events objects found repaired",
    ),
    table(
        "reconciliation_drift",
        "what a provider had otherwise; deleted with its run",
        id="reference",
        other="run_id number kind what fields repaired problem",
    ),
    table("process_beats", "which processes are alive", other="kind instance beat_at"),
    table("sandbox_clock", "how far the sandbox's clock is ahead", other="single_row ahead"),
    table("migrations", "which were run", other="name ran_at"),
)
