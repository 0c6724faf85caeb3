"""Whether a webhook comes from Stripe: its own library's check, with every secret that is valid now."""

from __future__ import annotations

from collections.abc import Sequence

import stripe

_TOLERANCE = 300
"""Seconds that a signature may be old. Never 0: that turns the age check off."""


class WebhookSignatures:
    """`secrets`: of the endpoint, two while one is being rotated; none or an empty one closes the endpoint, since an
    empty secret would verify any forgery."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]

    @property
    def is_open(self) -> bool:
        return bool(self._secrets)

    def verify(self, body: bytes, header: str) -> bool:
        """Whether one of the secrets signed exactly this body within the last five minutes of the system's clock."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        return any(_signed(text, header, secret) for secret in self._secrets)


def _signed(body: str, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, _TOLERANCE)
    except stripe.SignatureVerificationError:
        return False
    return True
