"""Identities: time-ordered new ids, and ids derived from what they stand for.

A derived id is what makes an act idempotent: the same provider event, subscription or seat number always lands on
the same stream, where the primary key of the log refuses a second one.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha1
from uuid import UUID, uuid5

_USHER = UUID("6f1c1e0a-4a54-5d52-9d0b-75736865720a")
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""Of RFC 9562 §4.1: the two highest of the digit's four bits are 10."""


def time_ordered_id(now: datetime, randomness: bytes) -> UUID:
    """UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 of the 80 bits of `randomness` (10 bytes)."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(randomness[:10], "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def provider_event_id(provider: str, event: str) -> UUID:
    """The stream of one webhook, e.g. ("stripe", "evt_1A…")."""
    return uuid5(_USHER, f"provider-event/{provider}/{event}")


def subscription_id_for(provider: str, subscription: str) -> UUID:
    """The stream of a provider's subscription, e.g. ("stripe", "sub_1A…")."""
    return uuid5(_USHER, f"subscription/{provider}/{subscription}")


def invoice_id_for(provider: str, invoice: str) -> UUID:
    return uuid5(_USHER, f"invoice/{provider}/{invoice}")


def credit_note_id_for(provider: str, credit_note: str) -> UUID:
    return uuid5(_USHER, f"credit-note/{provider}/{credit_note}")


def payment_id_for(provider: str, payment: str) -> UUID:
    """The stream of a payment by the name that lasts, e.g. ("stripe", "pi_1A…"), or a charge that has no intent."""
    return uuid5(_USHER, f"payment/{provider}/{payment}")


def movement_id(payment_id: UUID, name: str) -> UUID:
    """A refund or a dispute of a payment by the provider's name, as it is listed beside payments."""
    return uuid5(payment_id, f"movement/{name}")


def custody_id_for(organization_id: UUID) -> UUID:
    """The stream that says what may become of an organization's data."""
    return uuid5(organization_id, "custody")


def tax_rate_id_for(provider: str, rate: str) -> UUID:
    return uuid5(_USHER, f"tax-rate/{provider}/{rate}")


def sign_in_policy_id_for(organization_id: UUID) -> UUID:
    return uuid5(organization_id, "sign-in-policy")


def policy_book_id() -> UUID:
    """The one stream that says what the vendor asks people to agree to."""
    return uuid5(_USHER, "policy-book")


def consent_record_id_for(party_id: UUID) -> UUID:
    """The stream of what a person, or an organization, agreed to."""
    return uuid5(party_id, "consents")


def vendor_id() -> UUID:
    """The one stream that says who sells."""
    return uuid5(_USHER, "vendor")


def billing_account_id(provider: str, customer: str) -> UUID:
    """The stream of a provider's customer, e.g. ("stripe", "cus_1A…")."""
    return uuid5(_USHER, f"billing-account/{provider}/{customer}")


def organization_id_for(provider: str, customer: str) -> UUID:
    """The organization made from a provider's customer that never registered with us."""
    return uuid5(_USHER, f"organization/{provider}/{customer}")


def provider_desk_id(provider: str, subject: UUID) -> UUID:
    """The stream of what a provider is asked to do about one thing."""
    return uuid5(_USHER, f"provider-desk/{provider}/{subject}")


def provider_command_id(desk: UUID, number: int) -> UUID:
    """Command `number` (from 1) of a desk: the key under which the provider does it once."""
    return uuid5(desk, f"command/{number}")


def license_id_for(subscription_id: UUID) -> UUID:
    """The one licence of a subscription."""
    return uuid5(_USHER, f"license/{subscription_id}")


def plan_id(code: str) -> UUID:
    return uuid5(_USHER, f"plan/{code}")


def product_id(code: str) -> UUID:
    return uuid5(_USHER, f"product/{code}")


def price_book_id() -> UUID:
    """The one stream that says what every price means."""
    return uuid5(_USHER, "price-book")


def meter_id(code: str) -> UUID:
    return uuid5(_USHER, f"meter/{code}")


def quota_id(account_id: UUID, limit: str, of: str, period_start: datetime | None) -> UUID:
    """The stream of one limit (`Limit.name`) in one period; `of` is the subject or key that is limited, if one is."""
    start = period_start.isoformat() if period_start else ""
    return uuid5(account_id, f"quota/{limit}/{of}/{start}")


def overage_id(quota: UUID) -> UUID:
    """The stream of what is used above a limit that bills, in the period of that quota."""
    return uuid5(quota, "overage")


def seat_id(license_id: UUID, number: int) -> UUID:
    """The stream of seat `number` (from 1) of a licence: the fence that grants a seat once."""
    return uuid5(license_id, f"seat/{number}")


def seat_id_hex(license_id: UUID, number: int) -> str:
    """`seat_id(license_id, number).hex` in a third of the time: dozens are asked for whenever a licence is loaded."""
    digest = sha1(license_id.bytes + b"seat/%d" % number, usedforsecurity=False).hexdigest()
    return f"{digest[:12]}5{digest[13:16]}{_VARIANTS[digest[16]]}{digest[17:32]}"


def seat_denial_id(license_id: UUID, holder: str, reason: str, minute: datetime) -> UUID:
    """The one note of a minute (any moment of it) that this holder got no seat for this reason."""
    return uuid5(license_id, f"denial/{holder}/{reason}/{int(minute.timestamp()) // 60}")


def message_id(event_stream: UUID, version: int, kind: str) -> UUID:
    """The one mail of a `kind` that a stored event causes; a second sending meets the first one's row."""
    return uuid5(event_stream, f"message/{version}/{kind}")


def public_event_id(stream: UUID, version: int, name: str) -> UUID:
    """What outsiders know a fact by, under the name that it is told by: the same for everybody, at each delivery."""
    return uuid5(stream, f"public/{version}/{name}")


def webhook_delivery_id(feed: UUID, public_event: UUID) -> UUID:
    """The one delivery of a fact to an endpoint, or within a replay (`feed`)."""
    return uuid5(feed, f"delivery/{public_event}")


def admin_key_id(digest: str) -> UUID:
    """The API key that is made from the settings at first start; the same secret never makes a second one."""
    return uuid5(_USHER, f"admin-key/{digest}")
