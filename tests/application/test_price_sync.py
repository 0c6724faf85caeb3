"""Our prices at Stripe: adopted, made, replaced, archived; done twice, nothing happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application.price_sync import Kind
from application.subscription_changes import Wish
from domain.buying_errors import ProviderUnavailable
from tests.buying_world import CATALOG, Vendor, selling

DEARER = CATALOG.replace("amount: 9900,", "amount: 12900,")


@pytest.fixture
def vendor(services) -> Iterator[Vendor]:
    """Stripe has all prices but `team-monthly`, which somebody made by hand, before Usher came."""
    with selling(services) as vendor:
        with vendor.account.lock:
            vendor.account.get("price", "price_teammonthly").update(lookup_key=None, active=False)
        yield vendor


def steps(vendor: Vendor, **options) -> dict[str, Kind]:
    """By price, but for those that stay."""
    found = list(vendor.services.price_sync.run(**options))
    return {str(step.price): step.kind for step in found if step.kind is not Kind.KEPT}


def apply(vendor: Vendor, file: str) -> None:
    vendor.services.catalog.apply(vendor.services.catalog.read(file.encode()))


def keyed(vendor: Vendor, code: str) -> dict:
    (found,) = vendor.account.ask("prices", {"lookup_keys": [code]})["data"]
    return found


def test_what_is_there_is_adopted_and_what_is_missing_made_once(vendor):
    adopted = dict.fromkeys(("starter-monthly", "pro-monthly", "pro-yearly", "pro-monthly-eur"), Kind.ADOPTED)
    would = steps(vendor, dry_run=True)
    assert would == {**adopted, "team-monthly": Kind.MADE}
    made = vendor.times("price.created")
    assert steps(vendor) == would
    assert vendor.times("price.created") == made + 1
    price = keyed(vendor, "team-monthly")
    assert (price["unit_amount"], price["recurring"]["interval"]) == (900, "month")
    assert vendor.account.retrieve("product", price["product"])["name"] == "CODITECT Team"
    assert steps(vendor) == steps(vendor, archive=True) == {}
    assert vendor.times("price.created") == made + 1
    assert vendor.sell(vendor.organization(), "team-monthly", seats=4)


def test_a_changed_price_is_made_anew_and_takes_the_key_over_and_back(vendor):
    steps(vendor)
    first = keyed(vendor, "pro-monthly")
    pro = vendor.sell(vendor.organization())
    apply(vendor, DEARER)
    assert steps(vendor) == {"pro-monthly": Kind.REPLACED}
    second = keyed(vendor, "pro-monthly")
    assert second["unit_amount"] == 12900 and second["product"] == first["product"]
    assert vendor.account.retrieve("price", first["id"]) == {**first, "lookup_key": None}
    assert vendor.services.subscription_changes.change(pro, Wish(seats=20)).purchase.plan_version == 1
    apply(vendor, CATALOG)
    assert steps(vendor) == {"pro-monthly": Kind.SOLD_AGAIN}
    assert keyed(vendor, "pro-monthly")["id"] == first["id"] and steps(vendor) == {}


def test_what_left_the_catalogue_is_archived_on_demand_only(vendor):
    steps(vendor)
    former = keyed(vendor, "pro-monthly")
    apply(vendor, DEARER)
    steps(vendor)
    assert vendor.account.retrieve("price", former["id"])["active"]
    assert steps(vendor, archive=True, dry_run=True) == {"pro-monthly": Kind.ARCHIVED}
    assert steps(vendor, archive=True) == {"pro-monthly": Kind.ARCHIVED}
    assert not vendor.account.retrieve("price", former["id"])["active"]
    assert steps(vendor, archive=True) == {}


def test_an_id_that_asks_for_something_else_is_refused_and_one_that_does_not_is_taken(vendor):
    vendor.account.price("price_of_before", amount=800)
    apply(vendor, CATALOG.replace("code: team-monthly,", "code: team-monthly, stripe_price: price_of_before,"))
    assert steps(vendor)["team-monthly"] is Kind.REFUSED
    apply(vendor, CATALOG.replace("code: team-monthly,", "code: team-monthly, stripe_price: price_teammonthly,"))
    assert steps(vendor) == {"team-monthly": Kind.SOLD_AGAIN}
    assert vendor.account.retrieve("price", "price_teammonthly")["active"]


def test_left_in_the_middle_or_with_lost_answers_nothing_is_made_twice(vendor):
    vendor.faults.add("lost", method="POST", path="/v1/prices", times=1)
    assert steps(vendor)["team-monthly"] is Kind.MADE
    assert len(vendor.account.ask("prices", {"lookup_keys": ["team-monthly"]})["data"]) == 1
    apply(vendor, DEARER)
    vendor.faults.add("unavailable", method="POST", path="/v1/prices")
    with pytest.raises(ProviderUnavailable):
        steps(vendor)
    vendor.faults.clear()
    assert steps(vendor) == {"pro-monthly": Kind.REPLACED}
