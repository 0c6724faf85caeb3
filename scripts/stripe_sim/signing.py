"""Sign an event as Stripe signs a webhook delivery."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import stripe


def sign(event: dict[str, Any], secret: str, at: datetime) -> tuple[bytes, str]:
    """The raw body and its `Stripe-Signature` header, made by the `stripe` package's own test signer.

    `at` is the moment of the delivery: receivers refuse one older than five minutes.
    """
    body = json.dumps(event, indent=2)
    header: str = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=int(at.timestamp()))
    return body.encode(), header
