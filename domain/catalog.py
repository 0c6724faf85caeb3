"""A catalogue as a vendor writes it: the products it governs and all their plans, before anything is decided."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.errors import CatalogInvalid
from domain.limit import Limit
from domain.mail_kinds import problems_of_choice
from domain.meter import MeterTerms
from domain.plan import PlanTerms
from domain.problems import Problem, check_code, check_name, under
from domain.product import check_prefix
from domain.vendor import Identity

MOST_PRODUCTS = 20
MOST_PLANS = 200
MOST_METERS = 500
_SHOWN_PROBLEMS = 100


@dataclass(frozen=True)
class ProductEntry:
    code: str
    name: str
    license_key_prefix: str
    free_plan: str | None = None
    anonymous_plan: str | None = None
    mails_off: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        yield from check_code("code", self.code)
        yield from check_name("name", self.name)
        yield from check_prefix("license_key_prefix", self.license_key_prefix)
        yield from problems_of_choice("mails", self.mails_off)


@dataclass(frozen=True)
class PlanEntry:
    code: str
    product: str
    terms: PlanTerms

    def problems(self) -> Iterator[Problem]:
        yield from check_code("code", self.code)
        yield from self.terms.problems()


@dataclass(frozen=True)
class MeterEntry:
    code: str
    terms: MeterTerms

    def problems(self) -> Iterator[Problem]:
        yield from check_code("code", self.code)
        yield from self.terms.problems()


@dataclass(frozen=True)
class CatalogFile:
    """Products and all their plans; a plan of these products that is not here is to be withdrawn. Meters are of the
    whole engine: those that are not here stay as they are.

    `lines` says on which line of the file a path such as `plans[0].prices` stands.
    """

    products: tuple[ProductEntry, ...]
    plans: tuple[PlanEntry, ...]
    meters: tuple[MeterEntry, ...] = ()
    vendor: Identity | None = None  # None: it stays as it is
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def problems(self) -> list[Problem]:
        """Everything in the file that breaks a rule, or contradicts something else in it."""
        found: list[Problem] = []
        for index, product in enumerate(self.products):
            found += under(f"products[{index}]", product.problems())
        for index, plan in enumerate(self.plans):
            found += under(f"plans[{index}]", plan.problems())
        for index, meter in enumerate(self.meters):
            found += under(f"meters[{index}]", meter.problems())
        if self.vendor is not None:
            found += under("vendor", self.vendor.problems())
        return [*found, *self._contradictions()]

    def _contradictions(self) -> Iterator[Problem]:
        yield from _count("products", len(self.products), MOST_PRODUCTS)
        yield from _count("plans", len(self.plans), MOST_PLANS)
        yield from _repeated("products", [entry.code for entry in self.products])
        yield from _count("meters", len(self.meters), MOST_METERS)
        yield from _repeated("plans", [entry.code for entry in self.plans])
        yield from _repeated("meters", [entry.code for entry in self.meters])
        if not self.products:
            yield Problem("products", "must name at least one product: a catalogue governs the products it names")
        governed = {entry.code for entry in self.products}
        for index, plan in enumerate(self.plans):
            if plan.product not in governed:
                yield Problem(f"plans[{index}].product", f"{plan.product} is not among the products of this catalogue")
        yield from self._strange_defaults()
        yield from self._shared_prices()

    def _strange_defaults(self) -> Iterator[Problem]:
        products = {plan.code: plan.product for plan in self.plans}
        for index, product in enumerate(self.products):
            for name, plan in (("free_plan", product.free_plan), ("anonymous_plan", product.anonymous_plan)):
                if plan is not None and products.get(plan) != product.code:
                    yield Problem(f"products[{index}].{name}", f"{plan} is not a plan of this product in this file")

    def limits(self) -> Iterator[tuple[str, Limit]]:
        """Every limit with its path."""
        for index, plan in enumerate(self.plans):
            for limit in plan.terms.entitlements.limits:
                yield f"plans[{index}].entitlements.limits.{limit.meter}", limit

    def _shared_prices(self) -> Iterator[Problem]:
        owners: dict[str, str] = {}
        for path, reference, plan in self.references():
            if owners.setdefault(reference, plan) != plan:
                yield Problem(path, f"{reference} is already a price of plan {owners[reference]}")

    def references(self) -> Iterator[tuple[str, str, str]]:
        """(path, reference, plan code) of each price code and Stripe price id."""
        for index, plan in enumerate(self.plans):
            for number, price in enumerate(plan.terms.prices):
                for name, reference in (("code", price.code), ("stripe_price", price.stripe_price)):
                    if reference is not None:
                        yield f"plans[{index}].prices[{number}].{name}", reference, plan.code


def refusal(problems: Iterable[Problem], lines: Mapping[str, int]) -> CatalogInvalid:
    """The error that tells every problem (there is at least one) with its line, in the order of lines."""
    found = sorted(((line_of(each.path, lines), each) for each in problems), key=lambda pair: pair[0])
    line, first = found[0]
    place = f"line {line}, {first.path}" if first.path else f"line {line}"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    shown = [{"line": line, "path": each.path, "message": each.message} for line, each in found[:_SHOWN_PROBLEMS]]
    return CatalogInvalid(f"{place}: {first.message}{more}", details={"problems": shown, "count": len(found)})


def line_of(path: str, lines: Mapping[str, int]) -> int:
    """The line of `path`, or of the nearest thing around it that the file has; 1 when there is none."""
    while path and path not in lines:
        path = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", path)
    return lines.get(path, 1)


def _count(path: str, count: int, most: int) -> Iterator[Problem]:
    if count > most:
        yield Problem(path, f"must have at most {most} entries")


def _repeated(path: str, codes: list[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, code in enumerate(codes):
        if first.setdefault(code, index) != index:
            yield Problem(f"{path}[{index}].code", f"{code} is already the code of {path}[{first[code]}]")
