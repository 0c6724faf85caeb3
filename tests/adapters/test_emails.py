from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from jinja2 import Environment, meta

from adapters.emails.kinds import COMMON, CONTEXTS, MailKind, license_file_name
from adapters.emails.render import _words, render
from domain.money import Money

AT = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
MESSAGE_ID = UUID("018f0000-0000-7000-8000-000000000001")
VALUES: dict[str, Any] = {
    "recipient_name": "Ada Lovelace",
    "sender": "Analytical Engines",
    "link": "https://licences.example.com/go?token=abc&next=1",
    "pay_url": "https://pay.example.com/i/1",
    "manage_url": "https://licences.example.com/manage",
    "product_name": "CODITECT",
    "plan_name": "Pro",
    "organization_name": "Babbage & Sons",
    "license_key": "CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6",
    "file_name": "coditect-license.json",
    "seats": 10,
    "amount": Money(29000, "usd"),
    "attempt": 2,
    "reason": "payment_failed",
    "role": "developer",
    "inviter": "grace@example.com",
    "meter_name": "API calls",
    "used": "8,000",
    "limit": "10,000",
    "upgrade_url": "https://licences.example.com/pricing",
    "stops": "yes",
    "goes_on": "yes",
    "endpoint": "https://hooks.example.com",
    "endpoint_id": "018f0000-0000-7000-8000-000000000002",
    "resumes_at": 4711,
    "what": "Your account",
    **dict.fromkeys(("expires_at", "changed_at", "works_until", "next_attempt_at", "suspended_at"), AT),
    **dict.fromkeys(("revoked_at", "trial_ends_at", "removed_at", "transferred_at", "disabled_at", "resets_at"), AT),
    **dict.fromkeys(("signed_in_at", "asked_at", "due_at"), AT),
    "device": "Firefox on Linux",
    "network": "198.51.100.0/24",
}
REQUIRED = [(kind, key) for kind in MailKind for key in CONTEXTS[kind].required]
OPTIONAL = [(kind, key) for kind in MailKind for key in CONTEXTS[kind].optional]


def context(kind: MailKind, **changes: object) -> dict[str, object]:
    return {key: VALUES[key] for key in CONTEXTS[kind].keys | COMMON.keys()} | changes


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str | None] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self.links.update(value for name, value in attrs if name == "href")
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_renders_from_its_documented_context(kind: MailKind) -> None:
    rendered = render(kind, context(kind))
    for part in (rendered.subject, rendered.text, rendered.html):
        assert part.strip()
        assert "{{" not in part and "None" not in part
    assert "\n" not in rendered.subject


@pytest.mark.parametrize(("kind", "key"), REQUIRED + OPTIONAL + [(kind, key) for kind in MailKind for key in COMMON])
def test_a_mail_is_refused_when_a_documented_key_is_missing(kind: MailKind, key: str) -> None:
    lacking = {name: value for name, value in context(kind).items() if name != key}
    with pytest.raises(ValueError, match=key):
        render(kind, lacking)


@pytest.mark.parametrize(("kind", "key"), REQUIRED)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_mail_is_refused_when_a_required_value_is_empty(kind: MailKind, key: str, nothing: object) -> None:
    with pytest.raises(ValueError, match=key):
        render(kind, context(kind, **{key: nothing}))


@pytest.mark.parametrize(("kind", "key"), OPTIONAL)
def test_the_lines_of_an_optional_key_are_left_out_with_it(kind: MailKind, key: str) -> None:
    whole, shorter = render(kind, context(kind)), render(kind, context(kind, **{key: None}))
    assert len(shorter.text) < len(whole.text) and len(shorter.html) < len(whole.html)
    assert "None" not in shorter.text + shorter.html


def test_a_key_that_the_kind_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="licence_key"):
        render(MailKind.VERIFY_EMAIL, context(MailKind.VERIFY_EMAIL, licence_key="CODI-1"))


@pytest.mark.parametrize("language", _words())
@pytest.mark.parametrize("kind", MailKind)
def test_the_words_use_exactly_the_documented_keys(language: str, kind: MailKind) -> None:
    words = _words()[language]["kinds"][kind.value]
    parser = Environment()
    parser.filters |= dict.fromkeys(("date", "moment", "money", "reason", "advice", "role"), str)
    used = meta.find_undeclared_variables(parser.parse(str(words)))
    tested = {block["if"] for block in words["body"] if "if" in block}
    assert (used | tested) - COMMON.keys() == CONTEXTS[kind].keys
    assert tested <= CONTEXTS[kind].optional.keys()


@pytest.mark.parametrize("language", _words())
def test_every_language_has_words_for_every_kind_and_no_others(language: str) -> None:
    assert _words()[language]["kinds"].keys() == {kind.value for kind in MailKind}
    assert len(_words()[language]["months"]) == 12


@pytest.mark.parametrize("kind", MailKind)
def test_the_page_is_sound_and_loads_nothing_from_elsewhere(kind: MailKind) -> None:
    html = render(kind, context(kind)).html
    page = Page(html)
    assert page.open == []
    assert page.tags.isdisjoint({"img", "script", "link", "iframe", "object", "form"})
    assert "src" not in page.attributes and "url(" not in html and "@import" not in html
    assert page.links <= {VALUES[key] for key in ("link", "pay_url", "manage_url", "upgrade_url")}
    assert "max-width:600px" in html and "prefers-color-scheme: dark" in html


@pytest.mark.parametrize("kind", MailKind)
def test_the_text_is_wrapped_for_narrow_readers(kind: MailKind) -> None:
    lines = render(kind, context(kind)).text.splitlines()
    assert all(len(line) <= 72 for line in lines)
    assert "" not in {lines[0], lines[-1]} and ["", "", ""] not in [lines[i : i + 3] for i in range(len(lines))]


def test_the_licence_mail_shows_the_key_whole_in_both_parts() -> None:
    rendered = render(MailKind.LICENSE_ISSUED, context(MailKind.LICENSE_ISSUED))
    assert "\n    CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6\n" in rendered.text
    assert ">CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6<" in rendered.html
    assert "coditect-license.json" in rendered.text
    assert "Seats:            10\nValid until:      12 March 2026\n" in rendered.text


def test_names_are_escaped_in_the_page_and_plain_in_the_text() -> None:
    nasty = "<script>alert(1)</script> & Sons {{ 7*7 }}"
    rendered = render(MailKind.LICENSE_ISSUED, context(MailKind.LICENSE_ISSUED, organization_name=nasty))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons {{ 7*7 }}" in rendered.html
    assert "script" not in Page(rendered.html).tags
    assert nasty in rendered.text


def test_a_line_break_in_a_name_stays_on_its_line() -> None:
    rendered = render(
        MailKind.LICENSE_ISSUED,
        context(MailKind.LICENSE_ISSUED, product_name="X\r\nBcc: a@b.c", organization_name="A\nSeats: 9999"),
    )
    assert rendered.subject == "Your X Bcc: a@b.c licence"
    assert "Licensed to:      A Seats: 9999\n" in rendered.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://a/b"])
def test_a_link_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        render(MailKind.VERIFY_EMAIL, context(MailKind.VERIFY_EMAIL, link=url))


def test_a_link_arrives_unchanged_in_both_parts() -> None:
    rendered = render(MailKind.RESET_PASSWORD, context(MailKind.RESET_PASSWORD))
    assert VALUES["link"] in rendered.text.splitlines()
    assert VALUES["link"] in Page(rendered.html).links


def test_times_are_said_in_utc_and_need_a_zone() -> None:
    kind, india = MailKind.PASSWORD_CHANGED, timezone(timedelta(hours=5, minutes=30))
    said = render(kind, context(kind, changed_at=datetime(2026, 1, 1, 2, 0, tzinfo=india))).text
    assert "31 December 2025, 20:30 UTC" in " ".join(said.split())
    with pytest.raises(ValueError, match="zone"):
        render(kind, context(kind, changed_at=datetime(2026, 1, 1)))


def test_a_known_reason_is_said_in_words_and_another_as_it_is() -> None:
    kind = MailKind.LICENSE_SUSPENDED
    assert "the payment failed several times" in render(kind, context(kind)).text
    other = render(kind, context(kind, reason="Breach of section 4")).text
    assert "Breach of section 4" in other and "get in touch" in other
    assert "settle the payment" in render(kind, context(kind, reason="payment_failed")).text
    assert "withdraw the dispute" in render(kind, context(kind, reason="payment_disputed")).text


@pytest.mark.parametrize(
    ("money", "said"), [(Money(29000, "usd"), "290.00 USD"), (Money(1234567, "jpy"), "1,234,567 JPY")]
)
def test_an_amount_is_said_in_its_currency(money: Money, said: str) -> None:
    kind = MailKind.PAYMENT_FAILED
    assert f"Amount:           {said}\n" in render(kind, context(kind, amount=money)).text


def test_a_language_that_is_missing_falls_back_to_english() -> None:
    kind = MailKind.VERIFY_EMAIL
    assert render(kind, context(kind), "xx-YY") == render(kind, context(kind), "en_GB") == render(kind, context(kind))


def test_a_mail_to_an_unproven_address_carries_nothing_a_stranger_typed() -> None:
    rendered = render(MailKind.VERIFY_EMAIL, context(MailKind.VERIFY_EMAIL, recipient_name="WIN at evil.example"))
    assert "evil" not in rendered.subject + rendered.text + rendered.html
    assert rendered.text.startswith("Hello,\n")


def test_a_person_without_a_name_is_greeted_all_the_same() -> None:
    kind = MailKind.PASSWORD_CHANGED
    assert render(kind, context(kind, recipient_name="")).text.startswith("Hello,\n")
    assert render(kind, context(kind)).text.startswith("Hello Ada Lovelace,\n")


def test_the_licence_file_is_named_after_its_product() -> None:
    assert license_file_name("coditect") == "coditect-license.json"
    assert re.fullmatch(r"[a-z0-9-]+-license\.json", license_file_name("../etc\r\nX"))
