"""What the sentences of domain/sentences.py say of persons and of how they sign in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from domain import phrases as say
from domain.aggregate import Event
from domain.consent_record import ConsentRecord
from domain.policy_book import PolicyBook
from domain.sign_in import LinkCause, PasswordProof
from domain.sign_in_policy import SignInPolicy
from domain.user import User

WAYS_IN: Final[dict[type[Event], Callable[[Any], str]]] = {
    User.Registered: lambda e: (
        f"A person registered with organization {say.short(e.organization_id)}"
        if e.organization_id
        else "A person registered through an invitation"
    ),
    User.EmailVerified: lambda _: "The person confirmed the e-mail address",
    User.PasswordResetRequested: lambda _: "A link to set a new password was asked for",
    User.PasswordChanged: lambda e: (
        "The person set a new password through a mailed link"
        if e.proof is PasswordProof.MAILED_LINK
        else "The person changed the password"
    ),
    User.Renamed: lambda _: "The person's name was changed",
    User.SignInLinkRequested: lambda e: (
        "A link that signs in was asked for"
        if e.cause is LinkCause.ASKED_FOR
        else "Passwords were guessed, so a link that signs in was mailed to the person"
    ),
    User.SignInLinkUsed: lambda _: "The person signed in by a mailed link",
    User.NewDeviceSignedIn: lambda e: f"The person signed in on a new device, session {say.short(e.session)}",
    User.EmailChangeRequested: lambda _: "Another e-mail address was given, to be confirmed by it",
    User.EmailChanged: lambda _: "The person's e-mail address was changed, confirmed by the new one",
    User.SecondFactorAdded: lambda _: "The person added a second factor",
    User.SecondFactorRemoved: lambda _: "The second factor was removed",
    User.RecoveryCodesRenewed: lambda _: "The person made new recovery codes; the old ones are void",
    User.RecoveryCodeUsed: lambda e: (
        f"The person used a recovery code in place of the second factor; {e.left} are left"
    ),
    User.IdentityLinked: lambda e: f"The person linked an account of {e.provider} to sign in by",
    User.IdentityUnlinked: lambda e: f"The person unlinked the account of {e.provider}",
    User.RefreshTokenReused: lambda e: (
        f"A refresh token came twice, so log-in session {say.short(e.session)} was ended"
    ),
    User.LanguageChosen: lambda e: f"The person wants to be written to in {e.language}",
    User.DeletionScheduled: lambda e: f"The person asked to be erased on {e.due_at:%Y-%m-%d}",
    User.DeletionStopped: lambda _: "The person stopped its own deletion",
    User.Erased: lambda _: "The person's data was erased",
    PolicyBook.Opened: lambda _: "The vendor began to say what has to be agreed to",
    PolicyBook.Published: lambda e: (
        f"Version {e.version.version} of policy {e.policy} was published for each {e.party},"
        f" {say.demanded(e.version.demand)}"
    ),
    PolicyBook.Withdrawn: lambda e: f"Policy {e.policy} is not asked for any more",
    ConsentRecord.Opened: lambda _: "What was agreed to is noted from here on",
    ConsentRecord.Given: lambda e: (
        f"Person {say.short(e.user_id)} agreed to version {e.version} of policy {e.policy}"
        + (f" for organization {say.short(e.organization_id)}" if e.organization_id else "")
    ),
    ConsentRecord.Withdrawn: lambda e: (
        f"Person {say.short(e.user_id)} took the consent to version {e.version} of policy {e.policy} back"
    ),
    SignInPolicy.Opened: lambda _: "The organization began to say how its members have to sign in",
    SignInPolicy.SecondFactorDemanded: lambda _: "Members need a second factor from now on",
    SignInPolicy.SecondFactorWaived: lambda _: "Members need no second factor any more",
}
