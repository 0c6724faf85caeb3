"""Every kind of mail, and who may do without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from domain.problems import Problem, check_distinct


class MailKind(StrEnum):
    """The value is part of message ids, of the mail log and of stored events: never rename one."""

    VERIFY_EMAIL = "verify_email"
    WELCOME = "welcome"
    RESET_PASSWORD = "reset_password"
    PASSWORD_CHANGED = "password_changed"
    SIGN_IN_LINK = "sign_in_link"
    SIGN_IN_SLOWED = "sign_in_slowed"
    NEW_DEVICE = "new_device"
    CONFIRM_NEW_EMAIL = "confirm_new_email"
    EMAIL_CHANGING = "email_changing"
    EMAIL_CHANGED = "email_changed"
    SIGN_IN_CHANGED = "sign_in_changed"
    INVITATION = "invitation"
    MEMBER_ROLE_CHANGED = "member_role_changed"
    MEMBER_REMOVED = "member_removed"
    OWNERSHIP_RECEIVED = "ownership_received"
    OWNERSHIP_TRANSFERRED = "ownership_transferred"
    ACCOUNT_DELETION_SCHEDULED = "account_deletion_scheduled"
    ACCOUNT_DELETION_NEAR = "account_deletion_near"
    ORGANIZATION_DELETION_SCHEDULED = "organization_deletion_scheduled"
    ORGANIZATION_DELETION_NEAR = "organization_deletion_near"
    LICENSE_ISSUED = "license_issued"
    LICENSE_SUSPENDED = "license_suspended"
    LICENSE_REINSTATED = "license_reinstated"
    LICENSE_REVOKED = "license_revoked"
    SUBSCRIPTION_CONFIRMED = "subscription_confirmed"
    SUBSCRIPTION_RENEWED = "subscription_renewed"
    SUBSCRIPTION_CHANGED = "subscription_changed"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    CANCELLATION_WITHDRAWN = "cancellation_withdrawn"
    SUBSCRIPTION_ENDING = "subscription_ending"
    SUBSCRIPTION_ENDED = "subscription_ended"
    SUBSCRIPTION_PAUSED = "subscription_paused"
    SUBSCRIPTION_RESUMED = "subscription_resumed"
    TRIAL_ENDING = "trial_ending"
    RENEWAL_NOTICE = "renewal_notice"
    CARD_EXPIRING = "card_expiring"
    INVOICE_ISSUED = "invoice_issued"
    INVOICE_PAID = "invoice_paid"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_FAILED_URGENT = "payment_failed_urgent"
    PAYMENT_DISPUTED = "payment_disputed"
    REFUND_ISSUED = "refund_issued"
    REFUND_FAILED = "refund_failed"
    CREDIT_NOTE_ISSUED = "credit_note_issued"
    QUOTA_WARNING = "quota_warning"
    QUOTA_REACHED = "quota_reached"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint_disabled"


REMINDERS = frozenset({MailKind.RENEWAL_NOTICE, MailKind.SUBSCRIPTION_ENDING, MailKind.CARD_EXPIRING})
"""Convenience, and no notice that the law or the card networks ask for: the reader may have no more of them."""
_ALWAYS = frozenset(
    {
        *(MailKind.VERIFY_EMAIL, MailKind.WELCOME, MailKind.RESET_PASSWORD, MailKind.PASSWORD_CHANGED),
        *(MailKind.SIGN_IN_LINK, MailKind.SIGN_IN_SLOWED, MailKind.NEW_DEVICE, MailKind.SIGN_IN_CHANGED),
        *(MailKind.CONFIRM_NEW_EMAIL, MailKind.EMAIL_CHANGING, MailKind.EMAIL_CHANGED),
        *(MailKind.INVITATION, MailKind.MEMBER_ROLE_CHANGED, MailKind.MEMBER_REMOVED),
        *(MailKind.OWNERSHIP_RECEIVED, MailKind.OWNERSHIP_TRANSFERRED),
        *(MailKind.ACCOUNT_DELETION_SCHEDULED, MailKind.ACCOUNT_DELETION_NEAR),
        *(MailKind.ORGANIZATION_DELETION_SCHEDULED, MailKind.ORGANIZATION_DELETION_NEAR),
        *(MailKind.LICENSE_ISSUED, MailKind.WEBHOOK_ENDPOINT_DISABLED),
    }
)
CHOOSABLE = frozenset(MailKind) - _ALWAYS
"""About a product: its vendor may leave them out, e.g. since another system sends them. Not what a person needs to get
in, nor the licence key, which goes nowhere else."""


def problems_of_choice(path: str, kinds: Iterable[str]) -> Iterator[Problem]:
    """What is wrong with kinds of mail that a vendor leaves out."""
    kinds = tuple(kinds)
    for kind in kinds:
        if kind not in CHOOSABLE:
            yield Problem(
                f"{path}.{kind}", f"is no mail that may be left out; there are {', '.join(sorted(CHOOSABLE))}"
            )
    yield from check_distinct(path, kinds)
