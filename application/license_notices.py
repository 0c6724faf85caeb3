"""Mails about licences: the key, what failed payments come to, suspension and return, the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.license_document import license_file_document
from application.notices import Writer
from application.store import Store
from domain.invoice import Invoice
from domain.license import License, Status
from domain.mail_kinds import MailKind
from domain.money import Money
from domain.notice import Draft, File
from domain.payment import Payment, PaymentStatus
from domain.provider_facts import DisputeOutcome
from domain.standing import UNPAID, PaymentStanding
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.license_keys import LicenseKeys
    from application.purchases import Purchases

_HELD = (License.PaymentSuspended, License.Suspended, License.Revoked)


class LicenseNotices:
    """What is told is how the licence stands when it is told; what something newer has overtaken is left to the newer
    mail."""

    def __init__(
        self,
        store: Store,
        purchases: Purchases,
        keys: LicenseKeys,
        license_file: Callable[[Mapping[str, Any]], bytes],
        file_name: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._store = store
        self._purchases = purchases
        self._keys = keys
        self._license_file = license_file
        self._file_name = file_name
        self._clock = clock

    @property
    def writers(self) -> Mapping[str, Writer]:
        return {
            "license_issued": self._issued,
            "payment_failed": self._payment_failed,
            "payment_failed_urgent": self._payment_failed,
            "license_suspended": self._suspended,
            "license_reinstated": self._reinstated,
            "license_revoked": self._revoked,
        }

    def _issued(self, event: License.Issued) -> Draft | None:
        license = self._store.fetch(License, event.originator_id)
        if license.revoked_reason is not None:
            return None
        name = self._file_name(license.terms.product)
        context = {
            "license_key": self._keys.reveal(license).text,
            "seats": license.terms.seats,
            "file_name": name,
            "expires_at": license.expires_at,
            "manage_url": self._purchases.manage_url(license.subscription_id),
        }
        content = self._license_file(license_file_document(license, now=self._clock.now()))
        return self._purchases.draft(MailKind.LICENSE_ISSUED, license, context, files=(File(name, content),))

    def _payment_failed(self, event: License.GraceOpened) -> Draft | None:
        license = self._store.fetch(License, event.originator_id)
        until = license.payment.until
        if not _same_failure(license, event.payment) or until is None or until <= self._clock.now():
            return None  # paid, or failed again, in the meantime; or the time is over
        if _same_failure(self._before(event), event.payment):
            return None  # the same failure from another report, which says more exactly when it was
        invoice = self._unpaid_invoice(license)
        pay_url = self._purchases.pay_url(invoice.id) if invoice else None
        tried_again_at = invoice.next_attempt_at if invoice else None
        context = {
            "amount": self._owed(license, invoice),
            "attempt": event.payment.attempt,
            "works_until": until,
            "next_attempt_at": tried_again_at if tried_again_at and tried_again_at < until else None,
            "confirms": pay_url and self._waits_for_word(invoice),
            "pay_url": pay_url or self._purchases.manage_url(license.subscription_id),
        }
        if context["amount"] is None:
            return None
        kind = MailKind.PAYMENT_FAILED if event.payment.attempt <= 1 else MailKind.PAYMENT_FAILED_URGENT
        fact = f"{event.payment.attempt}/{until:%Y-%m-%d}"
        return self._purchases.draft(kind, license, context, thread=invoice.id if invoice else None, fact=fact)

    def _suspended(self, event: License.PaymentSuspended | License.Suspended) -> Draft | None:
        license, before = self._store.fetch(License, event.originator_id), self._before(event)
        reason, told = license.suspended_reason, before.suspended_reason
        if license.status(self._clock.now()) is not Status.SUSPENDED or reason is None:
            return None
        if _same(reason, told) or not _same(reason, _reason_of(event)):
            return None  # told before, or to be told by a newer fact
        invoice = self._unpaid_invoice(license)
        context = {"suspended_at": event.timestamp, "reason": reason, "pay_url": None}
        if reason == "subscription_paused":
            return self._paused(license, event)
        if reason == "payment_disputed":
            return self._disputed(license, event)
        if reason in UNPAID:
            context["pay_url"] = self._purchases.pay_url(invoice.id if invoice else None) or (
                self._purchases.manage_url(license.subscription_id)
            )
        return self._purchases.draft(
            MailKind.LICENSE_SUSPENDED, license, context, thread=invoice.id if invoice else None
        )

    def _paused(self, license: License, event: Any) -> Draft | None:
        subscription = self._subscription(license)
        trial_end = subscription.terms.trial_end if subscription else None
        context = {
            "paused_at": event.timestamp,
            "trial_ended": "yes" if trial_end and subscription and subscription.payments.last_paid_at is None else None,
            "manage_url": self._purchases.manage_url(license.subscription_id),
        }
        return self._purchases.draft(MailKind.SUBSCRIPTION_PAUSED, license, context)

    def _disputed(self, license: License, event: Any) -> Draft | None:
        invoice, dispute = next(self._disputes(license), (None, None))
        context = {
            "disputed_at": dispute.disputed_at if dispute else event.timestamp,
            "amount": Money(dispute.amount, dispute.currency) if dispute else None,
            "number": invoice.issue.number if invoice else None,
        }
        thread = invoice.id if invoice else None
        return self._purchases.draft(MailKind.PAYMENT_DISPUTED, license, context, thread=thread)

    def _reinstated(self, event: License.PaymentRecovered | License.Reinstated) -> Draft | None:
        license, before = self._store.fetch(License, event.originator_id), self._before(event)
        reason = before.suspended_reason
        if reason is None or self._held_since(event) or not license.status(self._clock.now()).works:
            return None  # it worked all the time, or does not any more
        subscription = self._subscription(license)
        if reason == "subscription_paused" and subscription is not None:
            context = {
                "seats": license.terms.seats,
                "next_charge_at": subscription.terms.period_end,
                "manage_url": self._purchases.manage_url(subscription.id),
            }
            return self._purchases.draft(MailKind.SUBSCRIPTION_RESUMED, license, context)
        context = {"seats": license.terms.seats, "expires_at": license.expires_at}
        thread = self._settled_with(event, subscription)
        return self._purchases.draft(MailKind.LICENSE_REINSTATED, license, context, thread=thread)

    def _revoked(self, event: License.Revoked) -> Draft | None:
        license = self._store.fetch(License, event.originator_id)
        subscription = self._subscription(license)
        if event.reason != "canceled" or subscription is None:
            context = {"reason": event.reason, "revoked_at": event.timestamp}
            return self._purchases.draft(MailKind.LICENSE_REVOKED, license, context)
        context = {
            "ended_at": subscription.terms.ended_at or event.timestamp,
            "unpaid": "yes" if subscription.overdue else None,
            "manage_url": self._purchases.manage_url(subscription.id),
        }
        return self._purchases.draft(MailKind.SUBSCRIPTION_ENDED, license, context)

    # what the licence was, and what hangs on it

    def _before(self, event: Any) -> License:
        """The licence just before an event."""
        return self._store.fetch(License, event.originator_id, version=event.originator_version - 1)

    def _held_since(self, event: Any) -> bool:
        later = self._store.events.get(event.originator_id, gt=event.originator_version)
        return any(isinstance(each, _HELD) for each in later)

    def _subscription(self, license: License) -> Subscription | None:
        return self._store.find(Subscription, license.subscription_id) if license.subscription_id else None

    def _unpaid_invoice(self, license: License) -> Invoice | None:
        return self._purchases.overdue(self._subscription(license))

    def _owed(self, license: License, invoice: Invoice | None) -> Money | None:
        """The price of the plan when no invoice of it was reported."""
        if invoice is not None:
            return Money(invoice.figures.remaining, invoice.figures.currency)
        subscription = self._subscription(license)
        price = self._purchases.price(subscription) if subscription else None
        return price.money if price else None

    def _waits_for_word(self, invoice: Invoice | None) -> str | None:
        """Whether the bank waits for the customer to confirm the payment."""
        payments = self._store.find_all(Payment, invoice.payments) if invoice else []
        return "yes" if any(each.status is PaymentStatus.ACTION_REQUIRED for each in payments) else None

    def _disputes(self, license: License) -> Iterator[tuple[Invoice, Any]]:
        """The open disputes about what was paid for the licence, each with its invoice."""
        subscription = self._subscription(license)
        invoices = self._store.find_all(Invoice, subscription.payments.settled) if subscription else []
        payments = self._store.find_all(Payment, (id for invoice in invoices for id in invoice.payments))
        of = {invoice.id: invoice for invoice in invoices}
        for payment in payments:
            for dispute in payment.disputes.values():
                if dispute.outcome is DisputeOutcome.OPEN:
                    yield from ((of[id], dispute) for id in payment.applications if id in of)

    def _settled_with(self, event: Any, subscription: Subscription | None) -> UUID | None:
        """The invoice whose payment is what happened: it was stored together with the event."""
        if subscription is None:
            return None
        settled = (e for e in self._store.events.get(subscription.id) if isinstance(e, Subscription.InvoiceSettled))
        return next((each.invoice_id for each in settled if each.timestamp == event.timestamp), None)


def _same_failure(license: License, payment: PaymentStanding) -> bool:
    return (license.payment.standing, license.payment.attempt) == (payment.standing, payment.attempt)


def _reason_of(event: License.PaymentSuspended | License.Suspended) -> str | None:
    return event.reason if isinstance(event, License.Suspended) else event.payment.reason


def _same(reason: str, other: str | None) -> bool:
    return reason == other or {reason, other} <= UNPAID
