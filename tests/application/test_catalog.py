from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from adapters import catalog_file
from adapters.clock import Clock
from adapters.database import Database
from adapters.event_codec import EventCodec
from adapters.event_recorder import EventRecorder
from application.catalog import Catalog
from application.catalog_change import ChangeKind
from application.catalog_document import catalog_document
from application.store import Store
from domain import ids
from domain.errors import CatalogInvalid, NotFound
from domain.money import Money
from domain.plan import Plan
from domain.price_book import PriceBook

CATALOGS = Path(__file__).parents[2] / "docs" / "catalogs"
CODITECT = (CATALOGS / "coditect.yaml").read_text()
CORTEX = (CATALOGS / "cortex.yaml").read_text()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return catalog_of(database)


def catalog_of(database: Database) -> Catalog:
    return Catalog(Store(EventRecorder(database), EventCodec()), Clock(), read=catalog_file.read)


def apply(catalog: Catalog, text: str, *, dry_run: bool = False) -> list[tuple[str, str, int | None]]:
    applied = catalog.apply(catalog.read(text), dry_run=dry_run)
    return [(change.kind.value, change.code, change.version) for change in applied.changes]


def events(database: Database) -> int:
    found = database.fetch_one("select count(*) as stored from stored_events")
    assert found
    return int(found["stored"])


def without(plan: str, text: str = CODITECT) -> str:
    """The catalogue without one plan."""
    start = text.index(f"  - code: {plan}\n")
    after = text.find("\n  - code: ", start)
    return text[:start] + (text[after + 1 :] if after > 0 else "")


def test_an_applied_catalogue_is_sold_at_once(catalog):
    assert apply(catalog, CODITECT) == [
        ("product_registered", "coditect", None),
        ("plan_published", "starter", 1),
        ("plan_published", "pro", 1),
        ("plan_published", "enterprise", 1),
    ]
    assert catalog.product("coditect").license_key_prefix == "CODI"
    assert catalog.plan("pro").current.entitlements.seats == 10
    assert [plan.code for plan in catalog.plans()] == ["starter", "pro", "enterprise"]


def test_the_example_catalogues_live_in_one_engine_and_change_nothing_the_second_time(catalog, database):
    files = [path.read_text() for path in sorted(CATALOGS.glob("*.yaml"))]
    assert len(files) == 6
    for text in files:
        made = {kind for kind, _, _ in apply(catalog, text)}
        assert made - {"meter_defined"} == {"product_registered", "plan_published"}
    stored = events(database)

    assert [apply(catalog, text) for text in files] == [[]] * 6
    assert events(database) == stored
    assert len(catalog.plans()) == 21


def test_what_is_shown_is_a_file_that_changes_nothing(catalog):
    apply(catalog, CODITECT)
    apply(catalog, CORTEX)
    shown = catalog_file.write(catalog.show())
    assert apply(catalog, shown) == []
    assert catalog_document(catalog.read(shown)) == catalog.show()


def test_nothing_is_on_sale_before_the_first_catalogue(catalog):
    assert catalog.plans() == [] and catalog.show() == {"version": 1, "products": [], "plans": []}
    assert catalog.terms_for_price("pro-monthly") is None
    for missing in (catalog.plan, catalog.product, catalog.price_on_sale):
        with pytest.raises(NotFound):
            missing("pro")


def test_a_changed_price_makes_version_two_and_leaves_version_one(catalog):
    apply(catalog, CODITECT)
    before = catalog.plan("pro").terms(1)
    applied = catalog.apply(catalog.read(CODITECT.replace("amount: 9900", "amount: 12900")))

    (change,) = applied.changes
    assert (change.kind, change.code, change.version) == (ChangeKind.VERSION_PUBLISHED, "pro", 2)
    assert change.details == ("prices.pro-monthly.amount: 9900 → 12900",)
    assert "version 2" in change.sentence
    assert applied.versions == {"starter": 1, "pro": 2, "enterprise": 1}
    plan = catalog.plan("pro")
    assert plan.terms(1) == before and before.prices[0].money == Money(9900, "usd")
    assert plan.current.prices[0].money == Money(12900, "usd")


def test_differences_are_told_field_by_field(catalog):
    apply(catalog, CODITECT)
    text = CODITECT.replace("seats: 10", "seats: 12").replace("name: Pro\n", "name: Plus\n")
    text = text.replace("sso: true", "sso: 5").replace("      - {code: starter-m", "      - {code: starter-m", 1)
    details = {change.code: change.details for change in catalog.diff(catalog.read(text))}
    assert details == {
        "pro": ('name: "Pro" → "Plus"', "entitlements.seats: 10 → 12"),
        "enterprise": ("entitlements.features.sso: yes → 5",),
    }


def test_a_dry_run_tells_the_changes_and_stores_nothing(catalog, database):
    told = apply(catalog, CODITECT, dry_run=True)
    assert len(told) == 4 and events(database) == 0
    assert told == apply(catalog, CODITECT)

    stored = events(database)
    assert apply(catalog, without("pro"), dry_run=True) == [("plan_withdrawn", "pro", 1)]
    assert events(database) == stored and not catalog.plan("pro").withdrawn


def test_a_renamed_product_keeps_its_plans(catalog):
    apply(catalog, CODITECT)
    renamed = CODITECT.replace("name: CODITECT, license_key_prefix: CODI", "name: Coditect, license_key_prefix: CDT")
    applied = catalog.apply(catalog.read(renamed))
    assert [change.details for change in applied.changes] == [
        ('name: "CODITECT" → "Coditect"', 'license_key_prefix: "CODI" → "CDT"')
    ]
    assert catalog.product("coditect").name == "Coditect" and len(catalog.plans()) == 3


def test_a_plan_that_left_the_file_is_withdrawn_and_can_return(catalog):
    apply(catalog, CODITECT)
    assert apply(catalog, without("pro")) == [("plan_withdrawn", "pro", 1)]
    assert apply(catalog, without("pro")) == []
    assert [plan.code for plan in catalog.plans()] == ["starter", "enterprise"]
    assert catalog.plan("pro").current.entitlements.seats == 10

    assert apply(catalog, CODITECT) == [("plan_returned", "pro", 1)]
    assert not catalog.plan("pro").withdrawn


def test_a_file_governs_only_the_products_it_names(catalog):
    apply(catalog, CODITECT)
    apply(catalog, CORTEX)
    assert not any(plan.withdrawn for plan in map(catalog.plan, ("starter", "pro", "cortex-pro")))
    assert apply(catalog, CODITECT) == []


def test_a_price_is_found_by_stripes_id_and_by_our_code(catalog):
    apply(catalog, CODITECT)
    for reference in ("price_coditect_pro_monthly", "pro-monthly"):
        found = catalog.terms_for_price(reference)
        assert (found.plan, found.product, found.version, found.price.code) == ("pro", "coditect", 1, "pro-monthly")
        assert catalog.price_on_sale(reference) == found
    assert catalog.terms_for_price("price_unknown") is None


def test_a_replaced_price_still_means_the_version_that_had_it(catalog):
    apply(catalog, CODITECT)
    apply(catalog, CODITECT.replace("amount: 9900", "amount: 9800"))
    apply(catalog, CODITECT.replace("amount: 9900", "amount: 12900").replace("price_coditect_pro_monthly", "price_new"))

    old = catalog.terms_for_price("price_coditect_pro_monthly")
    assert (old.version, old.price.money.amount, old.on_sale) == (2, 9800, False)
    assert catalog.terms_for_price("price_new").version == 3
    with pytest.raises(NotFound):
        catalog.price_on_sale("price_coditect_pro_monthly")


def test_a_withdrawn_plans_price_is_known_but_not_on_sale(catalog):
    apply(catalog, CODITECT)
    apply(catalog, without("pro"))
    assert catalog.terms_for_price("pro-monthly").plan == "pro"
    with pytest.raises(NotFound):
        catalog.price_on_sale("pro-monthly")


def refused(catalog: Catalog, text: str) -> list[dict[str, object]]:
    with pytest.raises(CatalogInvalid) as error:
        catalog.apply(catalog.read(text))
    return error.value.details["problems"]


def test_a_price_that_ever_meant_another_plan_is_refused_with_its_line(catalog, database):
    apply(catalog, CODITECT)
    apply(catalog, without("pro"))
    stored = events(database)
    text = CORTEX.replace("price_cortex_pro_monthly", "price_coditect_pro_monthly")
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "price_coditect_pro_monthly" in each)

    assert refused(catalog, text) == [
        {
            "line": line,
            "path": "plans[2].prices[0].stripe_price",
            "message": "price_coditect_pro_monthly already means a price of plan pro, now or in an earlier version",
        }
    ]
    assert events(database) == stored


def test_a_plan_of_another_product_is_refused_with_its_line(catalog):
    apply(catalog, CODITECT)
    (problem,) = [
        each for each in refused(catalog, CORTEX.replace("code: cortex-pro\n", "code: pro\n")) if "plan" in each["path"]
    ]
    assert problem["path"] == "plans[2].code" and problem["message"] == "pro is a plan of product coditect"


def test_a_file_that_contradicts_itself_is_never_applied(catalog, database):
    file = catalog.read(CODITECT)
    with pytest.raises(CatalogInvalid):
        catalog.apply(replace(file, plans=(*file.plans, file.plans[0])))
    assert events(database) == 0


def test_a_result_is_told_in_json(catalog):
    document = catalog.apply(catalog.read(without("pro", without("enterprise"))), dry_run=True).document
    assert document == {
        "dry_run": True,
        "changes": [
            {
                "kind": "product_registered",
                "code": "coditect",
                "version": None,
                "details": [],
                "sentence": "product coditect is new",
            },
            {
                "kind": "plan_published",
                "code": "starter",
                "version": 1,
                "details": [],
                "sentence": "plan starter is new",
            },
        ],
        "versions": {"starter": 1},
    }


def test_catalogues_applied_at_once_leave_what_one_after_the_other_would(database):
    """Six files that fight over a price and a plan's terms: the last one stored wins whole, nothing is half of two."""
    texts = [CODITECT.replace("amount: 9900", f"amount: {9900 + n}") for n in range(4)]
    rivals = [
        CORTEX.replace("price_cortex_pro_monthly", "price_contested"),
        CODITECT.replace("price_coditect_pro_monthly", "price_contested"),
    ]
    start = Barrier(6)

    def apply_one(text: str) -> str:
        catalog = catalog_of(database)
        start.wait()
        try:
            catalog.apply(catalog.read(text))
        except CatalogInvalid as error:
            return error.details["problems"][0]["message"]
        return "applied"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(apply_one, [*texts, *rivals]))

    assert outcomes[:4] == ["applied"] * 4
    assert sum(outcome != "applied" for outcome in outcomes) == 1, "only one plan gets the contested price"
    store = Store(EventRecorder(database), EventCodec())
    book = store.fetch(PriceBook, ids.price_book_id())
    owner = book.plan_of("price_contested")
    assert owner in ("pro", "cortex-pro")
    plans = [store.fetch(Plan, ids.plan_id(code)) for code in book.plans]
    having = [plan.code for plan in plans if plan.priced("price_contested")]
    assert having == [owner]
    pro = store.fetch(Plan, ids.plan_id("pro"))
    wanted = {9900 + n for n in range(4)}
    assert wanted <= {pro.terms(n).prices[0].money.amount for n in range(1, pro.current_version + 1)}
    recorded = database.fetch_all(
        "select state::jsonb -> 'published' as published from stored_events where topic = 'price_book.revised'"
    )
    versions = [(each["plan"], each["version"]) for row in recorded for each in row["published"]]
    assert sorted(versions) == sorted((plan.code, n) for plan in plans for n in range(1, plan.current_version + 1))


VENDOR = "vendor: {name: Acme Ltd, address: [1 Road]}\n"


def test_the_vendor_is_introduced_changed_and_left_alone(catalog):
    assert (ChangeKind.VENDOR_INTRODUCED, "Acme Ltd", None) in apply(catalog, CODITECT + VENDOR)
    assert apply(catalog, CODITECT + VENDOR) == apply(catalog, CODITECT) == []
    moved = catalog.apply(catalog.read(CODITECT + VENDOR.replace("1 Road", "2 Street")))
    (change,) = moved.changes
    assert change.details == ('address: "1 Road" → "2 Street"',)
    assert catalog.show()["vendor"]["address"] == ["2 Street"]
    assert apply(catalog, catalog_file.write(catalog.show())) == []
