from __future__ import annotations

from domain import ids
from domain.entitlements import Entitlements, Feature
from domain.money import Money
from domain.plan import Interval, Plan, PlanTerms, Price
from domain.product import Product
from projections.plans import get_plan, list_plans
from tests.projections.followed import NOW, Followed


def terms(*amounts: int, seats: int = 3) -> PlanTerms:
    prices = tuple(Price(f"price-{amount}", Money(amount, "usd"), Interval.MONTH) for amount in amounts)
    return PlanTerms("Any", 14, Entitlements(seats=seats, features=(Feature("api", True),)), prices)


def publish(followed: Followed, code: str, *amounts: int, product: str = "coditect") -> None:
    followed.store.add(Plan.publish(code=code, product=product, terms=terms(*amounts), now=NOW))


def change(followed: Followed, code: str, decide) -> None:
    followed.store.change(Plan, ids.plan_id(code), decide)


def listed(followed: Followed, **asked) -> list[str]:
    followed.follow()
    return [row["code"] for row in list_plans(followed.connection, limit=9, **asked)]


def test_plans_come_by_their_lowest_price_and_negotiated_ones_last(followed):
    publish(followed, "enterprise")
    publish(followed, "pro", 9900, 99000)
    publish(followed, "starter", 29000, 2900)
    publish(followed, "free", 0)
    assert listed(followed) == ["free", "starter", "pro", "enterprise"]


def test_a_page_goes_on_after_the_last_plan_seen_also_between_equal_prices(followed):
    for code in ("a", "b", "c"):
        publish(followed, code, 2900)
    publish(followed, "d")
    followed.follow()
    first = list_plans(followed.connection, limit=2)
    assert listed(followed, after=(first[-1]["price_order"], first[-1]["code"])) == ["c", "d"]


def test_a_plan_is_shown_under_its_current_version_and_keeps_the_former_ones(followed):
    publish(followed, "pro", 2900)
    change(followed, "pro", lambda plan: plan.publish_version(terms(3900, seats=5), now=NOW))
    followed.follow()
    plan = get_plan(followed.connection, "pro")
    assert (plan["current_version"], plan["lowest_price"], plan["entitlements"]["seats"]) == (2, 3900, 5)
    assert plan["prices"][0] == {
        "code": "price-3900",
        "amount": 3900,
        "currency": "usd",
        "interval": "month",
        "interval_count": 1,
        "stripe_price": None,
    }
    assert followed.fetch("select version, seats_per_unit from plan_versions order by version") == [(1, 3), (2, 5)]


def test_a_withdrawn_plan_is_not_listed_until_it_returns(followed):
    publish(followed, "pro", 2900)
    change(followed, "pro", lambda plan: plan.withdraw(now=NOW))
    assert listed(followed) == []
    assert get_plan(followed.connection, "pro")["withdrawn"]
    change(followed, "pro", lambda plan: plan.publish_version(terms(2900), now=NOW))
    assert listed(followed) == ["pro"]


def test_plans_of_one_product(followed):
    publish(followed, "pro", 2900)
    publish(followed, "basic", 900, product="other")
    assert listed(followed, product="other") == ["basic"]


def test_a_product_is_kept_with_its_newest_name_and_prefix(followed):
    product = Product.register(code="coditect", name="Codi", license_key_prefix="COD", now=NOW)
    product.rename("CODITECT", now=NOW)
    product.change_prefix("CODI", now=NOW)
    followed.store.add(product)
    followed.follow()
    assert followed.fetch("select code, name, license_key_prefix from products") == [("coditect", "CODITECT", "CODI")]
