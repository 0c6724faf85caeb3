"""One licence mail, for the tests of what happens to mails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from domain.mail_kinds import MailKind
from domain.mail_resend import Told
from domain.notice import File, Notice, Reader

NOW = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
FROM = "CODITECT <licences@example.com>"
KEY = "CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6"


def license_mail(
    to: str = "ada@customer.example", name: str = "Ada Lovelace", organization_id: UUID | None = None, **changes: Any
) -> Notice:
    mail = Notice(
        message_id=uuid4(),
        kind=MailKind.LICENSE_ISSUED,
        told=Told(uuid4(), 1, "license_issued"),
        to=Reader(uuid4(), organization_id or uuid4(), to, name),
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
        files=(File("coditect-license.json", b'{"license": 1}'),),
    )
    return replace(mail, **changes)
