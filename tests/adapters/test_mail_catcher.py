from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from adapters.database import Database
from adapters.mailer import Mailer
from domain.errors import NotFound
from tests.adapters.sample_mail import FROM, NOW, license_mail


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=8)
    yield database
    database.close()


def test_in_the_sandbox_mails_are_caught_and_can_be_read(database: Database) -> None:
    mailer = Mailer(database, mail_from=FROM, sandbox=True)
    first, second = license_mail("Ada@customer.example"), license_mail("bob@customer.example")
    assert [mailer.send(mail, now=NOW).outcome for mail in (first, second, first)] == ["sent", "sent", "already_sent"]
    assert [mail.id for mail in mailer.caught()] == [second.message_id, first.message_id]
    assert [mail.id for mail in mailer.caught(1)] == [second.message_id]
    (caught,) = mailer.caught(to="ada@CUSTOMER.example")
    assert (caught.to, caught.subject, caught.date) == ("Ada@customer.example", "Your CODITECT licence", NOW)
    assert "CODI-7K2QM" in caught.text and "CODI-7K2QM" in caught.html
    assert caught.attachments == ("coditect-license.json",)
    assert caught.attachment("coditect-license.json") == b'{"license": 1}'
    assert caught == mailer.caught_mail(first.message_id)
    for missing in (lambda: caught.attachment("other"), lambda: mailer.caught_mail(UUID(int=0))):
        with pytest.raises(NotFound):
            missing()


def test_caught_mails_can_be_forgotten_by_address_and_by_person(database: Database) -> None:
    mailer = Mailer(database, mail_from=FROM, sandbox=True)
    mails = [license_mail(f"{name}@customer.example") for name in ("ada", "bob", "cleo", "dan")]
    for mail in mails:
        mailer.send(mail, now=NOW)
    assert mailer.purge_caught(to="ADA@customer.example") == 1
    for sql, params in mailer.erasing(mails[1].to.subject, [mails[2].to.subject]):
        database.execute(sql, params)
    assert [mail.to for mail in mailer.caught()] == ["dan@customer.example"]
    assert mailer.purge_caught() == 1
    assert mailer.caught() == []
