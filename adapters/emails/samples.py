"""What previews and tests of mails are filled with: nobody's data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from adapters.emails.kinds import COMMON, CONTEXTS, MailKind
from adapters.emails.render import Frame, Letterhead, Rendered, render
from domain.mail_kinds import REMINDERS
from domain.money import Money
from domain.plan import Interval, Price

AT = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
_LATER = AT + timedelta(days=31)
LETTERHEAD = Letterhead(
    "Analytical Engines",
    ("1 Dorset Street", "London W1U 4EG", "VAT GB 123 4567 89"),
    "help@engines.example",
    "https://engines.example",
)
UNSUBSCRIBE_URL = "https://licences.example.com/mails/unsubscribe?token=sample"
SAMPLES: Mapping[str, Any] = MappingProxyType(
    {
        "recipient_name": "Ada Lovelace",
        "sender": LETTERHEAD.name,
        "link": "https://licences.example.com/go?token=eyJhbGciOiJIUzI1NiJ9.sample&next=1",
        "pay_url": "https://pay.example.com/i/acct_1A/test_2B",
        "manage_url": "https://licences.example.com/billing?token=eyJhbGciOiJIUzI1NiJ9.sample",
        "product_name": "CODITECT",
        "plan_name": "Pro",
        "former_plan_name": "Starter",
        "organization_name": "Babbage & Sons",
        "license_key": "CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6",
        "file_name": "coditect-license.json",
        "seats": 10,
        "former_seats": 3,
        **dict.fromkeys(("amount", "owed"), Money(29000, "usd")),
        "price": Price("pro-monthly", Money(29000, "usd"), Interval.MONTH),
        "attempt": 2,
        "reason": "payment_failed",
        "brand": "Visa",
        "number": "AE-0017",
        "credit_number": "AE-0017-CN-01",
        "confirms": None,
        "role": "developer",
        "device": "Firefox on Linux",
        "network": "198.51.100.0/24",
        "inviter": "grace@engines.example",
        "trial_ended": "yes",
        "unpaid": "yes",
        "meter_name": "API calls",
        "used": Decimal("8000"),
        "limit": 10_000,
        "upgrade_url": "https://licences.example.com/pricing",
        "stops": "yes",
        "goes_on": "yes",
        "endpoint": "https://hooks.example.com",
        "endpoint_id": "018f0000-0000-7000-8000-000000000002",
        "resumes_at": 4711,
        **dict.fromkeys(("changed_at", "suspended_at", "revoked_at", "paused_at", "ended_at", "disabled_at"), AT),
        **dict.fromkeys(("disputed_at", "refunded_at", "paid_at", "removed_at", "transferred_at"), AT),
        **dict.fromkeys(("signed_in_at", "asked_at"), AT),
        **dict.fromkeys(
            ("expires_at", "works_until", "next_charge_at", "trial_ends_at", "renews_at", "ends_at", "due_at"), _LATER
        ),
        "resets_at": datetime(2026, 4, 1, tzinfo=UTC),
        "next_attempt_at": AT + timedelta(days=3),
        "expires_on": datetime(2026, 3, 31, tzinfo=UTC),
    }
)
_LEFT_OUT = {
    MailKind.INVOICE_PAID: ("owed", "pay_url"),
    MailKind.SUBSCRIPTION_CONFIRMED: ("trial_ends_at", "ends_at"),
    MailKind.QUOTA_WARNING: ("goes_on",),
    MailKind.QUOTA_REACHED: ("goes_on",),
}
"""Of keys that exclude each other those that a preview does without, and what is rare."""


def sample_context(kind: MailKind, **changes: object) -> dict[str, object]:
    """A value for everything that the kind knows."""
    context = {key: SAMPLES[key] for key in CONTEXTS[kind].keys | COMMON.keys()}
    return context | dict.fromkeys(_LEFT_OUT.get(kind, ()), None) | changes


def preview(kind: MailKind, language: str) -> Rendered:
    """The mail as it would look."""
    unsubscribe_url = UNSUBSCRIBE_URL if kind in REMINDERS else None
    return render(kind, sample_context(kind), Frame(LETTERHEAD, language, unsubscribe_url))
