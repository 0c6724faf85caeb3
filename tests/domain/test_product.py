from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.errors import InvalidRequest
from domain.product import Product

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def registered() -> Product:
    return Product.register(code="coditect", name="CODITECT", license_key_prefix="CODI", now=NOW)


def test_a_product_is_renamed_only_when_the_name_differs():
    product = registered()
    product.rename("CODITECT", now=NOW)
    product.rename("CODITECT Studio", now=NOW)
    assert product.name == "CODITECT Studio"
    assert len(product.pending_events) == 2


def test_a_prefix_is_changed_only_when_it_differs():
    product = registered()
    product.change_prefix("CODI", now=NOW)
    product.change_prefix("CDT", now=NOW)
    assert product.license_key_prefix == "CDT"
    assert len(product.pending_events) == 2


@pytest.mark.parametrize("prefix", ["", "C", "codi", "1AB", "CO-DI", "ABCDEFGHIJK", "CÖ"])
def test_a_prefix_is_short_and_plain(prefix):
    with pytest.raises(InvalidRequest):
        registered().change_prefix(prefix, now=NOW)
    with pytest.raises(InvalidRequest):
        Product.register(code="x", name="X", license_key_prefix=prefix, now=NOW)


@pytest.mark.parametrize("code", ["", "Coditect", "a b", "-a", "a-", "a" * 65])
def test_a_code_is_plain(code):
    with pytest.raises(InvalidRequest):
        Product.register(code=code, name="X", license_key_prefix="AB", now=NOW)
