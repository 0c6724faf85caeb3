from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from adapters.catalog_file import read, write
from application.catalog_document import catalog_document
from domain.durations import CalendarTerm
from domain.entitlements import Entitlements, Feature, Limit, LimitPeriod, Overage, RateLimit, RatePeriod
from domain.errors import CatalogInvalid
from domain.money import Money
from domain.plan import Interval, PlanTerms, Price

# The contract's example (§4), line by line.
CONTRACT = """\
version: 1
products:
  - {code: coditect, name: CODITECT, license_key_prefix: CODI}
plans:
  - code: starter
    product: coditect
    name: Starter
    trial_days: 14
    entitlements:
      seats: 3              # for each unit of the subscription's quantity; or the word `quantity`
      overage: 0            # extra seats allowed above the limit, as a share: 0, 0.25, 0.5, 1, "unlimited"
      lease: PT6M           # a seat is lost this long after the last heartbeat
      heartbeat: PT5M       # what clients are told
      offline_grace: PT30M
      payment_grace: [P7D, P3D]   # after the 1st and 2nd failed payment; the next failure suspends
      license_term: period  # licence runs to the end of the paid period, or an ISO duration
      features: {api: true, sso: false}
      limits: {api_calls: {amount: 1000, per: month, warn_at: 0.8, hard: true}}
      rate_limits: {api: "10/second"}
    prices:
      - {code: starter-monthly, amount: 2900, currency: usd, interval: month, stripe_price: price_123}
"""


def problems(data: str | bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(CatalogInvalid) as refused:
        read(data)
    found = refused.value.details["problems"]
    assert refused.value.details["count"] == len(found) or len(found) == 100
    assert refused.value.message.startswith(f"line {found[0]['line']}")
    return [(each["line"], each["path"], each["message"]) for each in found]


def changed(old: str, new: str) -> str:
    assert old in CONTRACT
    return CONTRACT.replace(old, new, 1)


def test_the_example_of_the_contract_is_read_as_it_says():
    file = read(CONTRACT)
    assert [(each.code, each.name, each.license_key_prefix) for each in file.products] == [
        ("coditect", "CODITECT", "CODI")
    ]
    (plan,) = file.plans
    assert (plan.code, plan.product) == ("starter", "coditect")
    assert plan.terms == PlanTerms(
        name="Starter",
        trial_days=14,
        entitlements=Entitlements(
            seats=3,
            overage=Overage.NONE,
            lease=timedelta(minutes=6),
            heartbeat=timedelta(minutes=5),
            offline_grace=timedelta(minutes=30),
            payment_grace=(timedelta(days=7), timedelta(days=3)),
            license_term="period",
            features=(Feature.of("api", True), Feature.of("sso", False)),
            limits=(Limit("api_calls", 1000, LimitPeriod.MONTH, Decimal("0.8"), True),),
            rate_limits=(RateLimit("api", 10, RatePeriod.SECOND),),
        ),
        prices=(Price("starter-monthly", Money(2900, "usd"), Interval.MONTH, 1, "price_123"),),
    )


def test_what_is_left_out_or_empty_has_its_default():
    text = (
        "{version: 1, products: [{code: p, name: P, license_key_prefix: PP}], plans: [{code: a, product: p, name: A, "
    )
    file = read(text + "entitlements: {seats: quantity, features: , machines: null}, prices: []}]}")
    assert file.plans[0].terms == PlanTerms("A", 0, Entitlements(seats="quantity"), ())


@pytest.mark.parametrize(
    ("written", "overage"),
    [("0.25", Overage.QUARTER), ("0.50", Overage.HALF), ("1", Overage.DOUBLE), ('"unlimited"', Overage.UNLIMITED)],
)
def test_overage_is_a_share_or_a_word(written, overage):
    assert read(changed("overage: 0 ", f"overage: {written} ")).plans[0].terms.entitlements.overage is overage


def test_a_licence_term_follows_the_calendar():
    file = read(changed("license_term: period", "license_term: P1Y"))
    assert file.plans[0].terms.entitlements.license_term == CalendarTerm(months=12)


def test_json_is_read_too():
    document = yaml.safe_load(CONTRACT)
    document["plans"][0]["name"] = 'Start "😀" \\ud83d'
    for text in (json.dumps(document), json.dumps(document, indent="\t"), json.dumps(document, ensure_ascii=False)):
        file = read(text.encode())
        assert file.plans[0].terms.name == document["plans"][0]["name"]
        assert file.plans[0].terms.prices == read(CONTRACT).plans[0].terms.prices


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "message"),
    [
        (
            "lease: PT6M",
            'lease: "6 minutes"',
            12,
            "plans[0].entitlements.lease",
            '"6 minutes" is not an ISO 8601 duration such as PT6M',
        ),
        ("PT5M", "PT6M", 13, "plans[0].entitlements.heartbeat", "must be shorter than the lease"),
        ("P3D", "tomorrow", 15, "plans[0].entitlements.payment_grace[1]", '"tomorrow" is not an ISO 8601 duration'),
        ("[P7D, P3D]", "P7D", 15, "plans[0].entitlements.payment_grace", '"P7D" is not a list'),
        ("term: period", "term: ever", 16, "plans[0].entitlements.license_term", 'or the word "period"'),
        ("seats: 3 ", "seats: 0 ", 10, "plans[0].entitlements.seats", "must be from 1 to 1,000,000"),
        ("seats: 3 ", "seats: -3 ", 10, "plans[0].entitlements.seats", "must be from 1 to 1,000,000"),
        ("seats: 3 ", "seats: 3.5 ", 10, "plans[0].entitlements.seats", '3.5 is not a whole number or the word "quan'),
        ("seats: 3 ", "seats: true ", 10, "plans[0].entitlements.seats", "true is not a whole number"),
        ("seats: 3 ", "seats: 010 ", 10, "plans[0].entitlements.seats", '"010" is not a whole number'),
        ("seats: 3 ", "seats: [3] ", 10, "plans[0].entitlements.seats", "a list is not a whole number"),
        ("seats: 3 ", f"seats: {'9' * 5000} ", 10, "plans[0].entitlements.seats", "is not a whole number"),
        ("seats: 3 ", "# none ", 9, "plans[0].entitlements.seats", "is missing"),
        ("offline_grace", "ofline_grace", 14, "plans[0].entitlements.ofline_grace", "did you mean offline_grace?"),
        ("overage: 0 ", "overage: 0.3 ", 11, "plans[0].entitlements.overage", "0.3 is none of 0, 0.25, 0.5, 1 and"),
        ("overage: 0 ", "overage: .inf ", 11, "plans[0].entitlements.overage", '".inf" is none of'),
        ("overage: 0 ", "overage: {a: 1} ", 11, "plans[0].entitlements.overage", "a mapping is none of"),
        ("overage: 0 ", "overage: false ", 11, "plans[0].entitlements.overage", "false is none of"),
        ("sso: false", "sso: maybe", 17, "plans[0].entitlements.features.sso", '"maybe" is neither true, false nor'),
        ("sso: false", "SSO: false", 17, "plans[0].entitlements.features.SSO", "must be 1 to 64 of a-z"),
        ("sso: false", "sso: -1", 17, "plans[0].entitlements.features.sso", "must be from 0"),
        ("sso: false", "api: false", 17, "plans[0].entitlements.features.api", "given twice, again on line 17"),
        ("per: month", "per: moon", 18, "plans[0].entitlements.limits.api_calls.per", '"moon" is none of hour, day'),
        (
            "warn_at: 0.8",
            "warn_at: 80",
            18,
            "plans[0].entitlements.limits.api_calls.warn_at",
            "must be a share above 0",
        ),
        (
            "warn_at: 0.8",
            "warn_at: x",
            18,
            "plans[0].entitlements.limits.api_calls.warn_at",
            "not a number such as 0.8",
        ),
        ("hard: true", "hard: yes", 18, "plans[0].entitlements.limits.api_calls.hard", '"yes" is neither true nor'),
        ("amount: 1000, ", "", 18, "plans[0].entitlements.limits.api_calls.amount", "is missing"),
        ("10/second", "10 per second", 19, "plans[0].entitlements.rate_limits.api", "is not a rate such as"),
        ("10/second", "0/second", 19, "plans[0].entitlements.rate_limits.api", "must be from 1"),
        ("amount: 2900", "amount: 29.00", 21, "plans[0].prices[0].amount", "29.00 is not a whole number"),
        ("amount: 2900", "amount: -1", 21, "plans[0].prices[0].amount", "must be from 0"),
        ("currency: usd", "currency: USD", 21, "plans[0].prices[0].currency", "not a lower-case ISO 4217 currency"),
        ("currency: usd", "currency: [usd]", 21, "plans[0].prices[0].currency", "a list is not a lower-case"),
        ("interval: month", "interval: fortnight", 21, "plans[0].prices[0].interval", '"fortnight" is none of day'),
        ("interval: month", "interval: one_time", 21, "plans[0].prices[0].interval", "give entitlements.license_term"),
        ("price_123", '"price 123"', 21, "plans[0].prices[0].stripe_price", "printable ASCII"),
        ("code: starter\n", "code: 5\n", 5, "plans[0].code", "5 is not text; if it is meant as text"),
        ("code: starter\n", 'code: "../x"\n', 5, "plans[0].code", "must be 1 to 64 of"),
        ("product: coditect", "product: other", 6, "plans[0].product", "other is not among the products"),
        ("name: Starter", f"name: {'y' * 10_000}", 7, "plans[0].name", "is longer than 500 characters"),
        ("name: Starter", 'name: "\\e[31mred"', 7, "plans[0].name", "printable characters"),
        ("name: Starter", 'name: "a\\0b"', 7, "plans[0].name", "printable characters"),
        ("trial_days: 14", "trial_days: 800", 8, "plans[0].trial_days", "must be from 0 to 730"),
        ("version: 1", "version: 2", 1, "version", "2 is not a version of this format; write 1"),
        ("prefix: CODI", "prefix: codi", 3, "products[0].license_key_prefix", "must be 2 to 10 of A-Z"),
        ("plans:", "plan:", 4, "plan", "is not a field here; did you mean plans?"),
        ("seats: 3 ", "seats: *three ", 10, "plans[0].entitlements.seats", "aliases (*three) are not read here"),
        ("seats: 3 ", "seats: !!python/name:os.system x ", 10, "plans[0].entitlements.seats", "tags (tag:yaml.org"),
        ("seats: 3 ", "<<: {seats: 3} ", 10, "plans[0].entitlements.<<", "is not a field here"),
        ("seats: 3 ", "1: 3 ", 10, "plans[0].entitlements", "a field name must be text"),
        ("seats: 3 ", '"\\e[31m": 3 ', 10, "plans[0].entitlements", "at most 100 printable characters"),
        ("seats: 3 ", "seats: [3 ", 11, "plans[0].entitlements.seats[0]", "this is not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_path(old, new, line, path, message):
    found = problems(changed(old, new))
    assert any((at, where) == (line, path) and message in text for at, where, text in found), found


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        ("", 1, "the file is empty"),
        ("# nothing\n" * 5, 1, "the file is empty"),
        ("null", 1, "is not a mapping"),
        ("- 1", 1, "a list is not a mapping"),
        ("just words", 1, '"just words" is not a mapping'),
        (CONTRACT + "---\nmore: 1\n", 22, "one document only"),
        (b"version: 1\nname: \xff", 2, "not UTF-8"),
        ("version: 1\n\nname: \x07", 3, "control character U+0007"),
        ("x" * (1024 * 1024 + 1), 1, "larger than 1 MiB"),
        ("[" * 500_000, 1, "nested deeper than 16 levels"),
        ("{a: " * 250_000, 1, "nested deeper than 16 levels"),
        ("- " * 500_000, 1, "nested deeper than 16 levels"),
        ("a: &a [*a]", 1, "aliases (*a) are not read"),
        ("\n".join(f"k{n}: 1" for n in range(60_000)), 50_000, "more than 50,000 values"),
        ("'" * 1_000_000, 1, "is not a mapping"),
        ("%YAML 9.9\n---\na: 1", 1, "this is not YAML"),
        ("version: 1\nproducts: []\nplans: []\n", 2, "must name at least one product"),
    ],
    ids=range(17),
)
def test_what_is_no_catalogue_at_all_is_refused(data, line, message):
    found = problems(data)
    assert found[0][0] == line and message in found[0][2]


def test_every_problem_is_told_in_the_order_of_lines():
    text = (
        changed("seats: 3 ", "seats: none ")
        .replace("PT5M", "5m")
        .replace("usd", "dollars")
        .replace("name: St", "nam: St")
    )
    assert [(line, path) for line, path, _ in problems(text)] == [
        (5, "plans[0].name"),
        (7, "plans[0].nam"),
        (10, "plans[0].entitlements.seats"),
        (13, "plans[0].entitlements.heartbeat"),
        (21, "plans[0].prices[0].currency"),
    ]


def test_a_rule_that_is_broken_is_told_beside_a_value_that_cannot_be_read():
    text = changed("currency: usd", "currency: dollars").replace("PT5M", "PT7M").replace("days: 14", "days: 900")
    assert {path for _, path, _ in problems(text)} == {"plans[0].prices[0].currency", "plans[0].entitlements.heartbeat"}


def test_a_thousand_problems_are_counted_and_a_hundred_shown():
    text = CONTRACT + "".join(f"unknown{n}: 1\n" for n in range(1000))
    with pytest.raises(CatalogInvalid) as refused:
        read(text)
    assert refused.value.details["count"] == 1000 and len(refused.value.details["problems"]) == 100
    assert refused.value.message.endswith("(and 999 more)")


def second_plan(**changes: str) -> str:
    plan = CONTRACT[CONTRACT.index("  - code: starter") :].replace("code: starter", "code: pro")
    return CONTRACT + plan.replace("price_123", changes.get("stripe_price", "price_456"))


def test_a_price_of_two_plans_is_refused_where_it_comes_again():
    assert problems(second_plan(stripe_price="price_123")) == [
        (38, "plans[1].prices[0].stripe_price", "price_123 is already a price of plan starter")
    ]


def test_a_code_given_twice_is_refused_where_it_comes_again():
    text = second_plan().replace("code: pro\n", "code: starter\n").replace("code: pro-monthly", "code: other")
    assert problems(text) == [(22, "plans[1].code", "starter is already the code of plans[0]")]


@given(
    name=some.text(some.characters(codec="utf-8"), min_size=1, max_size=40).filter(
        lambda s: s.isprintable() and s == s.strip()
    )
)
def test_whatever_a_plan_is_called_is_written_and_read_back(name):
    document = catalog_document(read(CONTRACT))
    document["plans"][0]["name"] = name
    for text in (write(document), json.dumps(document), json.dumps(document, ensure_ascii=False)):
        assert read(text).plans[0].terms.name == name


@settings(max_examples=300)
@given(some.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data):
    at = data.draw(some.integers(0, len(CONTRACT)))
    cut = data.draw(some.integers(0, 12))
    put = data.draw(some.text("{}[]:,-#&*!|>'\"%@`\n\t 0aé\\", max_size=6))
    try:
        read(CONTRACT[:at] + put + CONTRACT[at + cut :])
    except CatalogInvalid as refused:
        assert refused.details["problems"]


@settings(max_examples=200)
@given(some.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_with_a_line(data):
    assert all(line >= 1 for line, _, _ in problems(data))
