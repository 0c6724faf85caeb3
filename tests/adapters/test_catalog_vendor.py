"""The vendor in a catalogue file: who invoices say sells."""

from __future__ import annotations

from base64 import b64encode

import pytest

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.errors import CatalogInvalid
from domain.vendor import Identity
from tests.adapters.test_catalog_file import CONTRACT

PNG = b"\x89PNG\r\n\x1a\n rest"
URI = f"data:image/png;base64,{b64encode(PNG).decode()}"
VENDOR = """\
vendor:
  name: Acme Licences Ltd
  address: [1 Analytical Way, London SW1Y 4JH]
  tax_ids: [VAT GB 123 4567 89]
  email: billing@acme.example
  footer: |
    Registered in England No. 1234567
    IBAN GB33 BUKB
"""


def vendor_of(text: str, **given) -> Identity | None:
    return read(CONTRACT + text, **given).vendor


def refused(text: str, **given) -> tuple[str, str]:
    with pytest.raises(CatalogInvalid) as refusal:
        vendor_of(text, **given)
    (problem,) = refusal.value.details["problems"]
    return problem["path"], problem["message"]


def test_it_is_read_and_written_back():
    file = read(CONTRACT + VENDOR)
    assert file.vendor == Identity(
        "Acme Licences Ltd",
        ("1 Analytical Way", "London SW1Y 4JH"),
        ("VAT GB 123 4567 89",),
        "billing@acme.example",
        footer="Registered in England No. 1234567\nIBAN GB33 BUKB\n",
    )
    assert read(write(catalog_document(file))) == file
    assert read(CONTRACT).vendor is None


def test_a_logo_is_a_data_uri_or_a_file_beside_the_catalogue(tmp_path):
    (tmp_path / "logo.png").write_bytes(PNG)
    for written in (URI, "logo.png"):
        assert vendor_of(f"vendor: {{name: Acme, logo: '{written}'}}\n", folder=tmp_path).logo == URI
    file = read(CONTRACT + f"vendor: {{name: Acme, logo: '{URI}'}}\n")
    assert read(write(catalog_document(file))) == file


@pytest.mark.parametrize(
    ("logo", "message"),
    [
        ("logo.png", "a file name means nothing here"),
        ("data:image/png;base64,bm8=", "is no png image"),
        ("data:image/svg+xml;base64,bm8=", "is no svg+xml image"),
        ("data:image/png;base64,???", "is not base64"),
        (f"data:image/gif;base64,{b64encode(PNG).decode()}", "must be a data URI"),
    ],
)
def test_what_is_no_logo_is_refused(logo, message):
    path, told = refused(f"vendor: {{name: Acme, logo: '{logo}'}}\n")
    assert path == "vendor.logo" and message in told


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path):
    (tmp_path / "logo.gif").write_bytes(b"GIF89a")
    assert "No such file" in refused("vendor: {name: Acme, logo: logo.png}\n", folder=tmp_path)[1]
    assert "is none of .png" in refused("vendor: {name: Acme, logo: logo.gif}\n", folder=tmp_path)[1]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("vendor: {address: [x]}\n", "vendor.name"),
        ("vendor: {name: Acme, adress: [x]}\n", "vendor.adress"),
        ("vendor: {name: Acme, tax_ids: VAT}\n", "vendor.tax_ids"),
        ("vendor: {name: Acme, logo: 7}\n", "vendor.logo"),
        ("vendor: {name: Acme, address: [a, b, c, d, e, f, g, h, i]}\n", "vendor.address"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(text, path):
    assert refused(text)[0] == path
