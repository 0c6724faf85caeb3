from __future__ import annotations

import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import escape

from adapters.emails.envelope import Mailbox, compose, plain_address
from adapters.emails.letterhead import LOGO, Image
from adapters.emails.render import Frame, Letterhead, Rendered, render
from adapters.emails.samples import sample_context
from domain.mail_kinds import MailKind
from domain.notice import File

AT = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
MESSAGE_ID = UUID("018f0000-0000-7000-8000-000000000001")


def trial_ending(**changes: object) -> Rendered:
    context = sample_context(MailKind.TRIAL_ENDING, **changes)
    return render(MailKind.TRIAL_ENDING, context, Frame(Letterhead("Analytical Engines")))


def message(rendered: Rendered, **changes: Any) -> EmailMessage:
    """As a mail program gets it: composed, put on the wire, read back."""
    sender, to = Mailbox("Analytical Engines", "licences@example.com"), Mailbox("Ada", "ada@example.com")
    arguments = {"message_id": MESSAGE_ID, "sender": sender, "to": to, "now": AT} | changes
    wire = compose(rendered, **arguments).as_bytes()
    return email.message_from_bytes(wire, policy=default)


def test_the_message_carries_our_headers_and_all_parts() -> None:
    rendered = trial_ending()
    read = message(rendered, files=[File("coditect-license.json", b'{"a": 1}\n')])
    assert read["From"] == "Analytical Engines <licences@example.com>"
    assert read["To"] == "Ada <ada@example.com>"
    assert read["Date"].datetime == AT
    assert read["Message-ID"] == f"<{MESSAGE_ID}@example.com>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_body(("plain",)).get_content().replace("\r\n", "\n") == rendered.text
    assert read.get_body(("html",)).get_content().replace("\r\n", "\n") == rendered.html
    (attached,) = read.iter_attachments()
    assert attached.get_filename() == "coditect-license.json"
    assert attached.get_content_type() == "application/json"
    assert attached.get_payload(decode=True) == b'{"a": 1}\n'


def test_mails_about_one_thing_are_one_thread() -> None:
    earlier = [UUID(int=number) for number in range(1, 16)]
    read = message(trial_ending(), earlier=earlier)
    assert read["In-Reply-To"] == f"<{earlier[-1]}@example.com>"
    assert str(read["References"]).split() == [f"<{each}@example.com>" for each in earlier]
    assert message(trial_ending())["References"] is None


def test_a_mail_program_may_unsubscribe_its_reader_and_reads_the_address_whole() -> None:
    url = "https://licences.example.com/mails/unsubscribe?token=" + "eyJhbGciOiJIUzI1NiJ9." * 12
    wire = compose(
        trial_ending(),
        message_id=MESSAGE_ID,
        sender=Mailbox("Us", "licences@example.com"),
        to=Mailbox("Ada", "ada@example.com"),
        now=AT,
        unsubscribe_url=url,
    ).as_bytes()
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in wire
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in wire
    assert message(trial_ending())["List-Unsubscribe"] is None


def test_an_answer_reaches_the_vendor_and_an_unfit_address_is_left_out() -> None:
    assert message(trial_ending(), reply_to="help@acme.example")["Reply-To"] == "help@acme.example"
    for nowhere in ("x\r\nBcc: a@b.example", "call us", "licences@example.com"):
        assert message(trial_ending(), reply_to=nowhere)["Reply-To"] is None


def test_the_logo_comes_with_the_page_and_is_no_attachment() -> None:
    read = message(trial_ending(), logo=Image("png", b"PNG"), files=[File("a.pdf", b"%PDF", "application/pdf")])
    assert [part.get_filename() for part in read.iter_attachments()] == ["a.pdf"]
    (related,) = [part for part in read.walk() if part["Content-ID"]]
    assert (related["Content-ID"], related.get_content_type()) == (f"<{LOGO}>", "image/png")
    assert "CODITECT" in read.get_body(("plain",)).get_content()


def test_no_line_on_the_wire_is_longer_than_the_standard_allows() -> None:
    wire = compose(
        trial_ending(manage_url="https://a.example/?token=" + "x" * 3000),
        message_id=MESSAGE_ID,
        sender=Mailbox("Ü" * 200, "licences@example.com"),
        to=Mailbox("अ" * 200, "ada@example.com"),
        now=AT,
    ).as_bytes()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert b"\n" not in wire.replace(b"\r\n", b"")


HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
NASTY = st.text(st.sampled_from("aé अ\r\n\t\x00\u2028\u202e<>@,;:\"\\()=?_.&'"), max_size=120) | st.text(max_size=120)


@example(name="boss@evil.example, " + "x" * 81, company="x", product="x")  # CPython issue 80222
@given(name=NASTY, company=NASTY, product=NASTY)
def test_no_name_can_add_a_header_or_a_recipient(name: str, company: str, product: str) -> None:
    rendered = trial_ending(recipient_name=name, organization_name=company or "x", product_name=product or "x")
    read = message(rendered, to=Mailbox(name, "ada@example.com"), sender=Mailbox(company, "us@example.com"))
    assert sorted(read.keys()) == sorted(HEADERS)
    assert [address.addr_spec for address in read["To"].addresses] == ["ada@example.com"]
    assert [address.addr_spec for address in read["From"].addresses] == ["us@example.com"]
    assert read["Message-ID"] == f"<{MESSAGE_ID}@example.com>"
    assert read.get_body(("plain",)) is not None and not list(read.iter_attachments())


@pytest.mark.parametrize("name", ["Müller Jörg", "अदिति शर्मा", "محمد بن راشد", "Zoë O'Brien-Łęcki", "山田 太郎"])
def test_names_of_the_world_arrive_unchanged(name: str) -> None:
    read = message(trial_ending(recipient_name=name), to=Mailbox(name, "ada@example.com"))
    assert read["To"].addresses[0].display_name == name
    assert name in read.get_body(("plain",)).get_content()
    assert escape(name) in read.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" ada@example.com ", "ada@example.com"),
        ("ada+licences@sub.example.com", "ada+licences@sub.example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("अदिति@example.com", "अदिति@example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_gets_an_ascii_domain(text: str, address: str) -> None:
    assert plain_address(text) == address


NOT_ADDRESSES = """
ada @example.com @localhost ada@ a@b@example.com a@example.com,b@x.org <a@example.com> a..b@example.com
"a"@example.com a@-example.com a@.com a>@example.com
"""


@pytest.mark.parametrize("text", ["", "a b@example.com", "a@exa mple.com", "a\x00@example.com", *NOT_ADDRESSES.split()])
def test_what_is_not_one_plain_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        plain_address(text)


@pytest.mark.parametrize("text", ["a@example.com\r\nBcc: b@x.org", "a\r\n@example.com", "a@" + "x" * 64 + ".com"])
def test_an_address_that_could_break_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        plain_address(text)


def test_the_sender_is_read_from_its_usual_form() -> None:
    assert Mailbox.parse("CODITECT <licences@example.com>") == Mailbox("CODITECT", "licences@example.com")
    assert Mailbox.parse("licences@example.com") == Mailbox("example.com", "licences@example.com")
    with pytest.raises(ValueError):
        Mailbox.parse("nobody")


def test_neither_key_nor_address_show_when_a_mail_is_logged() -> None:
    assert "secret" not in repr(File("a.json", b"secret"))
    assert "ada" not in repr(Mailbox("Us", "ada@example.com"))
