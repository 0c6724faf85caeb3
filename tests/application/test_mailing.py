"""What the answers of a mail server, and the readers themselves, mean for the next mails to an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import uuid4

import pytest

from adapters.bootstrap import Services
from adapters.emails.samples import sample_context
from adapters.mailer import MOST_REFUSALS, MailDelayed, Mailer, Outcome
from application.mailing import Mailing
from domain.mail_address import Cause
from domain.mail_kinds import REMINDERS, MailKind
from domain.mail_resend import Told
from domain.notice import Notice, Reader
from tests.adapters.sample_mail import FROM
from tests.adapters.smtp_post import Post, serving

ADA = "ada@customer.example"


@pytest.fixture
def post() -> Iterator[Post]:
    yield Post()


@pytest.fixture
def mailing(services: Services, post: Post) -> Iterator[Mailing]:
    with serving(post) as port:
        mailer = Mailer(services.database, mail_from=FROM, smtp_url=f"smtp://127.0.0.1:{port}")
        yield Mailing(mailer, services.mail_addresses, services.clock)


def notice(kind: MailKind = MailKind.WELCOME, to: str = ADA, thread: Any = None) -> Notice:
    context = {key: value for key, value in sample_context(kind).items() if key not in ("recipient_name", "sender")}
    reader = Reader(uuid4(), uuid4(), to, "Ada Lovelace")
    return Notice(uuid4(), kind, Told(uuid4(), 1, kind.value), reader, context, thread=thread)


@pytest.mark.parametrize(
    ("answer", "is_held"),
    [
        ("550 5.1.1 no such user", True),
        ("550 no such user", True),
        ("550 5.2.1 mailbox disabled", True),
        ("552 5.2.2 mailbox full", False),
        ("554 5.7.1 your server is on a list", False),
        ("554 no thanks", False),
    ],
)
def test_an_address_that_is_refused_is_written_to_no_more_unless_the_refusal_is_about_us(
    services, mailing, post, answer, is_held
):
    post.answers["RCPT"] = answer
    first = notice()
    assert mailing.post(first).outcome is Outcome.FAILED
    post.answers.clear()
    assert mailing.post(notice()).outcome is (Outcome.SUPPRESSED if is_held else Outcome.SENT)
    assert mailing.post(notice(to="grace@customer.example")).outcome is Outcome.SENT
    address = services.mail_addresses.find(ADA)
    if is_held:
        assert (address.suppression.cause, address.suppression.mail_id) == (Cause.REFUSED, first.message_id)
        services.mail_addresses.restore(ADA, reason="the address was mistyped")
        assert mailing.post(notice()).outcome is Outcome.SENT
    else:
        assert address is None


def test_a_mail_that_waits_while_its_address_is_suppressed_is_not_sent_later(services, mailing, post):
    waiting = notice()
    post.answers["RCPT"] = "451 4.7.1 later"
    with pytest.raises(MailDelayed):
        mailing.post(waiting)
    post.answers.clear()
    services.mail_addresses.suppress(ADA, Cause.COMPLAINED)
    assert mailing.post(waiting).outcome is Outcome.SUPPRESSED
    services.mail_addresses.restore(ADA, reason="he apologized")
    assert mailing.post(waiting).outcome is Outcome.SUPPRESSED
    assert post.taken == []


def test_what_was_sent_stays_sent_though_its_address_is_suppressed_since(services, mailing, post):
    sent = notice()
    mailing.post(sent)
    services.mail_addresses.suppress(ADA, Cause.BOUNCED)
    assert mailing.post(sent).outcome is Outcome.ALREADY_SENT
    assert services.mail_log.find(sent.message_id).status == "sent"


def test_a_server_that_will_never_quite_take_a_mail_ends_the_attempts(services, mailing, post):
    waiting = notice()
    post.answers["RCPT"] = "451 4.7.1 later"
    with pytest.raises(MailDelayed):
        mailing.post(waiting)
    services.database.execute("update mails set attempts = %s", (MOST_REFUSALS - 1,))
    assert mailing.post(waiting).outcome is Outcome.FAILED
    assert services.mail_addresses.find(ADA) is None, "whoever is only busy keeps the address"


def test_only_reminders_can_be_unsubscribed_and_a_program_can_do_it(services, mailing, post):
    for kind in (MailKind.WELCOME, *sorted(REMINDERS)):
        mailing.post(notice(kind))
    welcome, *reminders = (message_from_bytes(each.content, policy=default) for each in post.taken)
    assert welcome["List-Unsubscribe"] is None
    assert {each["List-Unsubscribe-Post"] for each in reminders} == {"List-Unsubscribe=One-Click"}
    link = str(reminders[0]["List-Unsubscribe"]).strip("<>")
    services.mail_addresses.decline_reminders(link.partition("token=")[2])
    assert [mailing.post(notice(kind)).outcome for kind in sorted(REMINDERS)] == [Outcome.UNSUBSCRIBED] * len(REMINDERS)
    assert mailing.post(notice()).outcome is Outcome.SENT


def test_mails_about_one_invoice_are_a_thread_and_automatic(mailing, services, post):
    invoice, now = uuid4(), services.clock.now()
    sent = []
    for hours, kind in enumerate((MailKind.PAYMENT_FAILED, MailKind.PAYMENT_FAILED_URGENT, MailKind.LICENSE_SUSPENDED)):
        services.clock.now = lambda at=now + timedelta(hours=hours): at
        sent.append(notice(kind, thread=invoice))
        mailing.post(sent[-1])
    first, second, third = (message_from_bytes(each.content, policy=default) for each in post.taken)
    assert first["In-Reply-To"] is None and str(sent[0].message_id) in first["Message-ID"]
    assert second["In-Reply-To"] == first["Message-ID"] and third["In-Reply-To"] == second["Message-ID"]
    assert third["References"] == f"{first['Message-ID']} {second['Message-ID']}"
    assert {each["Auto-Submitted"] for each in (first, second, third)} == {"auto-generated"}
