"""What outsiders are told of the log: the public names of facts, and the filters that choose among them.

A name is a promise: it is never renamed and never means something else. Every kind of event has a line here or is
internal; a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from domain.aggregate import Event
from domain.api_key import ApiKey, Scope
from domain.credit_note import CreditNote
from domain.errors import InvalidRequest
from domain.invoice import Invoice
from domain.license import License
from domain.organization import Organization
from domain.overage import Overage
from domain.payment import Payment
from domain.payment_facts import Outcome
from domain.provider_facts import InvoiceStatus, SubscriptionStatus
from domain.queue_ticket import QueueTicket
from domain.quota import Quota
from domain.seat import Seat
from domain.seat_denial import SeatDenial
from domain.subscription import Subscription
from domain.webhook_endpoint import WebhookEndpoint

TEST: Final = "webhook.test"
"""What a test delivery is called; no filter chooses it."""
MOST_FILTERS = 50


class Told(NamedTuple):
    """Under which name a fact is told, and when it is at all."""

    name: str
    when: Callable[[Any], bool] = lambda _: True


def _reported_as(*statuses: InvoiceStatus) -> Callable[[Invoice.Reported], bool]:
    """Providers' reports come in any order: the first that we hear of an invoice may be that it is paid."""
    return lambda event: event.status in statuses


def _attempt_was(outcome: Outcome) -> Callable[[Payment.Attempted], bool]:
    return lambda event: event.attempt.outcome is outcome


_CHANGED = (Told("subscription.changed"),)

PUBLIC: Final[Mapping[type[Event], Sequence[Told]]] = {
    License.Issued: (Told("license.issued"),),
    License.GraceOpened: (Told("license.grace_started"),),
    License.PaymentSuspended: (Told("license.suspended"),),
    License.Suspended: (Told("license.suspended"),),
    License.PaymentRecovered: (Told("license.payment_recovered"),),
    License.Reinstated: (Told("license.reinstated"),),
    License.Revoked: (Told("license.revoked"),),
    License.Expired: (Told("license.expired"),),
    License.Resized: (Told("license.resized"),),
    License.PurchaseChanged: (Told("license.changed"),),
    License.Renewed: (Told("license.renewed"),),
    License.Extended: (Told("license.extended"),),
    License.KeyRotated: (Told("license.key_rotated"),),
    License.Transferred: (Told("license.transferred"),),
    License.MachineActivated: (Told("license.machine_activated"),),
    License.MachineDeactivated: (Told("license.machine_deactivated"),),
    License.SeatRulesSet: (Told("license.seat_rules_changed"),),
    Seat.SessionOpened: (Told("seat.taken"),),
    Seat.SessionClosed: (Told("seat.freed"),),
    SeatDenial.Denied: (Told("seat.denied"),),
    QueueTicket.Taken: (Told("queue_ticket.taken"),),
    QueueTicket.Collected: (Told("queue_ticket.collected"),),
    QueueTicket.Lapsed: (Told("queue_ticket.lapsed"),),
    QueueTicket.Left: (Told("queue_ticket.left"),),
    Subscription.Started: (Told("subscription.started"),),
    Subscription.PlanChanged: _CHANGED,
    Subscription.QuantityChanged: _CHANGED,
    Subscription.PeriodBegan: _CHANGED,
    Subscription.TrialSet: _CHANGED,
    Subscription.CancellationSet: _CHANGED,
    Subscription.StatusChanged: (
        *_CHANGED,
        Told("subscription.ended", lambda event: event.status is SubscriptionStatus.CANCELED),
    ),
    Subscription.HeldChangeSet: _CHANGED,
    Subscription.PlannedChangeSet: (Told("subscription.changed", lambda event: event.change or event.was_planned),),
    Subscription.TrialEnding: (Told("subscription.trial_ending"),),
    Subscription.RenewalComing: (Told("subscription.renewal_coming"),),
    Subscription.EndComing: (Told("subscription.end_coming"),),
    Subscription.PaymentDisputed: (Told("subscription.payment_disputed"),),
    Subscription.Transferred: (Told("subscription.transferred"),),
    Invoice.Reported: (
        Told("invoice.created"),
        Told("invoice.finalized", _reported_as(InvoiceStatus.OPEN)),
        Told("invoice.paid", _reported_as(InvoiceStatus.PAID)),
        Told("invoice.voided", _reported_as(InvoiceStatus.VOID)),
        Told("invoice.uncollectible", _reported_as(InvoiceStatus.UNCOLLECTIBLE)),
    ),
    Invoice.Amended: (Told("invoice.changed"),),
    Invoice.Finalized: (Told("invoice.finalized"),),
    Invoice.Paid: (Told("invoice.paid"),),
    Invoice.Voided: (Told("invoice.voided"),),
    Invoice.WrittenOff: (Told("invoice.uncollectible"),),
    Invoice.PaymentFailed: (Told("invoice.payment_failed"),),
    Invoice.Refunded: (Told("invoice.refunded"),),
    Invoice.Transferred: (Told("invoice.transferred"),),
    CreditNote.Reported: (Told("credit_note.created"),),
    CreditNote.Amended: (Told("credit_note.changed"),),
    CreditNote.Voided: (Told("credit_note.voided"),),
    CreditNote.Transferred: (Told("credit_note.transferred"),),
    Payment.Attempted: (
        Told("payment.succeeded", _attempt_was(Outcome.SUCCEEDED)),
        Told("payment.failed", _attempt_was(Outcome.FAILED)),
    ),
    Payment.RefundReported: (Told("payment.refund_changed"),),
    Payment.DisputeReported: (Told("payment.dispute_changed"),),
    Payment.Transferred: (Told("payment.transferred"),),
    Quota.Warned: (Told("quota.warned"),),
    Quota.Reached: (Told("quota.reached"),),
    Quota.Granted: (Told("quota.granted"),),
    Quota.Reset: (Told("quota.reset"),),
    Overage.Settled: (Told("overage.settled"),),
    Overage.Closed: (Told("overage.closed"),),
    Organization.Registered: (Told("organization.created"),),
    Organization.Adopted: (Told("organization.created"),),
    Organization.Merged: (Told("organization.merged"),),
    ApiKey.Issued: (Told("api_key.issued"),),
    ApiKey.Rotated: (Told("api_key.rotated"),),
    ApiKey.Restricted: (Told("api_key.restricted"),),
    ApiKey.Revoked: (Told("api_key.revoked"),),
    WebhookEndpoint.Disabled: (Told("webhook_endpoint.disabled"),),
}

INTERNAL_KINDS: Final = frozenset(
    {
        *("billing_account", "consent_record", "custody", "mail_address", "mail_resend", "meter", "plan"),
        *("policy_book", "price_book", "product", "provider_desk", "provider_event", "sign_in_policy", "tax_rate"),
        *("token_grant", "usage_subject", "user", "vendor", "webhook_endpoint"),
    }
)
"""Aggregates whose facts are not told, but for those above: what the vendor does himself, how reports are processed,
what is about one person."""
INTERNAL: Final[frozenset[type[Event]]] = frozenset(
    {
        Subscription.Entitled,
        Subscription.Reported,
        Subscription.PeriodLearned,
        Subscription.PaymentFailed,  # told as invoice.payment_failed
        Subscription.InvoiceSettled,  # told as invoice.paid
        Subscription.PaymentRefunded,  # told as invoice.refunded
        Subscription.RefundFailed,  # told as payment.refund_changed
        Subscription.RemindersPlanned,
        Invoice.Confirmed,
        Invoice.Itemized,
        Invoice.PaymentAdded,
        Invoice.CreditNoteAdded,  # told as credit_note.created
        Invoice.Doubted,
        CreditNote.Confirmed,
        Payment.Opened,
        Payment.Stood,
        Payment.Applied,  # told as invoice.paid
        Payment.ChargeRefunded,  # told as invoice.refunded
        Payment.FundsMoved,
        Organization.Renamed,
        Organization.TimeZoneSet,
        Overage.Begun,  # told when it is settled
        Overage.TermsChanged,
        Quota.Opened,  # told as what it was opened for
        # who may act for an organization is about persons
        Organization.ContactSet,
        Organization.OwnerRecognized,
        Organization.MemberInvited,
        Organization.InvitationWithdrawn,
        Organization.MemberJoined,
        Organization.RoleChanged,
        Organization.MemberRemoved,
        Organization.MemberLeft,
        Organization.OwnershipTransferred,
        Organization.MemberErased,
    }
)

MEANINGS: Final[Mapping[str, str]] = {
    "license.issued": "A licence was issued, for a subscription or by hand.",
    "license.grace_started": "A payment failed; the licence works on until `grace_ends_at`.",
    "license.suspended": "The licence stopped working: the vendor suspended it, or payments failed.",
    "license.payment_recovered": "The payments are in order again; they hold the licence back no longer.",
    "license.reinstated": "The vendor lifted what held the licence back.",
    "license.revoked": "The licence was ended for good.",
    "license.expired": "The licence's time ran out.",
    "license.resized": "The vendor set another number of seats.",
    "license.changed": "The subscription moved to another plan or buys another number of seats.",
    "license.renewed": "A period was paid; the licence has another end.",
    "license.extended": "The vendor moved the licence's end.",
    "license.key_rotated": "The licence has a new key; the old one stopped working.",
    "license.transferred": "The licence went over to another organization; its new owner is told.",
    "license.machine_activated": "A machine was bound to a node-locked licence.",
    "license.machine_deactivated": "A machine was let go of by a node-locked licence.",
    "license.seat_rules_changed": "Other rules say who may sit on the licence's seats.",
    "seat.taken": "A machine took a seat.",
    "seat.freed": "A session left its seat, or was made to.",
    "seat.denied": "Somebody asked for a seat and got none; told once a minute for each machine and reason.",
    "queue_ticket.taken": "Somebody took a place in the queue for a seat.",
    "queue_ticket.collected": "The one who waited has a seat.",
    "queue_ticket.lapsed": "A place in the queue lapsed.",
    "queue_ticket.left": "A place in the queue was given up.",
    "subscription.started": "A subscription began.",
    "subscription.changed": "Plan, quantity, period, trial, end, status or plans changed; told once for each report.",
    "subscription.ended": "The subscription is over.",
    "subscription.trial_ending": "The trial ends in a few days.",
    "subscription.renewal_coming": "A new period begins soon, as long before as the plan says.",
    "subscription.end_coming": "The subscription, which is cancelled, ends soon.",
    "subscription.payment_disputed": "A payment was disputed at the bank, or the dispute was decided.",
    "subscription.transferred": "The subscription went over to another organization; its new owner is told.",
    "invoice.created": "We heard of the invoice for the first time, in whatever state.",
    "invoice.changed": "Its sums or dates changed.",
    "invoice.finalized": "The invoice was sent out and waits for its payment.",
    "invoice.paid": "The invoice was paid.",
    "invoice.voided": "The invoice was voided; nobody has to pay it.",
    "invoice.uncollectible": "The invoice was written off.",
    "invoice.payment_failed": "An attempt to collect the invoice failed.",
    "invoice.refunded": "A part of a payment, or all of it, went back.",
    "invoice.transferred": "The invoice went over to another organization; its new owner is told.",
    "credit_note.created": "A credit note took something of an invoice back.",
    "credit_note.changed": "The sums of a credit note changed.",
    "credit_note.voided": "The credit note was voided; it takes nothing back.",
    "credit_note.transferred": "The credit note went over to another organization; its new owner is told.",
    "payment.succeeded": "An attempt to collect a payment succeeded.",
    "payment.failed": "An attempt to collect a payment failed.",
    "payment.refund_changed": "A refund of the payment was asked for, arrived, or failed.",
    "payment.dispute_changed": "The payment was disputed at the bank, or a dispute moved on.",
    "payment.transferred": "The payment went over to another organization; its new owner is told.",
    "quota.warned": "So much of a limit is used that the plan warns of it.",
    "quota.reached": "All that a limit allows is used.",
    "quota.granted": "The vendor allowed more for the present period.",
    "quota.reset": "The vendor set back what was used in the present period.",
    "overage.settled": "A period is over in which more was used than is included, and what that costs.",
    "overage.closed": "No record of that period is taken in any more, and what late ones have changed.",
    "organization.created": "An organization registered, or was made for a provider's customer.",
    "organization.merged": "The organization became one with another.",
    "api_key.issued": "An API key was issued.",
    "api_key.rotated": "An API key has a new secret.",
    "api_key.restricted": "An API key has another end, or may be used from other addresses.",
    "api_key.revoked": "An API key was revoked.",
    "webhook_endpoint.disabled": "An endpoint is told nothing more; other endpoints are told that.",
}
"""Every public name, and what it means."""

GATHERED: Final = frozenset({"subscription.changed"})
"""Told once for everything that one report has changed, not once for each change."""

_SCOPES: Final[Mapping[str, Scope]] = {
    "license": Scope.LICENSES_READ,
    "seat": Scope.LICENSES_READ,
    "queue_ticket": Scope.LICENSES_READ,
    "subscription": Scope.SUBSCRIPTIONS_READ,
    "invoice": Scope.INVOICES_READ,
    "credit_note": Scope.INVOICES_READ,
    "payment": Scope.INVOICES_READ,
    "quota": Scope.USAGE_READ,
    "overage": Scope.USAGE_READ,
    "organization": Scope.WEBHOOKS,
    "api_key": Scope.API_KEYS,
    "webhook_endpoint": Scope.WEBHOOKS,
}


def names_of(event: Event) -> list[str]:
    """Under which names this fact is told; none: not at all."""
    return [told.name for told in PUBLIC.get(type(event), ()) if told.when(event)]


def checked_filters(filters: Iterable[str]) -> tuple[str, ...]:
    """Names, or beginnings of names that end in `*`, without repetition and in order. `InvalidRequest` for one that
    chooses nothing, or for none or too many."""
    wanted = tuple(sorted(set(filters)))
    if not 1 <= len(wanted) <= MOST_FILTERS:
        raise InvalidRequest.field("types", f"name 1 to {MOST_FILTERS}")
    if unknown := [each for each in wanted if not any(chooses([each], name) for name in MEANINGS)]:
        raise InvalidRequest.field("types", f"there is no event {', '.join(unknown)[:200]}; docs/outbound-webhooks.md")
    return wanted


def chooses(filters: Iterable[str], name: str) -> bool:
    """Whether one of the filters chooses this name."""
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in filters)


def topics_of(filters: Sequence[str]) -> frozenset[str]:
    """The stored kinds of events that the filters may choose."""
    return frozenset(kind.topic() for kind, told in PUBLIC.items() if any(chooses(filters, each.name) for each in told))


def scopes_of(filters: Sequence[str]) -> frozenset[Scope]:
    """What one must be allowed to read to be told of what the filters choose."""
    return frozenset(_SCOPES[name.split(".")[0]] for name in MEANINGS if chooses(filters, name))
