"""Mails from the outside: who reads the log of them, sending one again, addresses, unwanted reminders, previews."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from adapters.emails.speech import languages
from api.app import create_app
from application.reactions import errands_of
from domain.ids import message_id
from domain.mail_kinds import MailKind
from domain.mail_resend import Told
from domain.notice import Notice, Reader
from projections.billing_accounts import BillingAccounts
from scripts.stripe_sim import StripeAccount
from scripts.stripe_sim.server import serving
from tests.api.people_engine import Client, people_engine, refused
from tests.mail_world import PRO, MailWorld

HEAD = {"Accept": "text/html"}


def dispatch(services) -> None:
    """What the dispatcher and a worker do."""
    for stored in services.store.recorder.select_notifications(1, 10_000):
        event = services.codec.to_domain_event(stored)
        for task in errands_of(event):
            id = message_id(event.originator_id, event.originator_version, task)
            services.database.execute(*services.outbox.put(id, task, event.originator_id, event.originator_version))
            services.errands.run(id)


@pytest.fixture
def mailed(services, shop, ann, bob) -> dict[str, UUID]:
    """Each has a licence; the ids of the mails with the keys."""
    for member in (ann, bob):
        services.licenses.issue(member.organization_id, "pro", seats=None, expires_at=None)
    dispatch(services)
    found = services.mail_log.list(kind="license_issued")
    return {
        name: next(m.message_id for m in found if m.organization_id == each.organization_id)
        for name, each in (("ann", ann), ("bob", bob))
    }


def test_an_organization_reads_its_own_log_without_bodies_and_without_what_concerns_one_person(mailed, ann, bob):
    found = ann.client.get("/mails").json()["data"]
    assert [mail["kind"] for mail in found] == ["license_issued"]
    assert set(found[0]) == {"id", "organization_id", "kind", "status", "language", "noted_at", "sent_at", "about"}
    assert found[0]["status"] == "sent" and found[0]["language"] == "en"
    assert ann.client.get(f"/mails/{found[0]['id']}").json() == found[0]
    refused(bob.client.get(f"/mails/{found[0]['id']}"), 404, "not_found")
    refused(ann.client.get("/mails", params={"organization_id": str(bob.organization_id)}), 404, "not_found")
    refused(ann.client.get("/admin/mails"), 403, "not_allowed")
    refused(ann.client.as_(None).get("/mails"), 401, "not_authenticated")


def test_the_vendor_reads_all_of_it_in_pages_and_narrowed(mailed, admin, ann):
    first = admin.get("/admin/mails", params={"limit": 3}).json()
    rest = admin.get("/admin/mails", params={"limit": 3, "after": first["next"]}).json()
    every = first["data"] + rest["data"]
    assert sorted(mail["kind"] for mail in every) == ["license_issued"] * 2 + ["verify_email"] * 2
    assert rest["next"] is None and {mail["attempts"] for mail in every} == {1}
    narrowed = admin.get("/admin/mails", params={"organization_id": str(ann.organization_id), "status": "sent"}).json()
    assert [UUID(mail["id"]) for mail in narrowed["data"]] == [mailed["ann"]]
    assert (
        admin.get("/admin/mails", params={"kind": "verify_email", "until": "2020-01-01T00:00:00Z"}).json()["data"] == []
    )
    refused(admin.get("/admin/mails", params={"kind": "spam"}), 422, "invalid_request")
    refused(admin.get("/admin/mails", params={"stauts": "sent"}), 422, "invalid_request")


def test_a_mail_is_sent_once_more_for_a_reason_and_once_for_each_request(services, mailed, admin, ann):
    asked = {"json": {"reason": "deleted by mistake"}, "headers": {"Idempotency-Key": "again"}}
    answers = [admin.post(f"/admin/mails/{mailed['ann']}/resend", **asked) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    dispatch(services)
    dispatch(services)
    mails = services.mailer.caught(to="ann@example.test")
    first, again = (services.mailer.caught_mail(id) for id in (mailed["ann"], UUID(answers[0].json()["id"])))
    assert len(mails) == 3 and again.text == first.text and again.id != first.id
    refused(admin.post(f"/admin/mails/{mailed['ann']}/resend", json={"reason": " "}), 422, "invalid_request")
    refused(admin.post(f"/admin/mails/{uuid4()}/resend", json={"reason": "x"}), 404, "not_found")
    refused(ann.client.post(f"/admin/mails/{mailed['ann']}/resend", json={"reason": "x"}), 403, "not_allowed")


def test_what_is_over_is_not_said_again(services, mailed, admin):
    license_id = services.mail_log.find(mailed["ann"]).told_stream
    services.licenses.revoke(license_id, reason="fraud")
    error = refused(admin.post(f"/admin/mails/{mailed['ann']}/resend", json={"reason": "lost"}), 409, "conflict")
    assert "nothing to say" in error["message"]


def test_a_bounce_ends_mails_to_an_address_until_somebody_says_that_it_works(services, mailed, admin, ann):
    email = {"email": "Ann@Example.test"}
    assert admin.post("/admin/mail-addresses/find", json=email).json()["address_id"] is None
    bounce = {**email, "cause": "bounced", "code": "550 5.1.1", "mail_id": str(mailed["ann"])}
    for _ in range(2):
        answer = admin.post("/admin/mail-addresses/suppress", json=bounce).json()
        assert (answer["cause"], answer["code"]) == ("bounced", "550 5.1.1")
    services.users.forget_password("ann@example.test")
    dispatch(services)
    (held,) = admin.get("/admin/mails", params={"kind": "reset_password"}).json()["data"]
    assert (held["status"], held["attempts"]) == ("suppressed", 0)
    restored = admin.post("/admin/mail-addresses/restore", json={**email, "reason": "a new mailbox"}).json()
    assert restored["cause"] is None and restored["address_id"] == answer["address_id"]
    services.users.forget_password("ann@example.test")
    dispatch(services)
    newest = admin.get("/admin/mails", params={"kind": "reset_password", "limit": 1}).json()["data"][0]
    assert newest["status"] == "sent"
    log = services.store.recorder.select_notifications(1, 10_000)
    assert b"example.test" not in b"".join(bytes(stored.state) for stored in log if stored.topic.startswith("mail_"))


@pytest.mark.parametrize(
    "body", [{}, {"email": "ann"}, {"email": "a@b.test"}, {"email": "a@b.test", "cause": "refused"}, {"to": "a@b.test"}]
)
def test_a_report_that_makes_no_sense_is_refused(admin, body):
    refused(admin.post("/admin/mail-addresses/suppress", json=body), 422, "invalid_request")


def test_a_reader_ends_reminders_by_a_page_or_a_program_and_has_them_back(services, client):
    def renewal() -> str:
        to = Reader(uuid4(), uuid4(), "ada@example.test", "Ada")
        notice = Notice(uuid4(), MailKind.WELCOME, Told(uuid4(), 1, "welcome"), to, {"organization_name": "Ada"})
        services.mailing.post(notice)
        address = services.mail_addresses.find("ada@example.test")
        return str(address.withholds(MailKind.RENEWAL_NOTICE)) if address else "nothing known"

    url = services.mail_addresses.unsubscribe_url("ada@example.test").removeprefix(services.settings.public_url)
    page = client.get(f"/{url}", headers=HEAD)
    assert page.status_code == 200 and "no more reminders" in page.text
    assert renewal() == "nothing known", "to look at the page changes nothing"
    one_click = client.post(f"/{url}", data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200 and "You get no more reminders" in one_click.text
    assert renewal() == "unsubscribed"
    client.post(f"/{url}", data={"List-Unsubscribe": "One-Click"})
    assert "again" in client.get(f"/{url}", headers=HEAD).text
    assert client.post(f"/{url}", data={"reminders": "again"}).status_code == 200
    assert renewal() == "None"
    wrong = client.get("//mails/unsubscribe?token=eyJ.x.y", headers=HEAD)
    assert wrong.status_code == 400 and "does not work" in wrong.text
    assert client.post("//mails/unsubscribe").status_code == 400


def test_a_person_chooses_the_language_of_its_mails(services, ann):
    assert ann.client.get("/me").json()["language"] is None
    assert ann.client.patch("/me", json={"language": "de"}).json()["language"] == "de"
    refused(ann.client.patch("/me", json={"language": "xx"}), 422, "invalid_request")
    services.users.forget_password("ann@example.test")
    dispatch(services)
    newest = services.mailer.caught(1, to="ann@example.test")[0]
    assert newest.subject == "Neues Passwort setzen" or "Passwort" in newest.subject


@pytest.mark.parametrize("language", languages())
def test_every_kind_is_shown_in_every_language_and_can_run_nothing(client, language):
    page = client.get("//sandbox/mails/previews", params={"language": language})
    assert page.status_code == 200 and "<script" not in page.text
    assert re.findall(r"kind=(\w+)&amp;language=\w+\"(?: aria-current=\"true\")?><b", page.text) == list(MailKind)
    for kind in (MailKind.LICENSE_ISSUED, MailKind.PAYMENT_FAILED):
        shown = client.get(f"//sandbox/mails/previews/{kind}/{language}/html")
        assert f'lang="{language}"' in shown.text and "sandbox" in shown.headers["Content-Security-Policy"]
        assert (
            client.get(f"//sandbox/mails/previews/{kind}/{language}/text")
            .headers["Content-Type"]
            .startswith("text/plain")
        )


def test_what_is_no_kind_or_language_has_no_preview(client):
    refused(client.get("//sandbox/mails/previews/spam/en/html"), 422, "invalid_request")
    refused(client.get("//sandbox/mails/previews/welcome/xx/html"), 404, "not_found")


def test_the_link_of_a_mail_leads_to_the_provider_s_portal_and_to_nothing_without_its_token(settings, redis):
    account = StripeAccount(seed=1, now=datetime(2026, 12, 1, tzinfo=UTC))
    with serving(account) as stripe_url:
        settings = replace(settings, stripe_secret_key="sk_test_mails", stripe_api_base=stripe_url)
        with people_engine(settings) as services:
            world = MailWorld(services)
            world.stripe = account
            account.price(PRO, amount=9900, lookup_key="pro-monthly")
            world.buy()
            mail = next(each for each in world.mails() if "subscription has begun" in each.subject)
            (link,) = set(re.findall(r"/billing\?token=[\w.-]+", mail.text))
            client = Client(create_app(services))
            page = client.get(f"/{link}", headers=HEAD)
            assert page.status_code == 200
            (onward,) = re.findall(r'href="(/billing/open[^"]+)"', page.text)
            with world.following(BillingAccounts()):
                opened = client.get(f"/{onward}", headers=HEAD)
            assert opened.status_code == 303 and opened.headers["Location"].startswith(stripe_url)
            assert account.find("billing_portal.session")
            assert client.get(f"/{onward}x", headers=HEAD).status_code == 400
            assert client.get("//billing?token=x", headers=HEAD).status_code == 400
