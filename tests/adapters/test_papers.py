"""Invoices and credit notes as PDF, read again by another program."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pypdfium2
import pytest

from adapters.papers import printer as printing
from adapters.papers.fonts import families, folders
from adapters.papers.printer import Printer, Unprintable
from adapters.papers.wording import Wording, _words
from domain.errors import Unavailable
from tests.pdf import pages_of, text_of

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#1f6feb"/></svg>'
VENDOR: dict[str, Any] = {
    "name": "AZ1.AI Inc.",
    "address": ["1 Analytical Way", "London SW1Y 4JH"],
    "tax_ids": ["VAT GB 123 4567 89"],
    "reach": ["billing@az1.example"],
    "footer": "Registered in England No. 1234567",
    "logo": f"data:image/svg+xml;base64,{b64encode(LOGO.encode()).decode()}",
}
ADDRESS = {"line1": "12 Square", "city": "Berlin", "postal_code": "10115", "country": "DE"}
CUSTOMER: dict[str, Any] = {
    "name": "Lovelace GmbH",
    "email": "accounts@lovelace.example",
    "address": ADDRESS,
    "tax_ids": ["DE123456789"],
    "fields": [["Purchase order", "PO-4711"]],
    "footer": None,
}


def line(**changes: Any) -> dict[str, Any]:
    return {
        "description": "10 × CODITECT Pro",
        "quantity": "10",
        "unit_amount": "9900",
        "amount": 99000,
        "currency": "usd",
        "period": ["2026-11-26T09:00:00+00:00", "2026-12-26T09:00:00+00:00"],
        "proration": False,
        "discounts": [],
        "taxes": [{"name": "VAT", "place": None, "percentage": "19.0", "inclusive": False}],
        **changes,
    }


def total(word: str, amount: int, strong: bool = False, **more: Any) -> dict[str, Any]:
    return {"word": word, "amount": amount, "strong": strong, **more}


SUMS = [
    total("subtotal", 99000),
    total("discount", -9900, name="WELCOME10"),
    total("tax", 16929, taxable=89100, name="VAT", place="Germany", percentage="19.0", inclusive=False),
    total("total", 106029, True),
    total("amount_paid", -106029),
    total("amount_due", 0, True),
]


def document(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "invoice",
        "headline": "paid",
        "badge": "paid",
        "number": "AZ-0017",
        "currency": "usd",
        "dated": "2026-11-26T09:00:00+00:00",
        "facts": {"number": "AZ-0017", "issued": "2026-11-26T09:00:00+00:00", "paid": "2026-11-27T09:00:00+00:00"},
        "language": None,
        "vendor": VENDOR,
        "customer": CUSTOMER,
        "lines": [line()],
        "reasons": [],
        "memo": "Thank you",
        "sums": SUMS,
        "history": [
            {
                "at": "2026-11-27T09:00:00+00:00",
                "word": "payment",
                "amount": 106029,
                "currency": "usd",
                "method": "card",
            }
        ],
        "doubtful": False,
        **changes,
    }


@pytest.fixture(scope="module")
def printer() -> Iterator[Printer]:
    printer = Printer()
    yield printer
    printer.close()


def test_a_bookkeeper_finds_everything_on_it(printer):
    text = text_of(printer.print(document()))
    for words in (
        *(
            "AZ1.AI Inc.",
            "London SW1Y 4JH",
            "VAT GB 123 4567 89",
            "Registered in England No. 1234567",
            "Invoice",
            "Paid",
        ),
        *("Lovelace GmbH", "10115 Berlin", "Germany", "Tax number: DE123456789", "PO-4711", "AZ-0017", "Nov 26, 2026"),
        *("10 × CODITECT Pro", "Nov 26, 2026 – Dec 26, 2026", "$99.00", "19%", "$990.00", "Discount (WELCOME10)"),
        *("VAT – Germany 19%", "on $891.00", "$1,060.29 paid on Nov 27, 2026", "Payment · Card", "Page 1 of 1"),
    ):
        assert words in text, words


def test_the_same_paper_is_the_same_bytes_also_by_another_press(printer):
    once = printer.print(document())
    again = Printer()
    try:
        assert again.print(document()) == printer.print(document()) == once
    finally:
        again.close()
    assert b"CreationDate" in once and b"pdfaid:part" in once  # an archive's PDF/A


def test_sixty_lines_go_over_pages_with_their_head_and_their_number(printer):
    pdf = printer.print(
        document(lines=[line(description=f"Seat of team {n}", proration=n % 2 == 0) for n in range(60)])
    )
    assert pages_of(pdf) >= 3
    first, second, *_ = text_of(pdf).split("\n\n")
    assert "Page 1 of" in first and "Page 2 of" in second
    assert "Description" in second and "Invoice AZ-0017" in second and "Invoice AZ-0017" not in first
    assert "Prorated for the part of the period that was used" in text_of(pdf)
    assert all(f"Seat of team {n}\r" in text_of(pdf) or f"Seat of team {n}\n" in text_of(pdf) for n in (0, 30, 59))


@pytest.mark.parametrize(
    ("currency", "amount", "unit", "shown"),
    [
        ("jpy", 9900, "9900", ("¥9,900",)),
        ("bhd", 9900, "0.5", ("BHD 9.900", "BHD 0.0005")),
        ("usd", -9900, "-9900", ("-$99.00",)),
        ("isk", 990_000, "990000", ("ISK 9,900",)),
        ("usd", 1, "0.0125", ("$0.01", "$0.000125")),
    ],
)
def test_money_has_the_decimals_of_its_currency(printer, currency, amount, unit, shown):
    lines = [line(currency=currency, amount=amount, unit_amount=unit)]
    text = text_of(printer.print(document(currency=currency, lines=lines))).replace("\xa0", " ")
    for words in shown:
        assert words in text, (words, text)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de-AT", ("Rechnung", "26.11.2026", "1.060,29")),
        ("pt-BR", ("Fatura", "26 de nov. de 2026", "1.060,29")),
        ("fr", ("Facture", "26 nov. 2026")),
        ("ja", ("請求書", "2026/11/26")),
        ("hi", ("बीजक",)),
        ("fi", ("Invoice", "Nov 26, 2026", "$1,060.29")),
        ("tlh-nonsense", ("Invoice",)),
    ],
)
def test_it_speaks_the_customers_language_or_english_throughout(printer, language, words):
    text = text_of(printer.print(document(language=language)))
    for each in words:
        assert each in text, (each, text)


def test_every_language_has_every_word():
    languages = _words()
    for language, words in languages.items():
        assert words.keys() == languages["en"].keys(), language
        for group in ("headlines", "badges", "methods"):
            assert words[group].keys() == languages["en"][group].keys(), (language, group)
            for name, said in words[group].items():
                assert set(re.findall(r"{(\w+)}", said)) == set(re.findall(r"{(\w+)}", languages["en"][group][name]))


@pytest.mark.parametrize(
    "name",
    [
        "شركة الأمل للتجارة",
        "חברת אור בע״מ",
        "श्री गणेश एंटरप्राइज़ेज",
        "株式会社ソフトウェア",
        "ООО «Ромашка»",
        "Żółć ă ế",
        "주식회사",
    ],
)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_name_of_any_script_has_its_letters(printer, name, language):
    pdf = printer.print(document(customer={**CUSTOMER, "name": name}, language=language))
    page = pypdfium2.PdfDocument(pdf)[0]
    fonts = {text.get_font().get_base_name() for text in page.get_objects([pypdfium2.raw.FPDF_PAGEOBJ_TEXT])}
    assert all("Noto" in font for font in fonts)
    assert b"pdfaid:part" in pdf  # which is refused when a letter is missing


def test_a_right_to_left_paper_is_laid_out_from_the_right_and_leaves_other_words_their_direction(printer):
    acme = document(language="ar", customer={**CUSTOMER, "name": "Acme Inc."})
    assert Wording(acme).sheet["customer"]["name"] == "\u2068Acme Inc.\u2069"  # first strong isolate
    pdf = printer.print(acme)
    page = pypdfium2.PdfDocument(pdf)[0]
    search = page.get_textpage().search("Acme")
    left, *_ = page.get_textpage().get_charbox(search.get_next()[0])
    assert left > page.get_width() / 2


@pytest.mark.parametrize(
    "name",
    [
        "#set page(fill: red)",
        "#panic()",
        "*bold* _it_ $x^2$ `raw` <label> @ref",
        "\\ // /* */ [ ] { }",
        "= Heading",
        'a"b\\"c#eval("1")',
        "\u202eevil\u202c",
        "\ue000 in nobody's font",
        "😀",
        "x" * 4000,
    ],
)
def test_markup_and_mischief_in_words_stay_words(printer, name):
    mischief = {**CUSTOMER, "name": name, "email": name, "tax_ids": [name], "fields": [[name, name]], "footer": name}
    vendor = {**VENDOR, "name": name, "footer": name}
    changed = {"customer": mischief, "vendor": vendor, "memo": name, "number": name, "lines": [line(description=name)]}
    pdf = printer.print(document(**changed))
    plain = name.replace("\u202e", "").replace("\u202c", "")
    assert plain[:12].split()[0] in text_of(pdf) or not plain.isascii()


def test_the_state_of_an_invoice_is_plain_to_see(printer):
    due = {**document()["facts"], "paid": None, "due": "2026-12-10T09:00:00+00:00"}
    owed = [*SUMS[:4], total("amount_due", 106029, True)]
    text = text_of(printer.print(document(headline="open_by", badge="open", facts=due, sums=owed)))
    assert "$1,060.29 due by Dec 10, 2026" in text and "Date due" in text
    history = [{"at": None, "word": word, "amount": -5, "currency": "usd"} for word in ("refund", "refund_failed")]
    refunded = text_of(printer.print(document(badge="partly_refunded", history=history)))
    assert "Partly refunded" in refunded and "Refund failed" in refunded
    assert "Void: nothing has to be paid" in text_of(printer.print(document(headline="void", badge="void")))
    draft = text_of(printer.print(document(headline="draft", badge="draft", number=None)))
    assert "$1,060.29, not issued yet" in draft
    assert "they do not add up" in text_of(printer.print(document(doubtful=True)))
    assert "the customer owes the tax" in text_of(printer.print(document(reasons=["reverse_charge"])))


def test_a_credit_note_is_called_one_and_names_its_invoice(printer):
    facts = {"credit_number": "AZ-0017-CN-01", "issued": "2026-12-01T00:00:00+00:00", "for_invoice": "AZ-0017"}
    note = document(kind="credit_note", headline="credit_note", badge=None, facts=facts, sums=SUMS[:4], history=[])
    text = text_of(printer.print(note))
    assert "Credit note" in text and "For invoice" in text and "$1,060.29 credited" in text and "Amount due" not in text


def test_without_a_vendor_or_a_customer_it_is_still_a_paper(printer):
    nobody = {"name": "", "address": [], "tax_ids": [], "reach": [], "footer": None, "logo": None}
    text = text_of(printer.print(document(vendor=nobody, customer=None, lines=[], memo=None, history=[])))
    assert "Vendor" in text and "Customer" in text


def test_a_logo_that_cannot_be_drawn_is_left_out(printer):
    for type, image in (("png", b"\x89PNG and then nothing"), ("svg+xml", b"<svg"), ("jpeg", b"\xff\xd8\xff")):
        logo = f"data:image/{type};base64,{b64encode(image).decode()}"
        assert "AZ1.AI Inc." in text_of(printer.print(document(vendor={**VENDOR, "logo": logo})))


def test_an_american_gets_american_paper(printer):
    def width(country: str) -> int:
        pdf = printer.print(document(customer={**CUSTOMER, "address": {**ADDRESS, "country": country}}))
        return round(pypdfium2.PdfDocument(pdf)[0].get_width())

    assert (width("US"), width("DE")) == (612, 595)


def test_fonts_come_from_packages_and_han_characters_by_language():
    assert len(folders()) == 2
    assert families("ja", "DE").index("Noto Sans CJK JP") < families("ja", "DE").index("Noto Sans CJK SC")
    assert families("en", "KR").index("Noto Sans CJK KR") < families("en", "KR").index("Noto Sans CJK SC")


def test_an_address_is_written_as_its_country_writes_it():
    def placed(**address: str) -> list[str]:
        return Wording(document(customer={**CUSTOMER, "address": address}, language="en")).sheet["customer"]["lines"][
            :-2
        ]

    assert placed(line1="1 St", city="Reno", state="NV", postal_code="89501", country="US")[1] == "Reno, NV 89501"
    assert placed(line1="1 St", city="London", postal_code="SW1", country="GB")[1:3] == ["London", "SW1"]
    assert placed(city="Berlin", postal_code="10115", country="DE") == ["10115 Berlin", "Germany"]


# the press


def test_many_may_print_at_once(printer):
    with ThreadPoolExecutor(8) as threads:
        papers = list(threads.map(printer.print, [document(memo=f"Paper {n}.") for n in range(40)]))
    assert all(f"Paper {number}." in text_of(paper) for number, paper in enumerate(papers))


def test_too_many_at_once_are_told_to_ask_again(printer, monkeypatch):
    monkeypatch.setattr(printer, "_queue", threading.BoundedSemaphore(1))
    with printer._queue, pytest.raises(Unavailable):
        printer.print(document())
    assert printer.print(document()).startswith(b"%PDF")


def test_one_paper_that_cannot_be_printed_does_not_keep_others_from_it(printer):
    with pytest.raises(Unprintable, match="KeyError"):
        printer.print({"kind": "invoice"})
    assert printer.print(document()).startswith(b"%PDF")


def test_a_press_that_died_is_made_anew_and_one_that_stands_still_is_given_up(monkeypatch):
    printer = Printer()
    try:
        printer.print(document())
        os.kill(printer._press.pid, signal.SIGKILL)
        assert printer.print(document()).startswith(b"%PDF")
        os.kill(printer._press.pid, signal.SIGSTOP)
        monkeypatch.setattr(printing, "_LONGEST", 0.2)
        with pytest.raises(Unavailable):
            printer.print(document())
    finally:
        printer.close()


_BEGINS_A_PRESS_AND_DIES = """
import json, os, sys
from adapters.papers.printer import Printer
printer = Printer()
printer.print(json.loads(sys.argv[1]))
print(printer._press.pid, *(name in sys.modules for name in ("typst", "babel")), flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_press_ends_with_whoever_began_it_and_keeps_typesetting_out_of_it():
    command = [sys.executable, "-c", _BEGINS_A_PRESS_AND_DIES, json.dumps(document(language="ja"))]
    pid, *loaded = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout.split()
    assert loaded == [b"False", b"False"]
    deadline = time.monotonic() + 10
    while psutil.pid_exists(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(int(pid))
