"""What the sentences of domain/sentences.py say of organizations, and of the keys and tokens that act for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from domain import phrases as say
from domain.aggregate import Event
from domain.api_key import ApiKey
from domain.custody import Custody
from domain.organization import Organization
from domain.token_grant import RevokedReason, TokenGrant

ORGANIZATIONS_AND_KEYS: Final[dict[type[Event], Callable[[Any], str]]] = {
    Custody.Opened: lambda _: "What may become of the organization's data is noted from here on",
    Custody.DeletionScheduled: lambda e: (
        f"Member {say.short(e.asked_by)} asked that the organization be deleted on {e.due_at:%Y-%m-%d}"
    ),
    Custody.DeletionStopped: lambda _: "The organization's deletion was stopped",
    Custody.Deleted: lambda _: "The organization was deleted",
    Custody.HoldPlaced: lambda e: f"A legal hold was placed on the organization's data: {e.reason}",
    Custody.HoldLifted: lambda e: f"The legal hold on the organization's data was lifted: {e.reason}",
    Organization.Registered: lambda e: "The organization was registered" + say.by(e.founder),
    Organization.Adopted: lambda e: (
        f"The organization was made for customer {e.customer} of {say.provider(e.provider)}"
    ),
    Organization.Merged: lambda e: f"The organization became one with organization {say.short(e.into)}",
    Organization.Renamed: lambda _: "The organization's name was changed",
    Organization.TimeZoneSet: lambda e: f"The organization's days and months are those of {e.time_zone} now",
    Organization.ContactSet: lambda e: (
        f"Mails about licences and payments go to member {say.short(e.user_id)} from now on"
    ),
    Organization.OwnerRecognized: lambda e: f"Person {say.short(e.user_id)}, whose it is, became the owner",
    Organization.MemberInvited: lambda e: (
        f"Somebody was invited as {e.role}{say.by(e.invited_by)}, {say.until(e.expires_at)}"
    ),
    Organization.InvitationWithdrawn: lambda e: f"Invitation {say.short(e.invitation_id)} was withdrawn",
    Organization.MemberJoined: lambda e: (
        f"Person {say.short(e.user_id)} accepted invitation {say.short(e.invitation_id)} and is {e.role} now"
    ),
    Organization.RoleChanged: lambda e: f"Member {say.short(e.user_id)} is {e.role} now and no longer {e.former}",
    Organization.MemberRemoved: lambda e: f"Member {say.short(e.user_id)} was removed",
    Organization.MemberLeft: lambda e: f"Member {say.short(e.user_id)} left",
    Organization.OwnershipTransferred: lambda e: (
        f"Owner {say.short(e.former)} handed the organization over to member {say.short(e.user_id)} and is admin now"
    ),
    Organization.MemberErased: lambda e: (
        f"Member {say.short(e.user_id)} is gone: the person, or the organization, was erased"
    ),
    ApiKey.Issued: lambda e: (
        f"API key {e.prefix}… of {'the organization' if e.organization_id else 'the vendor'}"
        f" was issued for {say.listed(e.scopes)}{say.key_bounds(e.expires_at, e.networks, e.product)}"
    ),
    ApiKey.Rotated: lambda e: (
        f"The API key has a new secret, {e.prefix}…; the old one"
        f" {'works until ' + say.when(e.former_until) if e.former_until else 'stopped working'}"
    ),
    ApiKey.Restricted: lambda e: f"The API key has other bounds{say.key_bounds(e.expires_at, e.networks) or ': none'}",
    ApiKey.Revoked: lambda _: "The API key was revoked",
    TokenGrant.Issued: lambda e: f"Tokens for {e.product} were generated under licence {say.short(e.license_id)}",
    TokenGrant.Revoked: lambda e: (
        "A refresh token came twice, so the tokens were revoked"
        if e.reason is RevokedReason.REUSED
        else "The tokens were revoked"
    ),
}
