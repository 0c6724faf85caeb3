"""One licence mail, for the tests of what happens to mails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from adapters.emails.envelope import Attachment
from adapters.emails.kinds import MailKind
from adapters.mailer import Mail

NOW = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
FROM = "CODITECT <licences@example.com>"
KEY = "CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6"


def license_mail(to: str = "ada@customer.example", **changes: Any) -> Mail:
    mail = Mail(
        message_id=uuid4(),
        kind=MailKind.LICENSE_ISSUED,
        to=to,
        recipient_name="Ada Lovelace",
        recipient_subject=uuid4(),
        organization_id=uuid4(),
        context={
            "product_name": "CODITECT",
            "organization_name": "Analytical Engines",
            "plan_name": "Pro",
            "license_key": KEY,
            "seats": 10,
            "file_name": "coditect-license.json",
            "expires_at": NOW,
            "manage_url": None,
        },
        attachments=[Attachment("coditect-license.json", b'{"license": 1}')],
    )
    return replace(mail, **changes)
