from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.database import Database
from adapters.mailer import MailDelayed, Mailer, Outcome
from adapters.smtp import SmtpServer
from domain.mail_kinds import MailKind
from domain.notice import Notice
from tests.adapters.sample_mail import FROM, KEY, NOW, license_mail
from tests.adapters.smtp_post import Post, free_port, serving

MINUTE = timedelta(seconds=61)


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def url(post: Post) -> Iterator[str]:
    with serving(post) as port:
        yield f"smtp://127.0.0.1:{port}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, size=8)
    yield database
    database.close()


@pytest.fixture
def mailer(database: Database, url: str) -> Mailer:
    return Mailer(database, mail_from=FROM, smtp_url=url)


def row(database: Database, mail: Notice) -> dict[str, Any]:
    found = database.fetch_one("select * from mails where message_id = %s", (mail.message_id,))
    assert found is not None
    return found


def age(database: Database, mail: Notice, by: timedelta = MINUTE) -> None:
    sql = "update mails set claimed_at = claimed_at - %s where message_id = %s"
    assert database.execute(sql, (by, mail.message_id)) == 1


def test_a_mail_arrives_whole_and_is_written_down(mailer: Mailer, database: Database, post: Post) -> None:
    mail = license_mail()
    assert mailer.send(mail, now=NOW).outcome is Outcome.SENT
    (envelope,), message = post.taken, post.message()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("licences@example.com", ["ada@customer.example"])
    assert message["To"] == "Ada Lovelace <ada@customer.example>"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == f"<{mail.message_id}@example.com>"
    assert KEY in message.get_body(("plain",)).get_content() and KEY in message.get_body(("html",)).get_content()
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [b'{"license": 1}']
    written = row(database, mail)
    assert (written["status"], written["attempts"], written["sent_at"]) == ("sent", 1, NOW)
    assert (written["organization_id"], written["recipient_subject"]) == (mail.to.organization_id, mail.to.subject)


def test_a_mail_that_was_sent_is_not_sent_again(mailer: Mailer, post: Post) -> None:
    mail = license_mail()
    outcomes = [mailer.send(mail, now=NOW).outcome for _ in range(3)]
    assert outcomes == [Outcome.SENT, Outcome.ALREADY_SENT, Outcome.ALREADY_SENT]
    assert len(post.taken) == 1


def test_many_workers_with_one_mail_send_it_once(mailer: Mailer, post: Post) -> None:
    mail, start = license_mail(), threading.Barrier(16)

    def send(_: int) -> Outcome:
        start.wait()
        return mailer.send(mail, now=NOW).outcome

    with ThreadPoolExecutor(16) as workers:
        outcomes = list(workers.map(send, range(16)))
    assert outcomes.count(Outcome.SENT) == 1
    assert set(outcomes) <= {Outcome.SENT, Outcome.ALREADY_SENT, Outcome.IN_PROGRESS}
    assert len(post.taken) == 1


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_4xx_delays_the_mail_and_the_next_attempt_sends_it(
    step: str, mailer: Mailer, database: Database, post: Post
) -> None:
    mail = license_mail()
    post.answers[step] = "451 4.7.1 <ada@customer.example> is greylisted, try later"
    with pytest.raises(MailDelayed) as delayed:
        mailer.send(mail, now=NOW)
    assert delayed.value.retry_after == 60
    written = row(database, mail)
    assert (written["status"], written["attempts"], written["error_code"]) == ("delayed", 1, "451 4.7.1")
    post.answers.clear()
    assert mailer.send(mail, now=NOW).outcome is Outcome.SENT
    written = row(database, mail)
    assert (written["status"], written["attempts"], written["error_code"]) == ("sent", 2, None)
    assert len(post.taken) == 1


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_5xx_is_final_and_written_down_without_the_address(
    step: str, mailer: Mailer, database: Database, post: Post
) -> None:
    mail = license_mail()
    post.answers[step] = "550 5.1.1 <ada@customer.example>: no such user"
    assert mailer.send(mail, now=NOW).outcome is Outcome.FAILED
    assert (row(database, mail)["status"], row(database, mail)["error_code"]) == ("failed", "550 5.1.1")
    post.answers.clear()
    assert mailer.send(mail, now=NOW).outcome is Outcome.FAILED
    assert post.taken == []


def test_a_server_that_is_away_delays_the_mail(database: Database) -> None:
    mail = license_mail()
    with pytest.raises(MailDelayed):
        Mailer(database, mail_from=FROM, smtp_url=f"smtp://127.0.0.1:{free_port()}").send(mail, now=NOW)
    assert (row(database, mail)["status"], row(database, mail)["error_code"]) == ("delayed", "ConnectionRefusedError")


def test_a_connection_lost_while_the_mail_is_handed_over_is_uncertain_and_not_repeated(
    mailer: Mailer, database: Database, post: Post
) -> None:
    mail = license_mail()
    post.drops = True
    assert mailer.send(mail, now=NOW).outcome is Outcome.UNCERTAIN
    assert row(database, mail)["error_code"] == "SMTPServerDisconnected"
    post.drops = False
    assert mailer.send(mail, now=NOW).outcome is Outcome.UNCERTAIN
    assert len(post.taken) == 1


SENDER = """
import json, sys
from datetime import UTC, datetime
from uuid import UUID
from adapters.database import Database
from adapters.mailer import Mailer
from domain.mail_kinds import MailKind
from domain.mail_resend import Told
from domain.notice import Notice, Reader
database_url, smtp_url, message_id = sys.argv[1:]
mail = Notice(
    UUID(message_id), MailKind.PASSWORD_CHANGED, Told(UUID(int=2), 3, "password_changed"),
    Reader(UUID(int=1), None, "ada@customer.example", "Ada"),
    {"changed_at": datetime.now(UTC), "link": "https://example.com"},
)
Mailer(Database(database_url), mail_from="us@example.com", smtp_url=smtp_url).send(mail, now=datetime.now(UTC))
"""


def test_a_worker_killed_while_sending_never_causes_a_second_mail(
    mailer: Mailer, database: Database, database_url: str, url: str, post: Post
) -> None:
    mail = license_mail(
        kind=MailKind.PASSWORD_CHANGED, context={"changed_at": NOW, "link": "https://example.com"}, files=()
    )
    post.go_on.clear()
    arguments = [sys.executable, "-c", SENDER, database_url, url, str(mail.message_id)]
    with subprocess.Popen(arguments, cwd=Path(__file__).parents[2]) as worker:
        assert post.in_data.wait(20)
        worker.send_signal(signal.SIGKILL)
    assert worker.returncode == -signal.SIGKILL
    post.go_on.set()
    assert mailer.send(mail, now=NOW).outcome is Outcome.IN_PROGRESS
    assert mailer.report_lost() == []
    age(database, mail)
    assert [lost.message_id for lost in mailer.report_lost()] == [mail.message_id]
    assert mailer.report_lost() == []
    assert mailer.send(mail, now=NOW).outcome is Outcome.UNCERTAIN
    assert (row(database, mail)["status"], row(database, mail)["error_code"]) == ("uncertain", "sender_died")
    assert len(post.taken) == 1


def test_a_crash_between_claim_and_send_is_reported_by_the_next_attempt(
    mailer: Mailer, database: Database, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = license_mail()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SmtpServer, "deliver", _interrupted)
        mailer.send(mail, now=NOW)
    assert row(database, mail)["status"] == "claimed"
    age(database, mail)
    assert mailer.send(mail, now=NOW).outcome is Outcome.UNCERTAIN
    assert row(database, mail)["status"] == "uncertain"
    assert post.taken == []


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_slow_sender_that_was_given_up_still_reports_that_it_sent(
    mailer: Mailer, database: Database, post: Post
) -> None:
    mail = license_mail()
    post.go_on.clear()
    with ThreadPoolExecutor(1) as worker:
        sending = worker.submit(mailer.send, mail, now=NOW)
        assert post.in_data.wait(20)
        age(database, mail)
        assert len(mailer.report_lost()) == 1
        post.go_on.set()
        assert sending.result(20).outcome is Outcome.SENT
    assert row(database, mail)["status"] == "sent"


def test_no_connection_is_held_while_the_server_thinks(database_url: str, url: str, post: Post) -> None:
    database = Database(database_url, size=1)
    mailer, mail = Mailer(database, mail_from=FROM, smtp_url=url), license_mail()
    post.go_on.clear()
    with ThreadPoolExecutor(1) as worker:
        sending = worker.submit(mailer.send, mail, now=NOW)
        assert post.in_data.wait(20)
        assert row(database, mail)["status"] == "claimed"  # the only connection is free, and the claim is committed
        post.go_on.set()
        assert sending.result(20).outcome is Outcome.SENT
    database.close()


def test_the_mail_log_holds_neither_address_nor_name_nor_key(mailer: Mailer, database: Database, post: Post) -> None:
    mailer.send(license_mail(), now=NOW)
    post.answers["RCPT"] = "550 5.1.1 <ada@customer.example>: Ada Lovelace is unknown"
    mailer.send(license_mail(), now=NOW)
    kept = json.dumps(database.fetch_all("select to_jsonb(mails) as written from mails")).lower()
    assert len(database.fetch_all("select 1 from mails")) == 2
    assert not [secret for secret in ("customer.example", "lovelace", KEY.lower()) if secret in kept]


def test_a_mail_does_not_show_its_secrets_when_it_is_logged() -> None:
    shown = repr(license_mail())
    assert KEY not in shown and "ada@" not in shown and "Ada" not in shown and 'license": 1' not in shown


def test_a_wrong_context_claims_nothing(mailer: Mailer, database: Database) -> None:
    with pytest.raises(ValueError, match="license_key"):
        mailer.send(license_mail(context={}), now=NOW)
    assert database.fetch_all("select 1 from mails") == []


def test_a_licence_mail_without_its_file_is_refused(mailer: Mailer, database: Database) -> None:
    with pytest.raises(ValueError, match="attachment"):
        mailer.send(license_mail(files=()), now=NOW)
    assert database.fetch_all("select 1 from mails") == []


@pytest.mark.parametrize("to", ["nobody", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"])
def test_an_address_that_is_none_fails_for_good(to: str, mailer: Mailer, database: Database, post: Post) -> None:
    mail = license_mail(to)
    assert mailer.send(mail, now=NOW).outcome is Outcome.FAILED
    assert row(database, mail)["error_code"] == "address"
    assert post.taken == []


def test_the_name_of_an_unproven_address_stays_out_of_the_header(mailer: Mailer, post: Post) -> None:
    context = {"link": "https://example.com/verify", "expires_at": NOW}
    mail = license_mail(kind=MailKind.VERIFY_EMAIL, name="WIN NOW", context=context, files=())
    assert mailer.send(mail, now=NOW).outcome is Outcome.SENT
    assert b"WIN NOW" not in post.taken[0].content


def test_in_production_without_a_server_mails_wait_and_are_not_caught(database: Database) -> None:
    mailer, mail = Mailer(database, mail_from=FROM), license_mail()
    with pytest.raises(MailDelayed):
        mailer.send(mail, now=NOW)
    assert (row(database, mail)["status"], row(database, mail)["error_code"]) == ("delayed", "no_smtp_url")
    assert mailer.caught() == []


def test_with_a_server_the_sandbox_sends(database: Database, url: str, post: Post) -> None:
    mailer = Mailer(database, mail_from=FROM, smtp_url=url, sandbox=True)
    assert mailer.send(license_mail(), now=NOW).outcome is Outcome.SENT
    assert len(post.taken) == 1 and mailer.caught() == []
