"""The tables that are built from the log, which names nobody, and can be built again."""

from __future__ import annotations

from adapters.data_inventory.people import OWN, THEIRS
from adapters.data_inventory.table import table

_OF_INVOICES = "invoice_id in (select invoice_id from invoices where organization_id = :organization)"
_OF_PAYMENTS = "payment_id in (select payment_id from payments where organization_id = :organization)"
_OF_SUBSCRIPTIONS = (
    "subscription_id in (select subscription_id from subscriptions where organization_id = :organization)"
)
_OF_ACCOUNTS = (
    "(account_id = :organization or account_id in"
    " (select account_id from usage_claims where organization_id = :organization))"
)
_OF_SERIES = f"series in (select series from usage_series where {_OF_ACCOUNTS})"

READ_MODELS = (
    table(
        "billing_accounts",
        "whose customers at payment providers are",
        id="account_id organization_id customer",
        other="position provider basis deleted linked_at",
        of_organization=OWN,
    ).exported("billing_accounts", "position"),
    table(
        "provider_commands",
        "what payment providers were asked to do",
        id="command_id desk_id organization_id reference",
        other="position kind number status reason asked_at ended_at",
        of_organization=OWN,
    ).exported("provider_commands", "position"),
    table(
        "planned_changes",
        "changes of subscriptions at the end of a period",
        id="subscription_id schedule",
        other="at plan plan_version price seats",
        of_organization=_OF_SUBSCRIPTIONS,
    ).exported("planned_changes", "subscription_id"),
    table(
        "held_changes",
        "changes of subscriptions that wait for a payment",
        id="subscription_id invoice_id",
        other="at plan plan_version price seats",
        of_organization=_OF_SUBSCRIPTIONS,
    ).exported("held_changes", "subscription_id"),
    table(
        "users",
        "that people are there and how they stand",
        id="user_id organization_id",
        other="position status registered_at verified_at erased_at",
        of_person=THEIRS,
    ),
    table(
        "organizations", "that they are there", id="organization_id", other="position origin since", of_organization=OWN
    ).exported("organization", "organization_id"),
    table(
        "overages",
        "what was used above limits that bill",
        id="overage_id organization_id subscription_id",
        other="position meter per period_start period_end closes_at due_at status product plan unit_price currency"
        " used included overage amount",
        of_organization=OWN,
    ).exported("overages", "position"),
    table(
        "consents",
        "who agreed to which version of a policy, and took it back",
        id="record_id user_id organization_id withdrawn_by",
        other="position policy version given_at withdrawn_at",
        of_person=THEIRS,
        of_organization=OWN,
    ).exported("consents", "position", hide="record_id"),
    table(
        "licenses",
        "licences as they are",
        id="license_id organization_id subscription_id",
        other="position key_hint product plan plan_version seats overage machines_limit machines_used features limits"
        " issued_at expires_at payment_standing payment_reason payment_until held_by_payment vendor_hold"
        " revoked_reason",
        of_organization=OWN,
    ).exported("licenses", "position"),
    table(
        "seat_sessions",
        "when which machine sat on which seat",
        id="session_id license_id organization_id fingerprint_digest",
        other="position seat opened_at overage borrowed_until closed_at reason",
        of_organization=OWN,
    ).exported("seat_sessions", "position"),
    table("seats_taken", "how many sit", id="license_id", other="taken"),
    table(
        "subscriptions",
        "running purchases",
        id="subscription_id organization_id provider_id",
        other="position provider plan plan_version price quantity status period_start period_end trial_end cancel_at"
        " ended_at started_at",
        of_organization=OWN,
    ).exported("subscriptions", "position"),
    table(
        "invoices",
        "the figures of invoices",
        id="invoice_id organization_id subscription_id provider_id",
        other="position provider number status currency subtotal tax total amount_due amount_paid discount shipping"
        " credits balance_applied amount_remaining amount_overpaid credited_before_payment credited_after_payment"
        " refunds period_start period_end attempts next_attempt_at issued_at paid_at due_at voided_at"
        " reason seller doubts",
        of_organization=OWN,
    ).exported("invoices", "position"),
    table(
        "payments",
        "payments, refunds, disputes",
        id="movement_id payment_id organization_id provider_id charge",
        other="kind provider known_at happened_at status amount currency method reason stage answer_by progress"
        " asked_amount asked_currency",
        of_organization=OWN,
    ).exported("payments", "movement_id"),
    table(
        "payment_attempts",
        "attempts to pay",
        id="payment_id charge",
        other="outcome amount currency attempted_at method reason seen",
        of_organization=_OF_PAYMENTS,
    ).exported("payment_attempts", "payment_id, charge"),
    table(
        "payment_applications",
        "which payment pays which invoice",
        id="payment_id invoice_id",
        other="status amount_requested amount_paid currency paid_at",
        of_organization=_OF_PAYMENTS,
    ).exported("payment_applications", "payment_id, invoice_id"),
    table(
        "failed_payments",
        "failed attempts, for the overview",
        id="invoice_id",
        other="attempt failed_at",
        of_organization=_OF_INVOICES,
    ),
    table(
        "daily_counts",
        "what happened on a day",
        id="organization_id",
        other="day what count",
        of_organization=OWN,
    ).exported("daily_counts", "day, what"),
    table(
        "provider_events",
        "webhooks of payment providers, without what they say",
        id="provider_event_id event consequences",
        other="position provider type occurred_at received_at status changed_at waiting_for problem remarks",
    ),
    table(
        "deadlines",
        "what a licence's time ends",
        id="license_id subscription_id",
        other="position payment_kind payment_until ends_at",
    ),
    table(
        "reminders",
        "when a customer is to be reminded",
        id="stream_id",
        other="stream position due_at",
    ),
    table(
        "audit_index",
        "where events are in the log",
        id="stream_id organization_id actor",
        other="position stream version type occurred_at cause",
        of_organization=OWN,
    ),
    table(
        "usage_series",
        "what was used, by meter and axis",
        id="series account_id value",
        other="meter axis",
        of_organization=_OF_ACCOUNTS,
    ).exported("usage_series", "series"),
    table(
        "usage_buckets",
        "how much in which time",
        id="series",
        other="width start total records peak latest latest_at latest_position",
        of_organization=_OF_SERIES,
    ).exported("usage", "series, width::text, start"),
    table(
        "usage_values",
        "digests of distinct values",
        id="series counted",
        other="width start",
        of_organization=_OF_SERIES,
    ),
    table("products", "the catalogue", other="product_id position code name license_key_prefix"),
    table("plans", "the catalogue", other="plan_id position code product current_version withdrawn"),
    table(
        "plan_versions",
        "the catalogue",
        other="plan version position published_at name trial_days seats_per_unit entitlements prices lowest_price"
        " notices",
    ),
)
