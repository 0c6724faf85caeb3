"""The right of one organization to use one product under one plan version."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Unpack
from uuid import UUID

from domain.aggregate import Aggregate, Created
from domain.errors import Conflict, InvalidRequest, LicenseRevoked
from domain.license_status import Status as Status
from domain.license_terms import RENEWAL_LEEWAY, Grant, Key, Raised, Terms
from domain.machines import Machines
from domain.seat_access import SeatRules
from domain.standing import GOOD, PaymentFollowed, PaymentStanding, Standing


class License(Aggregate):
    """Held back by the vendor or by payments, independently; works while neither does and its time has not run out."""

    TOPIC = "license"

    if TYPE_CHECKING:
        organization_id: UUID
        subscription_id: UUID | None
        key: Key
        terms: Terms
        purchased: Terms  # as the subscription last said; the vendor may have changed the seats since
        expires_at: datetime | None
        paid_until: datetime | None  # as the subscription last said; the vendor may have extended it since
        payment: PaymentStanding
        is_held_by_payment: bool
        vendor_hold: str | None
        revoked_reason: str | None
        is_expired: bool
        machines: Machines
        seat_rules: SeatRules
        raised: Raised

    @classmethod
    def issue(cls, *, id: UUID, now: datetime, **grant: Unpack[Grant]) -> License:
        return cls.begin(cls.Issued, id=id, now=now, **grant)

    def follow_payment(self, standing: PaymentStanding, *, now: datetime) -> None:
        """Takes over what the subscription's payments mean; a standing that is known changes nothing."""
        if standing == self.payment or self.revoked_reason:
            return
        match standing.standing:
            case Standing.GOOD:
                self.record(self.PaymentRecovered, now=now, payment=standing)
            case Standing.GRACE:
                self.record(self.GraceOpened, now=now, payment=standing)
            case Standing.SUSPENDED:
                self.record(self.PaymentSuspended, now=now, payment=standing)
            case Standing.REVOKED:
                self.record(self.Revoked, now=now, reason=standing.reason or "canceled")

    def follow_purchase(self, terms: Terms, *, now: datetime) -> None:
        """The subscription was moved to another plan, or buys another number of seats."""
        if not self.revoked_reason and terms != self.purchased:
            self.record(self.PurchaseChanged, now=now, terms=terms)

    def follow_period(self, expires_at: datetime | None, *, now: datetime) -> None:
        """The paid period ends at another time than was known."""
        if not self.revoked_reason and expires_at != self.paid_until:
            self.record(self.Renewed, now=now, expires_at=expires_at)

    def suspend(self, *, reason: str, now: datetime) -> None:
        """The vendor holds the licence back, whatever its payments say."""
        self._require_not_revoked()
        if not reason.strip():
            raise InvalidRequest.field("reason", "must say why")
        if self.vendor_hold is None:
            self.record(self.Suspended, now=now, reason=reason)

    def reinstate(self, *, reason: str, now: datetime) -> None:
        """Lifts the vendor's hold, and the one that payments have put, until something new happens to them."""
        self._require_not_revoked()
        if self.vendor_hold is not None or self.is_held_by_payment:
            self.record(self.Reinstated, now=now, reason=reason)

    def revoke(self, *, reason: str, now: datetime) -> None:
        """Ends the licence for good; twice is once."""
        if self.revoked_reason is None:
            self.record(self.Revoked, now=now, reason=reason)

    def resize(self, seats: int, *, reason: str, now: datetime) -> None:
        self._require_not_revoked()
        if not 1 <= seats <= 1_000_000:
            raise InvalidRequest.field("seats", "must be from 1 to 1,000,000")
        if seats != self.terms.seats:
            self.record(self.Resized, now=now, seats=seats, reason=reason)

    def extend(self, expires_at: datetime | None, *, reason: str, now: datetime) -> None:
        """Moves the end; None for no end. `Conflict` when the new end has passed."""
        self._require_not_revoked()
        if expires_at is not None and expires_at <= now:
            raise Conflict("The new end lies in the past; revoke the licence to end it now.")
        if expires_at != self.expires_at:
            self.record(self.Extended, now=now, expires_at=expires_at, reason=reason)

    def rotate_key(self, key: Key, *, reason: str, now: datetime) -> None:
        """A new key; the old one stops working at once."""
        self._require_not_revoked()
        self.record(self.KeyRotated, now=now, key=key, reason=reason)

    def activate_machine(self, digest: str, *, now: datetime) -> None:
        """Binds a machine, known by the digest of its fingerprint, to a node-locked licence; twice is once.

        Raises what `Status.require_working` and `Machines.require_room` raise.
        """
        self.status(now).require_working()
        if digest not in self.machines.bound:
            self.machines.require_room(digest, self.terms.entitlements.machines, now)
            self.record(self.MachineActivated, now=now, fingerprint_digest=digest)

    def deactivate_machine(self, digest: str, *, now: datetime) -> None:
        if digest in self.machines.bound:
            self.record(self.MachineDeactivated, now=now, fingerprint_digest=digest)

    def set_seat_rules(self, rules: SeatRules, *, reason: str, now: datetime) -> None:
        """Who belongs to the plan's groups, and who may sit at all."""
        self._require_not_revoked()
        if rules != self.seat_rules:
            self.record(self.SeatRulesSet, now=now, rules=rules, reason=reason)

    def expire(self, *, now: datetime) -> None:
        """Records that the time has run out, if it has."""
        if not self.is_expired and self.revoked_reason is None and self.ends_at is not None and self.ends_at <= now:
            self.record(self.Expired, now=now)

    def transfer(self, organization_id: UUID, *, now: datetime) -> None:
        if organization_id != self.organization_id:
            self.record(self.Transferred, now=now, organization_id=organization_id)

    def _require_not_revoked(self) -> None:
        if self.revoked_reason is not None:
            raise LicenseRevoked()

    @property
    def ends_at(self) -> datetime | None:
        """When clients stop being served: the paid end, and for subscriptions a little later."""
        if self.expires_at is None:
            return None
        return self.expires_at + (RENEWAL_LEEWAY if self.subscription_id else timedelta(0))

    @property
    def grace_ends_at(self) -> datetime | None:
        return self.payment.until if self.payment.standing is Standing.GRACE else None

    @property
    def suspended_reason(self) -> str | None:
        """Why it is held back; the vendor's reason before the payments'."""
        return self.vendor_hold or (self.payment.reason if self.is_held_by_payment else None)

    def status(self, now: datetime) -> Status:
        """How the licence stands at `now`, whether or not the passing of its end has been recorded yet."""
        if self.revoked_reason is not None:
            return Status.REVOKED
        if self.suspended_reason is not None:
            return Status.SUSPENDED
        if self.payment.standing is Standing.GRACE and self.grace_ends_at is not None:
            return Status.GRACE if now < self.grace_ends_at else Status.SUSPENDED
        if self.ends_at is not None and self.ends_at <= now:
            return Status.EXPIRED
        return Status.ACTIVE

    class Issued(Created):
        TOPIC = "license.issued"
        organization_id: UUID
        subscription_id: UUID | None
        key: Key
        terms: Terms
        expires_at: datetime | None

        def apply(self, license: License) -> None:
            license.organization_id = self.organization_id
            license.subscription_id = self.subscription_id
            license.key = self.key
            license.terms = license.purchased = self.terms
            license.expires_at = license.paid_until = self.expires_at
            license.payment = GOOD
            license.is_held_by_payment = False
            license.vendor_hold = None
            license.revoked_reason = None
            license.is_expired = False
            license.machines, license.raised = Machines(), {}
            license.seat_rules = SeatRules()

    class GraceOpened(PaymentFollowed):
        """A payment failed; the licence works until `payment.until`."""

        TOPIC = "license.grace_opened"

    class PaymentSuspended(PaymentFollowed):
        TOPIC = "license.payment_suspended"

    class PaymentRecovered(PaymentFollowed):
        TOPIC = "license.payment_recovered"

    class Suspended(Aggregate.Event):
        TOPIC = "license.suspended"
        reason: str

        def apply(self, license: License) -> None:
            license.vendor_hold = self.reason

    class Reinstated(Aggregate.Event):
        TOPIC = "license.reinstated"
        reason: str

        def apply(self, license: License) -> None:
            license.vendor_hold = None
            license.is_held_by_payment = False

    class Revoked(Aggregate.Event):
        TOPIC = "license.revoked"
        reason: str

        def apply(self, license: License) -> None:
            license.revoked_reason = self.reason
            license.payment, license.is_held_by_payment = GOOD, False  # of a refund and an end either may be told first

    class Resized(Aggregate.Event):
        TOPIC = "license.resized"
        seats: int
        reason: str

        def apply(self, license: License) -> None:
            license.terms = replace(license.terms, seats=self.seats)

    class PurchaseChanged(Aggregate.Event):
        TOPIC = "license.purchase_changed"
        terms: Terms

        def apply(self, license: License) -> None:
            license.raised = self.terms.raised(license.terms, license.raised, self.timestamp)
            license.terms = license.purchased = self.terms

    class Renewed(Aggregate.Event):
        TOPIC = "license.renewed"
        expires_at: datetime | None

        def apply(self, license: License) -> None:
            license.expires_at = license.paid_until = self.expires_at
            license.is_expired = False

    class Extended(Aggregate.Event):
        TOPIC = "license.extended"
        expires_at: datetime | None
        reason: str

        def apply(self, license: License) -> None:
            license.expires_at, license.is_expired = self.expires_at, False

    class SeatRulesSet(Aggregate.Event):
        """People are known by digests here; their names are kept where they can be erased."""

        TOPIC = "license.seat_rules_set"
        rules: SeatRules
        reason: str

        def apply(self, license: License) -> None:
            license.seat_rules = self.rules

    class Expired(Aggregate.Event):
        TOPIC = "license.expired"

        def apply(self, license: License) -> None:
            license.is_expired = True

    class KeyRotated(Aggregate.Event):
        TOPIC = "license.key_rotated"
        key: Key
        reason: str

        def apply(self, license: License) -> None:
            license.key = self.key

    class Transferred(Aggregate.Event):
        TOPIC = "license.transferred"
        organization_id: UUID

        def apply(self, license: License) -> None:
            license.organization_id = self.organization_id

    class MachineActivated(Aggregate.Event):
        TOPIC = "license.machine_activated"
        fingerprint_digest: str

        def apply(self, license: License) -> None:
            license.machines = license.machines.with_bound(self.fingerprint_digest, self.timestamp)

    class MachineDeactivated(Aggregate.Event):
        TOPIC = "license.machine_deactivated"
        fingerprint_digest: str

        def apply(self, license: License) -> None:
            license.machines = license.machines.with_released(self.fingerprint_digest, self.timestamp)
