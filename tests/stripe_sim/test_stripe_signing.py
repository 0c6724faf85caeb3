"""Signed events are accepted by the real `stripe` client, and only with the right secret, body and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from scripts.stripe_sim import Emitted, sign

SECRET = "whsec_test"


def test_the_stripe_client_accepts_a_signed_event(bought: Emitted) -> None:
    body, header = sign(bought[-1], SECRET, datetime.now(UTC))
    event = stripe.Webhook.construct_event(body, header, SECRET)
    assert (event.id, event.type) == (bought[-1]["id"], "checkout.session.completed")
    assert event.to_dict() == bought[-1]


def test_a_changed_body_another_secret_or_an_old_signature_is_refused(bought: Emitted) -> None:
    now = datetime.now(UTC)
    body, header = sign(bought[-1], SECRET, now)
    stale = sign(bought[-1], SECRET, now - timedelta(minutes=6))[1]
    for sent, signature, secret in (
        (body + b" ", header, SECRET),
        (body, header, "whsec_other"),
        (body, stale, SECRET),
    ):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(sent, signature, secret)
