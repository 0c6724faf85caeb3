"""Mails on the command line."""

from __future__ import annotations

from uuid import UUID

from adapters.emails.speech import languages
from domain.mail_kinds import MailKind
from tests.mail_world import ADA, MailWorld

NOBODY = UUID("6f1c1e0a-4a54-5d52-9d0b-75736865720a")


def test_a_bounce_is_reported_and_taken_back_and_the_mail_sent_again(engine, services):
    world = MailWorld(services)
    world.buy()
    (mail,) = engine("mails", "list", "--kind", "license_issued", "--json").json
    assert (mail["status"], mail["attempts"], mail["language"]) == ("sent", 1, "en")
    listed = engine("mails", "list").out
    assert "subscription_confirmed" in listed and ADA not in listed
    bounced = engine("mails", "suppress", ADA, "--cause", "bounced", "--code", "550 5.1.1", "--mail", mail["id"])
    assert bounced.code == 0 and "bounced" in bounced.out
    assert engine("mails", "address", ADA.upper(), "--json").json["mail_id"] == mail["id"]
    again = engine("mails", "resend", mail["id"], "--reason", "bounced", "--json").json
    world.dispatch()
    assert engine("mails", "list", "--status", "suppressed", "--json").json[0]["id"] == again["id"]
    assert engine("mails", "restore", ADA, "--reason", "a new mailbox", "--json").json["cause"] is None
    again = engine("mails", "resend", mail["id"], "--reason", "bounced", "--json").json
    world.dispatch()
    assert again["id"] in {mail["id"] for mail in engine("mails", "list", "--status", "sent", "--json").json}
    assert str(world.mails()[-1].id) == again["id"]


def test_every_mail_is_shown_without_an_engine(usher):
    for language in languages():
        for kind in MailKind:
            shown = usher("mails", "preview", kind, "--language", language)
            assert shown.code == 0 and shown.out.startswith("Subject: ")
    assert usher("mails", "preview", "welcome", "--html").out.startswith("<!doctype html>")


def test_wrong_use_and_what_is_not_there_are_said(engine):
    assert engine("mails", "list", "--status", "lost").code == 2
    assert engine("mails", "list", "--kind", "spam").code == 2
    assert engine("mails", "preview", "spam").code == 2
    assert engine("mails", "suppress", ADA, "--cause", "refused").code == 2
    said = engine("mails", "resend", NOBODY, "--reason", "why not")
    assert (said.code, said.err) == (1, f"usher: There is no mail {NOBODY}.\n")
    assert engine("mails", "address", "nobody@example.com", "--json").json["cause"] is None
