"""The sandbox from the outside: the clock that moves, and the mails that were caught."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from adapters.emails.kinds import MailKind
from adapters.mailer import Mail
from adapters.settings import Mode
from api.app import create_app
from tests.adapters.sample_mail import license_mail
from tests.api.people_engine import Client, people_engine, refused


def now_of(response) -> datetime:
    assert response.status_code == 200, response.text
    return datetime.fromisoformat(response.json()["now"])


@pytest.mark.parametrize("path", ["/sandbox/clock", "//sandbox/clock"])
def test_the_clock_moves_forward_and_everything_follows(services, client, path):
    before = now_of(client.get(path))
    after = now_of(client.post(path, json={"advance": "P8D"}))
    assert timedelta(days=8) <= after - before < timedelta(days=8, minutes=1)
    assert services.clock.now() >= after
    later = now_of(client.post(path, json={"to": (after + timedelta(hours=1)).isoformat()}))
    assert timedelta(hours=1) <= later - after < timedelta(hours=1, minutes=1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advance": "P8D", "to": "2030-01-01T00:00:00Z"},
        {"advance": "P1M"},
        {"advance": "8 days"},
        {"advance": "-P1D"},
        {"advance": "P999999999D"},
        {"advance": "P36526D"},
        {"to": "9999-12-31T23:59:59Z"},
        {"to": "9999-12-31T23:59:59-23:00"},
        {"to": "2030-01-01"},
        {"to": "tomorrow"},
        {"back": "P1D"},
        [],
        None,
    ],
)
def test_absurd_moves_are_refused_and_the_clock_stays(services, client, body):
    before = services.clock.offset
    refused(client.post("/sandbox/clock", json=body), 422, "invalid_request")
    assert services.clock.offset == before


def test_moves_add_up_to_a_hundred_years_at_most(client):
    assert client.post("/sandbox/clock", json={"advance": "P36000D"}).status_code == 200
    refused(client.post("/sandbox/clock", json={"advance": "P600D"}), 422, "invalid_request")


def test_the_clock_never_goes_back(client):
    refused(client.post("/sandbox/clock", json={"to": "2020-01-01T00:00:00Z"}), 409, "conflict")


# mails


def mailed(services, to: str, number: int, **more) -> UUID:
    mail = Mail(
        message_id=UUID(int=number),
        kind=MailKind.RESET_PASSWORD,
        to=to,
        recipient_name="Ann <b>&</b> Co",
        recipient_subject=uuid4(),
        organization_id=None,
        context={"link": f"https://usher.test/reset?token=t{number}", "expires_at": services.clock.now()},
        **more,
    )
    services.mailer.send(mail, now=services.clock.now())
    return mail.message_id


def licensed(services, to: str) -> UUID:
    """A mail with a file."""
    mail = license_mail(to)
    services.mailer.send(mail, now=services.clock.now())
    return mail.message_id


def test_caught_mails_are_listed_newest_first(services, client):
    for number in (1, 2, 3):
        mailed(services, "ann@example.test", number)
    found = client.get("/sandbox/mails").json()
    assert [mail["id"] for mail in found["data"]] == [str(UUID(int=each)) for each in (3, 2, 1)]
    newest = found["data"][0]
    assert set(newest) == {"id", "to", "subject", "date", "text", "html", "attachments"}
    assert newest["to"] == "ann@example.test" and "token=t3" in newest["text"] and "token=t3" in newest["html"]
    assert newest["date"].endswith("Z") and newest["attachments"] == []


def test_mails_are_narrowed_to_an_address_and_come_in_pages(services, client):
    for number in (1, 2, 3):
        mailed(services, "ann@example.test", number)
    mailed(services, "bob@example.test", 4)
    (of_bob,) = client.get("/sandbox/mails", params={"to": "BOB@example.test"}).json()["data"]
    assert of_bob["id"] == str(UUID(int=4))
    page = client.get("/sandbox/mails", params={"to": "ann@example.test", "limit": 2}).json()
    rest = client.get("/sandbox/mails", params={"to": "ann@example.test", "after": page["next"]}).json()
    assert [mail["id"] for mail in rest["data"]] == [str(UUID(int=1))] and rest["next"] is None


def test_an_attached_file_is_downloaded(services, client):
    id = licensed(services, "ann@example.test")
    response = client.get(f"/sandbox/mails/{id}/attachments/coditect-license.json")
    assert response.content == b'{"license": 1}'
    assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''coditect-license.json"
    refused(client.get(f"/sandbox/mails/{id}/attachments/other.json"), 404, "not_found")
    refused(client.get(f"/sandbox/mails/{uuid4()}/attachments/x"), 404, "not_found")


def test_the_page_lists_mails_and_shows_one_without_trusting_it(services, client):
    older, newer = mailed(services, "ann@example.test", 1), licensed(services, "bob@example.test")
    page = client.get("//sandbox/mails")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert f'src="/sandbox/mails/{newer}/html"' in page.text
    assert f"/api/v1/sandbox/mails/{newer}/attachments/coditect-license.json" in page.text
    chosen = client.get("//sandbox/mails", params={"mail": str(older)})
    assert f'src="/sandbox/mails/{older}/html"' in chosen.text
    assert "script" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_the_page_escapes_what_was_asked_for(client):
    page = client.get("//sandbox/mails", params={"to": '"><script>alert(1)</script>'})
    assert page.status_code == 200 and "<script" not in page.text
    assert client.get("//sandbox/mails?to=").status_code == 200
    assert "No mail was caught yet" in page.text


def test_a_mail_in_its_frame_can_run_nothing_and_opens_links_outside(services, client):
    id = mailed(services, "ann@example.test", 1)
    content = client.get(f"//sandbox/mails/{id}/html")
    policy = content.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox allow-popups" in policy and "frame-ancestors 'self'" in policy
    assert '<base target="_blank">' in content.text
    text = client.get(f"//sandbox/mails/{id}/text")
    assert text.headers["Content-Type"].startswith("text/plain") and "token=t1" in text.text
    assert b"Subject:" in client.get(f"//sandbox/mails/{id}/raw").content
    refused(client.get(f"//sandbox/mails/{uuid4()}/html"), 404, "not_found")


def test_many_mails_are_on_further_pages(services, client):
    for number in range(1, 53):
        mailed(services, "ann@example.test", number)
    page = client.get("//sandbox/mails").text
    assert f"after={UUID(int=3)}" in page
    older = client.get("//sandbox/mails", params={"after": str(UUID(int=3))}).text
    assert f"mail={UUID(int=2)}" in older and f"mail={UUID(int=3)}" not in older


def test_in_production_there_is_nothing_here(settings, services):
    with people_engine(replace(settings, mode=Mode.PRODUCTION)) as production:
        client = Client(create_app(production))
        for path in ("/sandbox/clock", "//sandbox/clock", "/sandbox/mails", "//sandbox/mails"):
            refused(client.get(path), 404, "not_found")
        for path in (f"/sandbox/mails/{uuid4()}/attachments/x", f"//sandbox/mails/{uuid4()}/html"):
            refused(client.get(path), 404, "not_found")
        for path in ("/sandbox/clock", "//sandbox/clock"):
            refused(client.post(path, json={"advance": "P1D"}), 404, "not_found")
            refused(client.post(path, json={"nonsense": 1}), 404, "not_found")
