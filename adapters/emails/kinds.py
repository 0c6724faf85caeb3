"""Every kind of mail and the context it is rendered from: the one place where both are listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class MailKind(StrEnum):
    """The value is part of the message id and of the mail log: never rename one."""

    VERIFY_EMAIL = "verify_email"
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
    DELETION_SCHEDULED = "deletion_scheduled"
    DELETION_NEAR = "deletion_near"
    LICENSE_ISSUED = "license_issued"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_FAILED_URGENT = "payment_failed_urgent"
    LICENSE_SUSPENDED = "license_suspended"
    LICENSE_REINSTATED = "license_reinstated"
    LICENSE_REVOKED = "license_revoked"
    SUBSCRIPTION_CANCELLED = "subscription_cancelled"
    TRIAL_ENDING = "trial_ending"
    QUOTA_WARNING = "quota_warning"
    QUOTA_REACHED = "quota_reached"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint_disabled"


@dataclass(frozen=True, slots=True)
class Context:
    """What a kind needs, key → meaning. An `optional` key must be there too; None leaves its lines out."""

    required: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    attachments: int = 0

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.required) | frozenset(self.optional)


_ORGANIZATION = {"organization_name": "text: which organization it is about"}
_ROLE = {"role": "text: a value of domain/role.py"}
_OWNERSHIP = Context({**_ORGANIZATION, "transferred_at": "datetime: since when"})
_DELETION = Context(
    {"due_at": "datetime: when it is done", "what": "text: what is deleted: `Your account`, or the organization"}
)
_LINK = Context({"link": "http(s) address that the mail is about", "expires_at": "datetime: when the link ends"})
_LICENSE = {
    "product_name": "text: name of the product, e.g. CODITECT",
    "organization_name": "text: whom the licence belongs to",
}
_SUBSCRIPTION = {**_LICENSE, "plan_name": "text: name of the plan, e.g. Pro"}
_PAY_URL = {"pay_url": "http(s) address where the customer pays or changes the card (hosted invoice, portal)"}
_MANAGE_URL = {"manage_url": "http(s) address where the customer manages the subscription"}
_QUOTA = Context(
    required={
        **_SUBSCRIPTION,
        "meter_name": "text: what is counted, e.g. API calls",
        "used": "text: how much was used, e.g. 8,000",
        "limit": "text: how much the plan allows, e.g. 10,000",
        "upgrade_url": "http(s) address where there is more",
    },
    optional={
        "resets_at": "datetime: when the count begins anew",
        "stops": "text, any: more than the limit is refused",
        "goes_on": "text, any: more than the limit is only noted",
    },
)
_FAILED_PAYMENT = Context(
    required={
        **_SUBSCRIPTION,
        "amount": "domain.money.Money: what is owed",
        "attempt": "int: which failed attempt this was, from 1",
        "works_until": "datetime: the end of the grace, when the licence is suspended",
    },
    optional={"next_attempt_at": "datetime: when the provider tries again", **_PAY_URL},
)

CONTEXTS: Mapping[MailKind, Context] = MappingProxyType(
    {
        MailKind.VERIFY_EMAIL: Context(
            {"link": "http(s) address that confirms", "expires_at": "datetime: when the link ends"}
        ),
        MailKind.RESET_PASSWORD: Context(
            {"link": "http(s) address of the reset page", "expires_at": "datetime: when the link ends"}
        ),
        MailKind.PASSWORD_CHANGED: Context(
            {"changed_at": "datetime: when it was changed", "link": "http(s) address where a new password is asked for"}
        ),
        MailKind.SIGN_IN_LINK: _LINK,
        MailKind.SIGN_IN_SLOWED: _LINK,
        MailKind.NEW_DEVICE: Context(
            required={
                "signed_in_at": "datetime: when",
                "link": "http(s) address where a new password is asked for",
            },
            optional={
                "device": "text: browser and system, or what a program calls itself",
                "network": "text: the network it came from",
            },
        ),
        MailKind.CONFIRM_NEW_EMAIL: _LINK,
        MailKind.EMAIL_CHANGING: Context(
            {"asked_at": "datetime: when", "link": "http(s) address where a new password is asked for"}
        ),
        MailKind.EMAIL_CHANGED: Context({"changed_at": "datetime: when it was changed"}),
        MailKind.SIGN_IN_CHANGED: Context(
            {
                "reason": "text: the name of a fact of domain/user.py, e.g. second_factor_added",
                "changed_at": "datetime: when",
                "link": "http(s) address where a new password is asked for",
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
        MailKind.OWNERSHIP_RECEIVED: _OWNERSHIP,
        MailKind.OWNERSHIP_TRANSFERRED: _OWNERSHIP,
        MailKind.DELETION_SCHEDULED: _DELETION,
        MailKind.DELETION_NEAR: _DELETION,
        MailKind.LICENSE_ISSUED: Context(
            required={
                **_SUBSCRIPTION,
                "license_key": "text: the whole key",
                "seats": "int: how many machines may work at the same time",
                "file_name": "text: name of the attached licence file (`license_file_name(product)`)",
            },
            optional={"expires_at": "datetime: end of the licence", **_MANAGE_URL},
            attachments=1,
        ),
        MailKind.PAYMENT_FAILED: _FAILED_PAYMENT,
        MailKind.PAYMENT_FAILED_URGENT: _FAILED_PAYMENT,
        MailKind.LICENSE_SUSPENDED: Context(
            required={
                **_LICENSE,
                "reason": "text: a code of domain/standing.py, or the vendor's own words",
                "suspended_at": "datetime: since when",
            },
            optional=_PAY_URL,
        ),
        MailKind.LICENSE_REINSTATED: Context(
            required={**_LICENSE, "seats": "int: how many machines may work at the same time"},
            optional={"expires_at": "datetime: end of the licence"},
        ),
        MailKind.LICENSE_REVOKED: Context(
            {
                **_LICENSE,
                "reason": "text: a code of domain/standing.py, or the vendor's own words",
                "revoked_at": "datetime: since when",
            }
        ),
        MailKind.SUBSCRIPTION_CANCELLED: Context(
            required={**_SUBSCRIPTION, "works_until": "datetime: end of the paid time, when the licence ends"},
            optional=_MANAGE_URL,
        ),
        MailKind.TRIAL_ENDING: Context(
            required={
                **_SUBSCRIPTION,
                "trial_ends_at": "datetime: end of the trial",
                "amount": "domain.money.Money: what is charged then",
            },
            optional=_MANAGE_URL,
        ),
        MailKind.QUOTA_WARNING: _QUOTA,
        MailKind.QUOTA_REACHED: _QUOTA,
        MailKind.WEBHOOK_ENDPOINT_DISABLED: Context(
            required={
                "endpoint": "text: its scheme, host and port; the rest of the URL may be secret",
                "endpoint_id": "text: its id",
                "reason": "text: webhook_failing or webhook_gone",
                "disabled_at": "datetime: since when",
            },
            optional={"resumes_at": "int: the first position of the log that it was not told of"},
        ),
    }
)

COMMON = {
    "recipient_name": "text: how the person is greeted, may be empty; put in by the Mailer",
    "sender": "text: who writes; put in by the Mailer from MAIL_FROM",
}


UNPROVEN = frozenset({MailKind.VERIFY_EMAIL, MailKind.INVITATION, MailKind.CONFIRM_NEW_EMAIL, MailKind.SIGN_IN_LINK})
"""Goes to an address that nobody has proven to own: says nothing that was typed at registration, the names of person
and organization included, or strangers could be sent any text in our name."""


def license_file_name(product: str) -> str:
    """`coditect` → `coditect-license.json`; anything that is not a plain letter, digit or `-` becomes `-`."""
    plain = "".join(char if char.isascii() and char.isalnum() else "-" for char in product.lower())
    return f"{plain[:60]}-license.json"
