"""What mails say, in every language, and that nobody's name can change how they are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from jinja2 import Environment, meta

from adapters.emails.kinds import COMMON, CONTEXTS, MailKind, license_file_name
from adapters.emails.letterhead import stationery_of
from adapters.emails.render import Frame, Letterhead, Rendered, render
from adapters.emails.samples import LETTERHEAD, SAMPLES, UNSUBSCRIBE_URL, preview, sample_context
from adapters.emails.speech import Speech, language_for, languages, words_of
from domain.mail_kinds import REMINDERS
from domain.money import Money
from domain.plan import Interval, Price
from domain.vendor import Identity

FRAME = Frame(Letterhead("Analytical Engines"))
REQUIRED = [(kind, key) for kind in MailKind for key in CONTEXTS[kind].required]
OPTIONAL = [(kind, key) for kind in MailKind for key in CONTEXTS[kind].optional]
EVERYWHERE = [(kind, language) for kind in MailKind for language in languages()]
FILTERS = ("date", "moment", "month", "money", "price", "count", "number", "reason", "advice", "begun", "role")


def said(kind: MailKind, language: str = "en", **changes: object) -> Rendered:
    context = {key: SAMPLES[key] for key in CONTEXTS[kind].keys | COMMON.keys()} | changes
    return render(kind, context, Frame(Letterhead("Analytical Engines"), language))


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
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# every kind


@pytest.mark.parametrize(("kind", "language"), EVERYWHERE)
def test_every_kind_can_be_said_in_every_language(kind: MailKind, language: str) -> None:
    for rendered in (said(kind, language), preview(kind, language)):
        for part in (rendered.subject, rendered.text, rendered.html):
            assert part.strip()
            assert not re.search(r"{{|}}|\bNone\b|{n}|{amount}", part)
        assert "\n" not in rendered.subject


@pytest.mark.parametrize(("kind", "key"), REQUIRED + OPTIONAL + [(kind, key) for kind in MailKind for key in COMMON])
def test_a_mail_is_refused_when_a_documented_key_is_missing(kind: MailKind, key: str) -> None:
    lacking = {name: value for name, value in sample_context(kind).items() if name != key}
    with pytest.raises(ValueError, match=key):
        render(kind, lacking, FRAME)


@pytest.mark.parametrize(("kind", "key"), REQUIRED)
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_mail_is_refused_when_a_required_value_is_empty(kind: MailKind, key: str, nothing: object) -> None:
    with pytest.raises(ValueError, match=key):
        said(kind, **{key: nothing})


@pytest.mark.parametrize(("kind", "key"), OPTIONAL)
def test_the_lines_of_an_optional_key_are_left_out_with_it(kind: MailKind, key: str) -> None:
    whole, shorter = said(kind, **{key: SAMPLES[key] or "yes"}), said(kind, **{key: None})
    assert len(shorter.text) < len(whole.text) and len(shorter.html) < len(whole.html)
    assert "None" not in shorter.text + shorter.html


def test_a_key_that_the_kind_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="licence_key"):
        said(MailKind.VERIFY_EMAIL, licence_key="CODI-1")


# every language


def places(words: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where which text stands, but for plural forms, which each language has of its own."""
    if isinstance(words, str):
        yield path, words
    elif isinstance(words, dict):
        for key, value in words.items():
            if not path.startswith((".counts.", ".prices.")):
                yield from places(value, f"{path}.{key}")
    else:
        for number, value in enumerate(words):
            yield from places(value, f"{path}[{number}]")


@pytest.mark.parametrize("language", languages())
def test_every_language_says_everything_that_english_says_and_in_its_own_words(language: str) -> None:
    english, other = dict(places(words_of("en"))), dict(places(words_of(language)))
    assert other.keys() == english.keys()
    own = {path for path, text in other.items() if text != english[path]}
    same = {path for path in english if re.search("[a-z]{4}", re.sub("{{.*?}}", "", english[path]))} - own
    structure = re.compile(r"\.(url|if)$|\.month$|\.date$|\.moment$")
    assert language == "en" or not [path for path in same if not structure.search(path)]


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_blocks_and_no_word_for_a_kind_that_is_not_there(language: str) -> None:
    kinds, english = words_of(language)["kinds"], words_of("en")["kinds"]
    assert kinds.keys() == {kind.value for kind in MailKind}
    for kind, lines in kinds.items():
        assert [sorted(block) for block in lines["body"]] == [sorted(block) for block in english[kind]["body"]], kind
        conditions = [[block.get("if") for block in each[kind]["body"]] for each in (kinds, english)]
        assert conditions[0] == conditions[1], kind


@pytest.mark.parametrize("language", languages())
def test_every_language_knows_all_plural_forms_of_its_own(language: str) -> None:
    words, locale = words_of(language), Locale.parse(language)
    forms = {*locale.plural_form.tags, "other"}
    assert words["counts"].keys() == words_of("en")["counts"].keys()
    assert words["prices"].keys() == {interval.value for interval in Interval}
    assert all(each.keys() == forms for each in words["counts"].values())
    assert all(each.keys() <= forms and "other" in each for each in words["prices"].values())
    speech = Speech(language)
    price = [Price("p", Money(100, "usd"), Interval.MONTH, count) for count in range(1, 37)]
    assert all("{" not in text for text in (*map(speech.price, price), *(speech.count(n, "seat") for n in range(200))))


@pytest.mark.parametrize(("kind", "language"), EVERYWHERE)
def test_the_words_use_exactly_the_documented_keys(kind: MailKind, language: str) -> None:
    words = words_of(language)["kinds"][kind.value]
    parser = Environment()
    parser.filters |= dict.fromkeys(FILTERS, str)
    tested = {block["if"] for block in words["body"] if "if" in block}
    used = meta.find_undeclared_variables(parser.parse(str(words))) | tested
    assert used - COMMON.keys() == CONTEXTS[kind].keys
    assert tested <= CONTEXTS[kind].optional.keys()


def test_a_language_that_is_missing_falls_back_to_english_and_a_country_to_its_language() -> None:
    assert [language_for(each) for each in ("xx-YY", "en_GB", "de-AT", "ar", "DE", "")] == [
        "en",
        "en",
        "de",
        "ar",
        "de",
        "en",
    ]
    kind = MailKind.VERIFY_EMAIL
    assert said(kind, "xx-YY") == said(kind, "en")
    assert said(kind, "de-CH") == said(kind, "de") != said(kind, "en")


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", {1: "1 seat", 2: "2 seats", 1000: "1,000 seats"}),
        ("de", {1: "1 Platz", 2: "2 Plätze", 1000: "1.000 Plätze"}),
        ("ar", {1: "مقعد واحد", 2: "مقعدان", 3: "3 مقاعد", 11: "11 مقعدًا", 100: "100 مقعد"}),
    ],
)
def test_numbers_of_things_follow_the_plural_rules_of_the_language(language: str, forms: dict[int, str]) -> None:
    speech = Speech(language)
    assert {number: speech.count(number, "seat") for number in forms} == forms


@pytest.mark.parametrize(
    ("language", "money", "text"),
    [
        ("en", Money(29000, "usd"), "$290.00"),
        ("en", Money(1234567, "jpy"), "¥1,234,567"),
        ("de", Money(123456, "eur"), "1.234,56\xa0€"),
        ("en", Money(1500, "bhd"), "BHD\xa01.500"),
    ],
)
def test_an_amount_is_said_as_the_language_writes_it(language: str, money: Money, text: str) -> None:
    assert Speech(language).money(money) == text
    assert text.replace("\xa0", " ") in said(MailKind.PAYMENT_FAILED, language, amount=money).text.replace("\xa0", " ")


def test_an_arabic_mail_is_written_from_the_right_and_keeps_names_apart() -> None:
    rendered = preview(MailKind.LICENSE_ISSUED, "ar")
    assert '<html lang="ar" dir="rtl">' in rendered.html
    assert "\u2068Babbage & Sons\u2069" in rendered.text
    key = SAMPLES["license_key"]
    assert f"\n    {key}\n" in rendered.text, "a key is copied: no invisible mark may stand in it"
    assert 'dir="ltr" style=' in rendered.html and f">{key}<" in rendered.html
    assert "\u2068" not in preview(MailKind.LICENSE_ISSUED, "de").text


# the page


@pytest.mark.parametrize(("kind", "language"), EVERYWHERE)
def test_the_page_is_sound_and_loads_nothing_from_elsewhere(kind: MailKind, language: str) -> None:
    html = preview(kind, language).html
    page = Page(html)
    assert page.open == []
    assert page.tags.isdisjoint({"img", "script", "link", "iframe", "object", "form"})
    assert "src" not in page.attributes and "url(" not in html and "@import" not in html
    assert page.links <= {SAMPLES[key] for key in ("link", "pay_url", "manage_url", "upgrade_url")} | {UNSUBSCRIBE_URL}
    assert "max-width:600px" in html and "prefers-color-scheme: dark" in html


@pytest.mark.parametrize(("kind", "language"), EVERYWHERE)
def test_the_text_is_wrapped_for_narrow_readers(kind: MailKind, language: str) -> None:
    lines = preview(kind, language).text.splitlines()
    assert all(len(line) <= 72 for line in lines if "://" not in line)
    assert "" not in {lines[0], lines[-1]} and ["", "", ""] not in [lines[i : i + 3] for i in range(len(lines))]


def test_the_licence_mail_shows_the_key_whole_in_both_parts() -> None:
    rendered = said(MailKind.LICENSE_ISSUED)
    assert "\n    CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6\n" in rendered.text
    assert ">CODI-7K2QM-9XW4T-HB3VN-5RZ8C-1DGJ6<" in rendered.html
    assert "coditect-license.json" in rendered.text
    assert "Seats:        10\nValid until:  12 April 2026\n" in rendered.text


def test_the_foot_says_who_writes_and_how_to_reach_them() -> None:
    text = " ".join(preview(MailKind.INVOICE_PAID, "en").text.split())
    assert text.endswith(
        "Analytical Engines · 1 Dorset Street · London W1U 4EG · VAT GB 123 4567 89 · help@engines.example ·"
        " https://engines.example"
    )
    assert said(MailKind.INVOICE_PAID).text.endswith("your\naccount or your licence.\n")


def test_the_vendor_that_the_catalogue_describes_is_on_the_letterhead() -> None:
    png, svg = (f"data:image/{kind};base64,iVBORw0KGgo=" for kind in ("png", "svg+xml"))
    vendor = Identity("Acme", ("1 Way",), ("VAT 1",), "help@acme.example", logo=png)
    stationery = stationery_of(vendor, "Usher")
    assert stationery.letterhead.lines == ("1 Way", "VAT 1")
    assert stationery.logo is not None and stationery.logo.content.startswith(b"\x89PNG")
    html = render(MailKind.WELCOME, sample_context(MailKind.WELCOME), Frame(stationery.letterhead)).html
    assert '<img src="cid:logo@usher" alt="Acme"' in html
    drawn = stationery_of(Identity("Acme", logo=svg), "Usher")
    assert drawn.logo is None and drawn.letterhead.logo is None, "mail programs do not draw SVG"
    assert stationery_of(None, "Usher").letterhead == Letterhead("Usher")


def test_only_reminders_offer_to_end_reminders() -> None:
    kinds = {kind for kind in MailKind if UNSUBSCRIBE_URL in preview(kind, "en").text}
    assert kinds == {MailKind.RENEWAL_NOTICE, MailKind.SUBSCRIPTION_ENDING, MailKind.CARD_EXPIRING}
    assert UNSUBSCRIBE_URL in Page(preview(MailKind.RENEWAL_NOTICE, "ar").html).links


# names


def test_names_are_escaped_in_the_page_and_plain_in_the_text() -> None:
    nasty = "<script>alert(1)</script> & Sons {{ 7*7 }}"
    rendered = said(MailKind.LICENSE_ISSUED, organization_name=nasty)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Sons {{ 7*7 }}" in rendered.html
    assert "script" not in Page(rendered.html).tags
    assert nasty in rendered.text


def test_a_line_break_in_a_name_stays_on_its_line() -> None:
    rendered = said(MailKind.LICENSE_ISSUED, product_name="X\r\nBcc: a@b.c", organization_name="A\nSeats: 9999")
    assert rendered.subject == "Your X Bcc: a@b.c licence"
    assert "Licensed to:  A Seats: 9999\n" in rendered.text


def test_a_name_cannot_turn_the_direction_of_what_follows() -> None:
    for language in ("en", "ar"):
        rendered = said(MailKind.LICENSE_ISSUED, language, organization_name="A\u202e\u2067\u2069B")
        assert not {"\u202e", "\u2067"} & set(rendered.text + rendered.html + rendered.subject)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://a/b"])
def test_a_link_that_is_not_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        said(MailKind.VERIFY_EMAIL, link=url)
    with pytest.raises(ValueError, match="https://"):
        render(MailKind.WELCOME, sample_context(MailKind.WELCOME), Frame(LETTERHEAD, unsubscribe_url=url))


@pytest.mark.parametrize("language", languages())
def test_a_link_arrives_unchanged_in_both_parts(language: str) -> None:
    rendered = said(MailKind.RESET_PASSWORD, language)
    assert SAMPLES["link"] in rendered.text.splitlines()
    assert SAMPLES["link"] in Page(rendered.html).links


def test_times_are_said_in_utc_and_need_a_zone() -> None:
    kind, india = MailKind.PASSWORD_CHANGED, timezone(timedelta(hours=5, minutes=30))
    text = said(kind, changed_at=datetime(2026, 1, 1, 2, 0, tzinfo=india)).text
    assert "31 December 2025, 20:30 UTC" in " ".join(text.split())
    with pytest.raises(ValueError, match="zone"):
        said(kind, changed_at=datetime(2026, 1, 1))


def test_a_known_reason_is_said_in_words_and_another_as_it_is() -> None:
    kind = MailKind.LICENSE_SUSPENDED
    assert "The payment failed several times" in said(kind).text
    other = said(kind, reason="Breach of section 4").text
    assert "Breach of section 4" in other and "get in touch" in other
    assert "settle the payment" in said(kind, reason="payment_failed").text
    assert "withdraw the dispute" in said(kind, reason="payment_disputed").text
    assert "\u2068Breach of section 4\u2069" in said(kind, "ar", reason="Breach of section 4").text


def test_a_confirmation_of_a_trial_promises_no_renewal_and_one_with_an_end_neither() -> None:
    kind, at = MailKind.SUBSCRIPTION_CONFIRMED, datetime(2026, 4, 1, tzinfo=UTC)
    trial = said(kind, trial_ends_at=at, renews_at=None, ends_at=None).text
    assert "Free trial until" in trial and "renews by itself" not in trial
    paid = said(kind, trial_ends_at=None, renews_at=at, ends_at=None).text
    assert "renews by itself on 1 April 2026" in " ".join(paid.split()) and "trial" not in paid
    fixed = said(kind, trial_ends_at=None, renews_at=None, ends_at=at).text
    assert "ends by itself on 1 April 2026" in " ".join(fixed.split()) and "renews" not in fixed


@pytest.mark.parametrize("kind", [MailKind.QUOTA_WARNING, MailKind.QUOTA_REACHED])
@pytest.mark.parametrize(
    ("language", "used", "refused", "goes_on"),
    [
        ("en", "8,000.5", "more is refused", "goes on working"),
        ("de", "8.000,5", "wird mehr abgelehnt", "arbeitet CODITECT weiter|CODITECT arbeitet weiter"),
        ("ar", "8,000.5", "يُرفض ما زاد", "يستمر \u2068CODITECT\u2069 في العمل"),
    ],
)
def test_a_quota_is_said_in_the_numbers_of_the_language_and_what_comes_of_it(
    kind: MailKind, language: str, used: str, refused: str, goes_on: str
) -> None:
    hard = " ".join(said(kind, language, used=Decimal("8000.50"), goes_on=None).text.split())
    soft = " ".join(said(kind, language, used=Decimal("8000.50"), stops=None).text.split())
    assert used in hard and SAMPLES["upgrade_url"] in hard
    assert re.search(refused, hard) and not re.search(goes_on, hard)
    assert re.search(goes_on, soft) and not re.search(refused, soft)


def test_a_mail_to_an_unproven_address_carries_nothing_a_stranger_typed() -> None:
    for language in languages():
        rendered = said(MailKind.VERIFY_EMAIL, language, recipient_name="WIN at evil.example")
        assert "evil" not in rendered.subject + rendered.text + rendered.html
    assert said(MailKind.VERIFY_EMAIL).text.startswith("Hello,\n")


def test_a_person_without_a_name_is_greeted_all_the_same() -> None:
    kind = MailKind.PASSWORD_CHANGED
    assert said(kind, recipient_name="").text.startswith("Hello,\n")
    assert said(kind).text.startswith("Hello Ada Lovelace,\n")
    assert said(kind, "de").text.startswith("Guten Tag Ada Lovelace,\n")


def test_the_licence_file_is_named_after_its_product() -> None:
    assert license_file_name("coditect") == "coditect-license.json"
    assert re.fullmatch(r"[a-z0-9-]+-license\.json", license_file_name("../etc\r\nX"))


def test_the_documentation_names_every_kind_and_which_ones_a_reader_may_end() -> None:
    page = Path("docs/mails.md").read_text()
    assert [kind for kind in MailKind if f"`{kind}`" not in page] == []
    assert set(re.findall(r"`(\w+)` R ", page)) == set(REMINDERS)
