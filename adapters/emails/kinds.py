"""The context that each kind of mail is rendered from, and how it looks: the one place where both are listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.mail_kinds import MailKind as MailKind


class Tone(StrEnum):
    """How a mail strikes its reader before a word is read."""

    CALM = "calm"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind needs, key → meaning. An `optional` key must be there too; None leaves its lines out."""

    required: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    attachments: int = 0
    tone: Tone = Tone.CALM

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.required) | frozenset(self.optional)


_ORGANIZATION = {"organization_name": "text: whom it is about"}
_ROLE = {"role": "text: a value of domain/role.py"}
_OWNERSHIP = {**_ORGANIZATION, "transferred_at": "datetime: since when"}
_DELETION = {"due_at": "datetime: when it is done"}
_LICENSE = {
    "product_name": "text: name of the product, e.g. CODITECT",
    **_ORGANIZATION,
    "plan_name": "text: name of the plan, e.g. Pro",
}
_SEATS = {"seats": "int: how many machines may work at the same time"}
_PRICE = {"price": "domain.plan.Price: what is paid for all units, and how often"}
_AMOUNT = {"amount": "domain.money.Money: what is charged then, or is owed"}
_PAY_URL = {"pay_url": "http(s) address where the customer pays or changes the card (hosted invoice, portal)"}
_MANAGE_URL = {"manage_url": "http(s) address where the customer manages the subscription"}
_NEXT_CHARGE = {"next_charge_at": "datetime: when the next payment is due"}
_LINK = {"link": "http(s) address that the mail is about", "expires_at": "datetime: when the link ends"}
_NEW_PASSWORD = {"link": "http(s) address where a new password is asked for"}
_REASON = {"reason": "text: a code of domain/standing.py, or the vendor's own words"}
_ENDS = {"expires_at": "datetime: end of the licence"}
_INVOICE = {**_ORGANIZATION, "number": "text: the invoice's number", **_AMOUNT}
_PRODUCT = {"product_name": "text: name of the product, where the invoice is for one"}
_FAILED_PAYMENT = {
    **_LICENSE,
    **_AMOUNT,
    "attempt": "int: which failed attempt this was, from 1",
    "works_until": "datetime: the end of the grace, when the licence is suspended",
}
_FAILED_MORE = {
    "next_attempt_at": "datetime: when the provider tries again, if that is before the licence stops",
    "confirms": "any: the bank waits for the customer's word",
    **_PAY_URL,
}
_QUOTA = {
    **_LICENSE,
    "meter_name": "text: what is counted, e.g. API calls",
    "used": "Decimal: how much was used",
    "limit": "int: how much the plan allows",
    "upgrade_url": "http(s) address where there is more",
}
_QUOTA_MORE = {
    "resets_at": "datetime: when the count begins anew",
    "stops": "any: more than the limit is refused",
    "goes_on": "any: more than the limit is only noted",
}

CONTEXTS: Mapping[MailKind, Context] = MappingProxyType(
    {
        MailKind.VERIFY_EMAIL: Context(_LINK),
        MailKind.WELCOME: Context(_ORGANIZATION, tone=Tone.GOOD),
        MailKind.RESET_PASSWORD: Context(_LINK),
        MailKind.PASSWORD_CHANGED: Context({"changed_at": "datetime: when it was changed", **_NEW_PASSWORD}),
        MailKind.SIGN_IN_LINK: Context(_LINK),
        MailKind.SIGN_IN_SLOWED: Context(_LINK, tone=Tone.WARNING),
        MailKind.NEW_DEVICE: Context(
            required={"signed_in_at": "datetime: when", **_NEW_PASSWORD},
            optional={
                "device": "text: browser and system, or what a program calls itself",
                "network": "text: the network it came from",
            },
        ),
        MailKind.CONFIRM_NEW_EMAIL: Context(_LINK),
        MailKind.EMAIL_CHANGING: Context({"asked_at": "datetime: when", **_NEW_PASSWORD}, tone=Tone.WARNING),
        MailKind.EMAIL_CHANGED: Context({"changed_at": "datetime: when it was changed"}),
        MailKind.SIGN_IN_CHANGED: Context(
            required={
                "reason": "text: the name of a fact of domain/user.py, e.g. second_factor_added",
                "changed_at": "datetime: when",
                **_NEW_PASSWORD,
            }
        ),
        MailKind.INVITATION: Context(
            required={
                **_ROLE,
                "link": "http(s) address of the page where it is accepted",
                "expires_at": "datetime: when the link ends",
            },
            optional={"inviter": "text: the proven address of whoever invites; None for a program"},
        ),
        MailKind.MEMBER_ROLE_CHANGED: Context({**_ORGANIZATION, **_ROLE, "changed_at": "datetime: since when"}),
        MailKind.MEMBER_REMOVED: Context({**_ORGANIZATION, "removed_at": "datetime: since when"}),
        MailKind.OWNERSHIP_RECEIVED: Context(_OWNERSHIP),
        MailKind.OWNERSHIP_TRANSFERRED: Context(_OWNERSHIP, tone=Tone.WARNING),
        MailKind.ACCOUNT_DELETION_SCHEDULED: Context(_DELETION, tone=Tone.WARNING),
        MailKind.ACCOUNT_DELETION_NEAR: Context(_DELETION, tone=Tone.WARNING),
        MailKind.ORGANIZATION_DELETION_SCHEDULED: Context({**_ORGANIZATION, **_DELETION}, tone=Tone.WARNING),
        MailKind.ORGANIZATION_DELETION_NEAR: Context({**_ORGANIZATION, **_DELETION}, tone=Tone.WARNING),
        MailKind.LICENSE_ISSUED: Context(
            required={
                **_LICENSE,
                **_SEATS,
                "license_key": "text: the whole key",
                "file_name": "text: name of the attached licence file (`license_file_name(product)`)",
            },
            optional={**_ENDS, **_MANAGE_URL},
            attachments=1,
            tone=Tone.GOOD,
        ),
        MailKind.LICENSE_SUSPENDED: Context(
            {**_LICENSE, **_REASON, "suspended_at": "datetime: since when"}, _PAY_URL, tone=Tone.BAD
        ),
        MailKind.LICENSE_REINSTATED: Context({**_LICENSE, **_SEATS}, _ENDS, tone=Tone.GOOD),
        MailKind.LICENSE_REVOKED: Context({**_LICENSE, **_REASON, "revoked_at": "datetime: since when"}, tone=Tone.BAD),
        MailKind.SUBSCRIPTION_CONFIRMED: Context(
            required={**_LICENSE, **_SEATS, **_PRICE},
            optional={
                "trial_ends_at": "datetime: end of the trial, if it is one",
                "renews_at": "datetime: when it renews, if it is paid and does",
                "ends_at": "datetime: when it ends, if it does not renew",
                **_MANAGE_URL,
            },
            tone=Tone.GOOD,
        ),
        MailKind.SUBSCRIPTION_RENEWED: Context(
            required={**_LICENSE, **_INVOICE, "works_until": "datetime: end of the period that was paid"},
            optional=_MANAGE_URL,
            attachments=1,
            tone=Tone.GOOD,
        ),
        MailKind.SUBSCRIPTION_CHANGED: Context(
            required={
                **_LICENSE,
                **_SEATS,
                **_PRICE,
                "former_plan_name": "text: the plan before",
                "former_seats": "int: the seats before",
                "changed_at": "datetime: since when",
            },
            optional={**_NEXT_CHARGE, **_MANAGE_URL},
        ),
        MailKind.SUBSCRIPTION_CANCELLED: Context(
            {**_LICENSE, "works_until": "datetime: end of the paid time, when the licence ends"}, _MANAGE_URL
        ),
        MailKind.CANCELLATION_WITHDRAWN: Context({**_LICENSE, **_PRICE, **_NEXT_CHARGE}, _MANAGE_URL, tone=Tone.GOOD),
        MailKind.SUBSCRIPTION_ENDING: Context(
            {**_LICENSE, "works_until": "datetime: when it ends"}, _MANAGE_URL, tone=Tone.WARNING
        ),
        MailKind.SUBSCRIPTION_ENDED: Context(
            {**_LICENSE, "ended_at": "datetime: since when"},
            {"unpaid": "any: it ended since it was not paid", **_MANAGE_URL},
        ),
        MailKind.SUBSCRIPTION_PAUSED: Context(
            {**_LICENSE, "paused_at": "datetime: since when"},
            {"trial_ended": "any: a trial ended and nothing is there to pay with", **_MANAGE_URL},
        ),
        MailKind.SUBSCRIPTION_RESUMED: Context({**_LICENSE, **_SEATS, **_NEXT_CHARGE}, _MANAGE_URL, tone=Tone.GOOD),
        MailKind.TRIAL_ENDING: Context(
            {**_LICENSE, **_PRICE, "trial_ends_at": "datetime: end of the trial"}, _MANAGE_URL, tone=Tone.WARNING
        ),
        MailKind.RENEWAL_NOTICE: Context({**_LICENSE, **_PRICE, **_NEXT_CHARGE}, _MANAGE_URL),
        MailKind.CARD_EXPIRING: Context(
            {**_LICENSE, **_PRICE, **_NEXT_CHARGE, "expires_on": "datetime: last day of the card"},
            {"brand": "text: e.g. Visa", **_MANAGE_URL},
            tone=Tone.WARNING,
        ),
        MailKind.INVOICE_ISSUED: Context(
            _INVOICE, {**_PRODUCT, "due_at": "datetime: to be paid by", **_PAY_URL}, attachments=1
        ),
        MailKind.INVOICE_PAID: Context(
            {**_INVOICE, "paid_at": "datetime: when it was paid"},
            {
                **_PRODUCT,
                "owed": "domain.money.Money: of an earlier invoice, for which the licence stays suspended",
                **_PAY_URL,
            },
            attachments=1,
            tone=Tone.GOOD,
        ),
        MailKind.PAYMENT_FAILED: Context(_FAILED_PAYMENT, _FAILED_MORE, tone=Tone.WARNING),
        MailKind.PAYMENT_FAILED_URGENT: Context(_FAILED_PAYMENT, _FAILED_MORE, tone=Tone.BAD),
        MailKind.PAYMENT_DISPUTED: Context(
            {**_LICENSE, "disputed_at": "datetime: since when"},
            {"amount": "domain.money.Money: what is disputed", "number": "text: of the invoice"},
            tone=Tone.BAD,
        ),
        MailKind.REFUND_ISSUED: Context({**_INVOICE, "refunded_at": "datetime: when"}, _PRODUCT, tone=Tone.GOOD),
        MailKind.REFUND_FAILED: Context(_INVOICE, _PRODUCT, tone=Tone.WARNING),
        MailKind.CREDIT_NOTE_ISSUED: Context(
            {**_INVOICE, "credit_number": "text: the credit note's number"}, _PRODUCT, attachments=1
        ),
        MailKind.QUOTA_WARNING: Context(_QUOTA, _QUOTA_MORE, tone=Tone.WARNING),
        MailKind.QUOTA_REACHED: Context(_QUOTA, _QUOTA_MORE, tone=Tone.BAD),
        MailKind.WEBHOOK_ENDPOINT_DISABLED: Context(
            required={
                "endpoint": "text: its scheme, host and port; the rest of the URL may be secret",
                "endpoint_id": "text: its id",
                "reason": "text: webhook_failing or webhook_gone",
                "disabled_at": "datetime: since when",
            },
            optional={"resumes_at": "int: the first position of the log that it was not told of"},
            tone=Tone.BAD,
        ),
    }
)

COMMON = {
    "recipient_name": "text: how the person is greeted, may be empty; put in by the Mailer",
    "sender": "text: who writes; put in by the Mailer: the vendor's name, else that of MAIL_FROM",
}


UNPROVEN = frozenset({MailKind.VERIFY_EMAIL, MailKind.INVITATION, MailKind.CONFIRM_NEW_EMAIL, MailKind.SIGN_IN_LINK})
"""Goes to an address that nobody has proven to own: says nothing that was typed at registration, the names of person
and organization included, or strangers could be sent any text in our name."""


def license_file_name(product: str) -> str:
    """`coditect` → `coditect-license.json`; anything that is not a plain letter, digit or `-` becomes `-`."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in product.lower())
    return f"{plain[:60]}-license.json"
