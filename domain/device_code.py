"""The codes of the device flow (RFC 8628): a long one that the program keeps, a short one that a person types."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Section 6.1: no vowels, so no words; nothing that is taken for something else. Eight of them are 34 bits."""
USER_CODE_BYTES, DEVICE_CODE_BYTES = 16, 32
_LENGTH = 8


class DeviceRequest(NamedTuple):
    """A program that waits; `state` is pending, approved or denied, `interval_seconds` the least time between two of
    its questions; who approved is None until somebody did."""

    request_id: UUID
    client: str
    device: str | None
    network: str | None
    asked_at: datetime
    expires_at: datetime
    state: str
    interval_seconds: int
    user_id: UUID | None
    organization_id: UUID | None
    credential_version: int | None
    proven_at: datetime | None


def user_code(randomness: bytes) -> str:
    """`WDJB-MJHT`, from `USER_CODE_BYTES` random bytes: so many that each letter is as likely as any other."""
    number = int.from_bytes(randomness)
    letters = ""
    for _ in range(_LENGTH):
        number, place = divmod(number, len(LETTERS))
        letters += LETTERS[place]
    return shown(letters)


def device_code(randomness: bytes) -> str:
    """43 characters, from `DEVICE_CODE_BYTES` random bytes."""
    return urlsafe_b64encode(randomness).rstrip(b"=").decode()


def typed(text: str) -> str | None:
    """What somebody typed, in the one form that is compared; None for what cannot be a code."""
    letters = "".join(char for char in text[:64].upper() if char.isalnum())
    return letters if len(letters) == _LENGTH and set(letters) <= set(LETTERS) else None


def shown(letters: str) -> str:
    """In two groups, as people read it."""
    return f"{letters[:4]}-{letters[4:]}"
