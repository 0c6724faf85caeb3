"""Mails, as facts demand them: who is told what. Words and layout are in adapters/emails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from application.license_document import license_file_document
from application.member_notices import MEMBER_EVENTS, MemberNotices
from application.sign_in_notices import SIGN_IN_EVENTS, SignInNotices
from application.store import Store
from domain.custody import Custody
from domain.ids import license_id_for, message_id, meter_id
from domain.invoice import Invoice
from domain.license import License, Status
from domain.meter import Meter
from domain.money import Money
from domain.notice import Notice
from domain.phrases import quantity
from domain.quota import Quota
from domain.subscription import Subscription
from domain.user import User
from domain.webhook_endpoint import WebhookEndpoint

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog
    from application.license_keys import LicenseKeys
    from application.organizations import Organizations
    from application.users import Users
    from application.webhook_notices import WebhookNotices

DELETION_EVENTS = (User.DeletionScheduled, Custody.DeletionScheduled)


class Notices:
    """Answers None when there is nothing to say any more, or nobody to say it to."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        organizations: Organizations,
        users: Users,
        members: MemberNotices,
        sign_ins: SignInNotices,
        webhooks: WebhookNotices,
        keys: LicenseKeys,
        license_file: Callable[[Mapping[str, Any]], bytes],
        file_name: Callable[[str], str],
        upgrade_url: str,
        clock: Clock,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._organizations = organizations
        self._users = users
        self._members = members
        self._sign_ins = sign_ins
        self._webhooks = webhooks
        self._keys = keys
        self._license_file = license_file
        self._file_name = file_name
        self._upgrade_url = upgrade_url
        self._clock = clock

    def of(self, kind: str, event: Any) -> Notice | None:
        """The mail of `kind` about a stored event."""
        id = message_id(event.originator_id, event.originator_version, kind)
        if isinstance(event, User.Registered | User.PasswordResetRequested | User.PasswordChanged):
            return self._to_person(id, kind, event)
        if isinstance(event, SIGN_IN_EVENTS):
            return self._sign_ins.of(id, kind, event)
        if isinstance(event, MEMBER_EVENTS):
            return self._members.of(id, kind, event)
        if isinstance(event, DELETION_EVENTS):
            return self._about_deletion(id, kind, event)
        if isinstance(event, WebhookEndpoint.Disabled):
            return self._webhooks.disabled(id, kind, event)
        if isinstance(event, Subscription.TrialEnding | Subscription.CancellationSet):
            return self._about_subscription(id, kind, event)
        if isinstance(event, Quota.Warned | Quota.Reached):
            return self._about_quota(id, kind, event)
        return self._about_license(id, kind, event)

    def issued(self, license_id: UUID) -> Notice | None:
        """The mail with the key, again if need be: its id is that of the first one."""
        license = self._store.fetch(License, license_id)
        return self._about_license(message_id(license_id, 1, "license_issued"), "license_issued", None, license)

    # people

    def _to_person(self, id: UUID, kind: str, event: Any) -> Notice | None:
        context = self._person_context(kind, event)
        if context is None:
            return None
        person = self._users.profile(event.originator_id).person
        return Notice(id, kind, person.email, person.full_name, person.user_id, person.organization_id, context)

    def _person_context(self, kind: str, event: Any) -> dict[str, Any] | None:
        if kind == "password_changed":
            if self._store.fetch(User, event.originator_id).erased:
                return None
            return {"changed_at": event.timestamp, "link": self._users.forgot_password_url()}
        find = self._users.verification_link if kind == "verify_email" else self._users.reset_link
        link = find(event.originator_id)
        return {"link": link.url, "expires_at": link.expires_at} if link else None

    def _about_deletion(self, id: UUID, kind: str, event: Any) -> Notice | None:
        """As long as it is still meant."""
        subject_id, context = event.originator_id, {"due_at": event.due_at, "what": "Your account"}
        if isinstance(event, User.DeletionScheduled):
            user = self._store.fetch(User, subject_id)
            if user.erased or user.deletion_due != event.due_at:
                return None
            person = self._users.profile(subject_id).person
            return Notice(id, kind, person.email, person.full_name, subject_id, None, context)
        custody = self._store.fetch(Custody, subject_id)
        organization_id, contact = custody.organization_id, self._organizations.contact(custody.organization_id)
        if custody.deletion_due != event.due_at or contact is None or contact.email is None:
            return None
        context["what"] = contact.company_name or str(organization_id)
        return Notice(id, kind, contact.email, contact.name or "", organization_id, organization_id, context)

    # subscriptions

    def _about_subscription(self, id: UUID, kind: str, event: Any) -> Notice | None:
        subscription = self._store.fetch(Subscription, event.originator_id)
        license = self._store.find(License, license_id_for(subscription.id))
        if license is None or not license.status(self._clock.now()).works:
            return None
        if kind == "subscription_cancelled":
            if subscription.terms.cancel_at is None:
                return None
            return self._notice(id, kind, license, {"works_until": event.cancel_at, "manage_url": None})
        price = self._catalog.plan(subscription.purchase.plan).priced(subscription.purchase.price)
        if price is None:
            return None
        amount = price.price.money.times(subscription.terms.quantity)
        return self._notice(id, kind, license, {"trial_ends_at": event.trial_end, "amount": amount, "manage_url": None})

    # limits

    def _about_quota(self, id: UUID, kind: str, event: Any) -> Notice | None:
        """Only of a period that is not over: a mail that comes late must not frighten anybody."""
        quota = self._store.fetch(Quota, event.originator_id)
        if quota.organization_id is None or (quota.period_end and quota.period_end <= self._clock.now()):
            return None
        meter = self._store.find(Meter, meter_id(quota.meter))
        context = {
            "meter_name": meter.terms.name if meter else quota.meter,
            "used": quantity(event.used),
            "limit": f"{event.limit:,}",
            "upgrade_url": self._upgrade_url,
            "resets_at": quota.period_end,
            "stops": "yes" if quota.hard else None,
            "goes_on": None if quota.hard else "yes",
        }
        plan = self._catalog.plan(quota.plan).current.name
        return self._to_organization(id, kind, quota.organization_id, quota.product, {"plan_name": plan, **context})

    # licences

    def _about_license(self, id: UUID, kind: str, event: Any, license: License | None = None) -> Notice | None:
        license = license or self._store.fetch(License, event.originator_id)
        context = getattr(self, f"_{kind}")(license, event)
        return self._notice(id, kind, license, context) if context is not None else None

    def _notice(self, id: UUID, kind: str, license: License, context: dict[str, Any]) -> Notice | None:
        plan = self._catalog.plan(license.terms.plan).terms(license.terms.plan_version)
        told = {"plan_name": plan.name, **context} if kind in _NAMES_PLAN else context
        file = self._file(license) if kind == "license_issued" else None
        return self._to_organization(id, kind, license.organization_id, license.terms.product, told, file)

    def _to_organization(
        self,
        id: UUID,
        kind: str,
        organization_id: UUID,
        product: str,
        context: dict[str, Any],
        file: bytes | None = None,
    ) -> Notice | None:
        contact = self._organizations.contact(organization_id)
        if contact is None or contact.email is None:
            return None
        names = {
            "product_name": self._catalog.product(product).name,
            "organization_name": contact.company_name or contact.name or contact.email,
        }
        return Notice(
            id,
            kind,
            contact.email,
            contact.name or "",
            organization_id,
            organization_id,
            {**names, **context},
            file,
        )

    def _file(self, license: License) -> bytes:
        return self._license_file(license_file_document(license, now=self._clock.now()))

    def _license_issued(self, license: License, _: object) -> dict[str, Any] | None:
        if license.revoked_reason is not None:
            return None
        return {
            "license_key": self._keys.reveal(license).text,
            "seats": license.terms.seats,
            "file_name": self._file_name(license.terms.product),
            "expires_at": license.expires_at,
            "manage_url": None,
        }

    def _payment_failed(self, license: License, event: License.GraceOpened) -> dict[str, Any] | None:
        if license.payment != event.payment:
            return None  # paid, or failed again, in the meantime
        invoice = self._unpaid_invoice(license)
        figures = invoice.figures if invoice else None
        return {
            "amount": Money(figures.amount_due, figures.currency) if figures else self._price_of(license),
            "attempt": event.payment.attempt,
            "works_until": event.payment.until,
            "next_attempt_at": invoice.next_attempt_at if invoice else None,
            "pay_url": None,
        }

    _payment_failed_urgent = _payment_failed

    def _license_suspended(self, license: License, event: Any) -> dict[str, Any] | None:
        if self._was_held(event) or license.status(self._clock.now()) is not Status.SUSPENDED:
            return None  # told before, or it works again
        return {"reason": license.suspended_reason, "suspended_at": event.timestamp, "pay_url": None}

    def _license_reinstated(self, license: License, event: Any) -> dict[str, Any] | None:
        if not self._was_held(event) or not license.status(self._clock.now()).works:
            return None  # it worked all the time, or does not any more
        return {"seats": license.terms.seats, "expires_at": license.expires_at}

    def _was_held(self, event: Any) -> bool:
        """Whether the licence was suspended just before this event."""
        before = self._store.fetch(License, event.originator_id, version=event.originator_version - 1)
        return before.suspended_reason is not None

    def _license_revoked(self, license: License, event: Any) -> dict[str, Any] | None:
        return {"reason": event.reason, "revoked_at": event.timestamp}

    def _unpaid_invoice(self, license: License) -> Invoice | None:
        subscription = self._store.find(Subscription, license.subscription_id) if license.subscription_id else None
        unpaid = next(iter(subscription.failures), None) if subscription else None
        return self._store.find(Invoice, unpaid) if unpaid else None

    def _price_of(self, license: License) -> Money:
        """What is owed when no invoice of it was reported: the price of the plan."""
        assert license.subscription_id is not None
        subscription = self._store.fetch(Subscription, license.subscription_id)
        price = self._catalog.plan(subscription.purchase.plan).priced(subscription.purchase.price)
        assert price is not None
        return price.price.money.times(subscription.terms.quantity)


_NAMES_PLAN = frozenset(
    {"license_issued", "payment_failed", "payment_failed_urgent", "subscription_cancelled", "trial_ending"}
)
