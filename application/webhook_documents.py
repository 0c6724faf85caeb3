"""What a webhook says of the thing that something happened to: the documents of the API, with nothing that is secret or
about a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from application.invoice_document import credit_note_document, invoice_document
from application.license_document import license_document
from application.payment_document import payment_document
from application.subscription_document import subscription_document
from domain.aggregate import Event
from domain.api_key import ApiKey
from domain.credit_note import CreditNote
from domain.invoice import Invoice
from domain.license import License
from domain.meter import shown
from domain.organization import Organization
from domain.overage import Overage
from domain.payment import Payment
from domain.queue_ticket import QueueTicket
from domain.quota import Quota
from domain.seat import Seat
from domain.seat_denial import SeatDenial
from domain.subscription import Subscription
from domain.webhook_endpoint import WebhookEndpoint

if TYPE_CHECKING:
    from application.catalog import Catalog

Document = dict[str, Any]


class WebhookDocuments:
    """`data` of a webhook: the thing under its name, as it was when the fact was stored."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._kinds: Mapping[str, Callable[[Any, Any], Document]] = {
            License.TOPIC: _license,
            Seat.TOPIC: _session,
            SeatDenial.TOPIC: _denial,
            QueueTicket.TOPIC: _ticket,
            Subscription.TOPIC: self._subscription,
            Invoice.TOPIC: lambda invoice, _: {"invoice": invoice_document(invoice)},
            CreditNote.TOPIC: lambda note, _: {"credit_note": credit_note_document(note)},
            Payment.TOPIC: lambda payment, _: {"payment": payment_document(payment)},
            Quota.TOPIC: _quota,
            Overage.TOPIC: _overage,
            Organization.TOPIC: _organization,
            ApiKey.TOPIC: _api_key,
            WebhookEndpoint.TOPIC: _endpoint,
        }

    def of(self, thing: Any, event: Event) -> Document:
        """JSON-ready but for ids and times; the same for ever, since all of it is in the log. A session is told from
        its event alone: `thing` is None."""
        return self._kinds[event.topic().split(".")[0]](thing, event)

    def _subscription(self, subscription: Subscription, event: Event) -> Document:
        purchase = subscription.purchase
        plan = self._catalog.published(purchase.plan, purchase.plan_version).terms
        return {"subscription": subscription_document(subscription, plan)}


def _license(license: License, event: Any) -> Document:
    told: Document = {"license": license_document(license, now=event.timestamp)}
    if isinstance(event, License.MachineActivated | License.MachineDeactivated):
        told["machine"] = {"fingerprint_digest": event.fingerprint_digest}
    return told


def _session(_: Seat | None, event: Any) -> Document:
    is_open = isinstance(event, Seat.SessionOpened)
    return {
        "session": {
            "session_id": event.session_id,
            "license_id": event.license_id,
            "organization_id": event.organization_id,
            "seat": event.seat,
            "state": "open" if is_open else "closed",
            "fingerprint_digest": event.fingerprint_digest if is_open else None,
            "overage": event.overage if is_open else None,
            "borrowed_until": event.borrowed_until if is_open else None,
            "reason": None if is_open else event.reason.value,
        }
    }


def _denial(denial: SeatDenial, _: Any) -> Document:
    return {
        "denial": {
            "license_id": denial.license_id,
            "organization_id": denial.organization_id,
            "fingerprint_digest": denial.fingerprint_digest,
            "reason": denial.reason.value,
            "limit": denial.limit,
            "used": denial.used,
        }
    }


def _ticket(ticket: QueueTicket, _: Any) -> Document:
    return {
        "ticket": {
            "ticket_id": ticket.id,
            "license_id": ticket.license_id,
            "organization_id": ticket.organization_id,
            "fingerprint_digest": ticket.fingerprint_digest,
            "priority": ticket.priority,
            "end": ticket.end and ticket.end.value,
            "session_id": ticket.session_id,
        }
    }


def _quota(quota: Quota, event: Any) -> Document:
    is_measured = isinstance(event, Quota.Warned | Quota.Reached)
    return {
        "quota": {
            "organization_id": quota.organization_id,
            "product": quota.product,
            "plan": quota.plan,
            "meter": quota.meter,
            "per": quota.per.value,
            "each": quota.each.value,
            "hard": quota.hard,
            "period": {"start": quota.period_start, "end": quota.period_end},
            "limit": event.limit if is_measured else None,
            "used": shown(event.used) if is_measured else None,
            "granted": quota.granted,
            "forgiven": shown(quota.forgiven),
        }
    }


def _overage(overage: Overage, event: Any) -> Document:
    """`amount` is this line's, `total` all that was asked for the period."""
    return {
        "overage": {
            "id": overage.id,
            "organization_id": overage.organization_id,
            "subscription_id": overage.terms.subscription_id,
            "product": overage.terms.product,
            "plan": overage.terms.plan,
            "meter": overage.meter,
            "per": overage.per.value,
            "period": {"start": overage.period_start, "end": overage.period_end},
            "used": shown(event.used),
            "included": event.included,
            "overage": shown(event.overage),
            "unit_price": str(event.unit_price),
            "currency": event.currency,
            "amount": event.amount,
            "total": overage.asked,
        }
    }


def _organization(organization: Organization, _: Any) -> Document:
    return {"organization": {"id": organization.id, "merged_into": organization.merged_into}}


def _api_key(key: ApiKey, _: Any) -> Document:
    return {
        "api_key": {
            "id": key.id,
            "organization_id": key.organization_id,
            "prefix": key.prefix,
            "scopes": sorted(key.scopes),
            "expires_at": key.expires_at,
            "former_secret_until": key.former_until,
            "revoked": key.revoked,
        }
    }


def _endpoint(endpoint: WebhookEndpoint, _: Any) -> Document:
    return {
        "webhook_endpoint": {
            "id": endpoint.id,
            "organization_id": endpoint.organization_id,
            "types": endpoint.types,
            "enabled": endpoint.disabled is None,
            "disabled_reason": endpoint.disabled and endpoint.disabled.value,
        }
    }
