"""What has to be done because of a fact, outside of the log: the one table from events to errands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from domain.aggregate import Event
from domain.billing_account import BillingAccount
from domain.credit_note import CreditNote
from domain.custody import Custody
from domain.invoice import Invoice
from domain.license import License
from domain.mail_resend import MailResend
from domain.organization import Organization
from domain.overage import Overage
from domain.provider_facts import InvoiceStatus
from domain.quota import Quota
from domain.sign_in import LinkCause
from domain.subscription import Subscription
from domain.user import User
from domain.webhook_endpoint import DisabledReason, WebhookEndpoint

CLAIM_ACCOUNT = "claim_account"
CLAIM_PURCHASES = "claim_purchases"
END_SESSIONS = "end_sessions"
BILL_OVERAGE = "bill_overage"  # a line of the next invoice for what was used above a limit
REMOVE_ENDPOINTS = "remove_endpoints"  # webhooks of an organization whose last person was erased
MAIL_ACCOUNT = "mail_account"  # what happened before an address was known
RESEND = "resend"  # a mail that somebody asked for once more
MAIL = "mail/"


def mail(kind: str) -> str:
    """The errand that sends the mail that a fact demands: what is said in the end may be of another kind."""
    return f"{MAIL}{kind}"


_Errands = Callable[[Any], list[str]]


def _always(*tasks: str) -> _Errands:
    return lambda event: list(tasks)


def _grace(event: License.GraceOpened) -> list[str]:
    return [mail("payment_failed" if event.payment.attempt <= 1 else "payment_failed_urgent")]


def _cancellation(event: Subscription.CancellationSet) -> list[str]:
    return [mail("subscription_cancelled" if event.cancel_at else "cancellation_withdrawn")]


def _started(event: Subscription.Started) -> list[str]:
    return [mail("subscription_confirmed")] if event.terms.status.entitles else []


def _invoice(event: Invoice.Reported) -> list[str]:
    """The first that is heard of an invoice may be that it is paid."""
    if event.status is InvoiceStatus.PAID:
        return [mail("invoice_paid")]
    return [mail("invoice_issued")] if event.status is InvoiceStatus.OPEN else []


def _bill(event: Overage.Settled | Overage.Closed) -> list[str]:
    return [BILL_OVERAGE] if event.amount else []


def _disabled(event: WebhookEndpoint.Disabled) -> list[str]:
    return [] if event.reason is DisabledReason.BY_HAND else [mail("webhook_endpoint_disabled")]


def _sign_in_link(event: User.SignInLinkRequested) -> list[str]:
    return [mail("sign_in_link" if event.cause is LinkCause.ASKED_FOR else "sign_in_slowed")]


ERRANDS: Mapping[type[Event], _Errands] = {
    User.Registered: _always(mail("verify_email")),
    User.EmailVerified: _always(CLAIM_PURCHASES, mail("welcome")),
    User.PasswordResetRequested: _always(mail("reset_password")),
    User.PasswordChanged: _always(mail("password_changed")),
    User.DeletionScheduled: _always(mail("account_deletion_scheduled")),
    Custody.DeletionScheduled: _always(mail("organization_deletion_scheduled")),
    User.SignInLinkRequested: _sign_in_link,
    User.NewDeviceSignedIn: _always(mail("new_device")),
    User.EmailChangeRequested: _always(mail("confirm_new_email"), mail("email_changing")),
    User.EmailChanged: _always(mail("email_changed")),
    User.IdentityLinked: _always(mail("sign_in_changed")),
    User.IdentityUnlinked: _always(mail("sign_in_changed")),
    User.SecondFactorAdded: _always(mail("sign_in_changed")),
    User.SecondFactorRemoved: _always(mail("sign_in_changed")),
    User.RecoveryCodesRenewed: _always(mail("sign_in_changed")),
    User.RecoveryCodeUsed: _always(mail("sign_in_changed")),
    User.Erased: _always(REMOVE_ENDPOINTS),
    Organization.MemberInvited: _always(mail("invitation")),
    Organization.RoleChanged: _always(mail("member_role_changed")),
    Organization.MemberRemoved: _always(mail("member_removed")),
    Organization.OwnershipTransferred: _always(mail("ownership_received"), mail("ownership_transferred")),
    BillingAccount.ContactLearned: _always(CLAIM_ACCOUNT, MAIL_ACCOUNT),
    BillingAccount.CardExpiring: _always(mail("card_expiring")),
    Subscription.Started: _started,
    Subscription.Entitled: _always(mail("subscription_confirmed")),
    Subscription.PlanChanged: _always(mail("subscription_changed")),
    Subscription.QuantityChanged: _always(mail("subscription_changed")),
    Subscription.TrialEnding: _always(mail("trial_ending")),
    Subscription.RenewalComing: _always(mail("renewal_notice")),
    Subscription.EndComing: _always(mail("subscription_ending")),
    Subscription.CancellationSet: _cancellation,
    License.Issued: _always(mail("license_issued")),
    License.GraceOpened: _grace,
    License.PaymentSuspended: _always(END_SESSIONS, mail("license_suspended")),
    License.Suspended: _always(END_SESSIONS, mail("license_suspended")),
    License.PaymentRecovered: _always(mail("license_reinstated")),
    License.Reinstated: _always(mail("license_reinstated")),
    License.Revoked: _always(END_SESSIONS, mail("license_revoked")),
    License.Expired: _always(END_SESSIONS),
    License.Resized: _always(END_SESSIONS),
    License.PurchaseChanged: _always(END_SESSIONS),
    Invoice.Reported: _invoice,
    Invoice.Finalized: _always(mail("invoice_issued")),
    Invoice.Paid: _always(mail("invoice_paid")),
    Invoice.Refunded: _always(mail("refund_issued")),
    CreditNote.Reported: _always(mail("credit_note_issued")),
    MailResend.Asked: _always(RESEND),
    Overage.Settled: _bill,
    Overage.Closed: _bill,
    Quota.Warned: _always(mail("quota_warning")),
    Quota.Reached: _always(mail("quota_reached")),
    WebhookEndpoint.Disabled: _disabled,
}


def errands_of(event: Event) -> list[str]:
    """The names of what has to be done because of this event."""
    find = ERRANDS.get(type(event))
    return find(event) if find else []
