"""The tables of signing in, and of the tokens of programs. What ends by itself is deleted once a minute after that."""

from __future__ import annotations

from adapters.data_inventory.people import OWN, THEIRS
from adapters.data_inventory.table import Erasing, table

_USER_ERASED = "user.erased"

SIGNING_IN = (
    table(
        "device_requests",
        "programs that wait to be signed in, until they are or ten minutes have passed",
        personal="client device network",
        id="request_id user_id organization_id",
        secret="device_code_digest user_code_digest",
        other="asked_at expires_at state interval_seconds polled_at credential_version proven_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ).exported("device_requests", "request_id", hide="interval_seconds polled_at credential_version"),
    table(
        "familiar_devices",
        "devices that a person has signed in from, by digests, until they were not seen for long",
        id="user_id",
        secret="digest",
        other="seen_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ).exported("familiar_devices", "user_id, digest"),
    table(
        "email_changes",
        "another address that waits to be confirmed, and the former one, until the links of both have ended",
        personal="email former",
        id="user_id change_id",
        other="asked_at",
        of_person=f"{THEIRS} or lower(email) = :address",
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ).exported("email_changes", "user_id", person=THEIRS),
    table(
        "second_factors",
        "sealed secrets of second factors; those never confirmed go after a day",
        id="user_id",
        secret="sealed last_step",
        other="begun_at confirmed_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ).exported("second_factor", "user_id"),
    table(
        "recovery_codes",
        "digests of codes in place of a second factor",
        id="user_id",
        secret="digest",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ),
    table(
        "provider_flows",
        "who is away at another provider to sign in, until it ends",
        id="user_id",
        secret="state_digest",
        other="provider expires_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
    ),
    table(
        "linked_identities",
        "accounts of other providers, to sign in by",
        personal="email subject",
        id="user_id",
        other="issuer provider linked_at",
        of_person=THEIRS,
        erasing=Erasing.DELETE,
        erased_with=_USER_ERASED,
    ).exported("linked_identities", "issuer, subject"),
    table(
        "sign_in_policies",
        "how members have to sign in",
        id="organization_id",
        other="demands_second_factor",
        of_organization=OWN,
        erasing=Erasing.DELETE,
    ).exported("sign_in_policy", "organization_id"),
    table(
        "token_grants",
        "tokens for one product, until all have expired",
        id="grant_id organization_id license_id",
        other="product scopes lifetime generation issued_at expires_at revoked_at",
        of_organization=OWN,
        erasing=Erasing.DELETE,
    ).exported("tokens", "grant_id", hide="generation"),
)
