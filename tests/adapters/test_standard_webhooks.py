"""Our signatures, checked by the library that the makers of Standard Webhooks publish."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapters.standard_webhooks import make_secret, signed_headers

ID = uuid4()
BODY = json.dumps({"type": "license.issued", "data": {"ä": "🦊"}}, ensure_ascii=False).encode()


def test_the_official_library_takes_our_signature():
    secret = make_secret(b"r" * 32)
    headers = signed_headers([secret], ID, int(time.time()), BODY)
    assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)


def test_it_signs_as_the_official_library_does():
    from datetime import UTC, datetime

    secret, at = make_secret(bytes(range(32))), 1_700_000_000
    theirs = Webhook(secret).sign(str(ID), datetime.fromtimestamp(at, UTC), BODY.decode())
    assert signed_headers([secret], ID, at, BODY)["webhook-signature"] == theirs


def test_while_secrets_are_rotated_either_of_them_checks():
    new, former = make_secret(b"n" * 32), make_secret(b"f" * 32)
    headers = signed_headers([new, former], ID, int(time.time()), BODY)
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (new, former):
        assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "secret", "stale"])
def test_whatever_is_changed_is_found_out(change):
    secret, at = make_secret(b"r" * 32), int(time.time()) - (600 if change == "stale" else 0)
    headers, body = signed_headers([secret], ID, at, BODY), BODY
    if change == "body":
        body = BODY.replace(b"issued", b"revoked")
    elif change == "secret":
        secret = make_secret(b"s" * 32)
    elif change != "stale":
        headers[f"webhook-{change}"] = str(uuid4()) if change == "id" else str(at + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_a_secret_is_32_bytes_in_base64():
    assert make_secret(b"\0" * 40) == "whsec_" + "A" * 43 + "="
