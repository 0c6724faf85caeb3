"""Deciding what an applied catalogue changes: the aggregates that act, and each change told to a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from application.catalog_document import plan_document, vendor_document
from application.store import Store
from domain import ids
from domain.aggregate import Aggregate
from domain.catalog import CatalogFile, MeterEntry, PlanEntry, ProductEntry, refusal
from domain.documents import Document, meter_document
from domain.meter import Meter, MeterTerms, implied
from domain.plan import Plan, PlanTerms
from domain.price_book import PriceBook, PriceReference, PublishedVersion
from domain.problems import Problem, under
from domain.product import Product
from domain.vendor import Vendor

_SHOWN = 600
"""Characters of a text that a difference shows; a logo is longer."""


class ChangeKind(StrEnum):
    PRODUCT_REGISTERED = "product_registered"
    PRODUCT_CHANGED = "product_changed"
    PLAN_PUBLISHED = "plan_published"
    VERSION_PUBLISHED = "version_published"
    PLAN_RETURNED = "plan_returned"
    PLAN_WITHDRAWN = "plan_withdrawn"
    METER_DEFINED = "meter_defined"
    METER_REVISED = "meter_revised"
    VENDOR_INTRODUCED = "vendor_introduced"
    VENDOR_CHANGED = "vendor_changed"


_SENTENCES = {
    ChangeKind.PRODUCT_REGISTERED: "product {code} is new",
    ChangeKind.PRODUCT_CHANGED: "product {code} changes",
    ChangeKind.PLAN_PUBLISHED: "plan {code} is new",
    ChangeKind.VERSION_PUBLISHED: "plan {code} gets version {version}; running subscriptions keep theirs",
    ChangeKind.PLAN_RETURNED: "plan {code} is sold again",
    ChangeKind.PLAN_WITHDRAWN: "plan {code} is sold no more; running subscriptions keep it",
    ChangeKind.METER_DEFINED: "meter {code} is new",
    ChangeKind.METER_REVISED: "meter {code} changes",
    ChangeKind.VENDOR_INTRODUCED: "papers name the vendor: {code}",
    ChangeKind.VENDOR_CHANGED: "papers issued from now on say this of the vendor: {code}",
}


@dataclass(frozen=True)
class Change:
    """One difference between the file and what is sold. `details` are lines such as `name: "Pro" → "Plus"`."""

    kind: ChangeKind
    code: str
    version: int | None = None
    details: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.kind].format(code=self.code, version=self.version)

    @property
    def document(self) -> Document:
        return {
            "kind": self.kind.value,
            "code": self.code,
            "version": self.version,
            "details": list(self.details),
            "sentence": self.sentence,
        }


class Revision:
    """A file laid beside what is sold now: the aggregates, acted on but not stored, and what changes."""

    @classmethod
    def decide(cls, store: Store, file: CatalogFile, *, now: datetime) -> Revision:
        """`CatalogInvalid` when a plan or price of the file belongs to another product or plan."""
        revision = cls(store, file, now)
        revision._refuse_strangers()
        revision._refuse_unfit()
        revision._changes = [
            *(change for entry in file.meters if (change := revision._meter(entry))),
            *(change for entry in file.products if (change := revision._product(entry))),
            *(change for entry in file.plans if (change := revision._plan(entry))),
            *revision._withdrawals(),
            *revision._vendor(),
        ]
        revision._revise_book()
        return revision

    def __init__(self, store: Store, file: CatalogFile, now: datetime) -> None:
        self._store = store
        self._file = file
        self._now = now
        self._book = store.find(PriceBook, ids.price_book_id()) or PriceBook.open(now=now)
        self._changes: list[Change] = []
        self._changed: list[Aggregate] = []
        self.versions: dict[str, int] = {}

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(self._changes)

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """What is to be stored in one transaction: nothing when nothing changes."""
        return (self._book, *self._changed) if self._changes else ()

    def _refuse_strangers(self) -> None:
        problems = [
            Problem(f"plans[{index}].code", f"{plan.code} is a plan of product {owner}")
            for index, plan in enumerate(self._file.plans)
            if (owner := self._book.plans.get(plan.code, plan.product)) != plan.product
        ]
        problems += [
            Problem(path, f"{reference} already means a price of plan {owner}, now or in an earlier version")
            for path, reference, plan in self._file.references()
            if (owner := self._book.plan_of(reference) or plan) != plan
        ]
        if problems:
            raise refusal(problems, self._file.lines)

    def _refuse_unfit(self) -> None:
        """Meters that change what records rely on, and limits that their meters cannot have."""
        problems, terms = [], dict[str, MeterTerms]()
        for index, entry in enumerate(self._file.meters):
            terms[entry.code] = entry.terms
            known = self._store.find(Meter, ids.meter_id(entry.code))
            if known is not None and (what := entry.terms.differs_from(known.terms)) is not None:
                problems.append(Problem(f"meters[{index}].{what}", "can never change: define another meter"))
        for path, limit in self._file.limits():
            if limit.meter not in terms:
                known = self._store.find(Meter, ids.meter_id(limit.meter))
                terms[limit.meter] = known.terms if known else implied(limit.meter)
            problems += under(path, terms[limit.meter].limit_problems(limit))
        if problems:
            raise refusal(problems, self._file.lines)

    def _product(self, entry: ProductEntry) -> Change | None:
        product = self._store.find(Product, ids.product_id(entry.code))
        defaults = {"free_plan": entry.free_plan, "anonymous_plan": entry.anonymous_plan}
        if product is None:
            facts = {"code": entry.code, "name": entry.name, "license_key_prefix": entry.license_key_prefix}
            product = Product.register(**facts, now=self._now)
            product.choose_mails(entry.mails_off, now=self._now)
            product.set_default_plans(**defaults, now=self._now)
            self._changed.append(product)
            return Change(ChangeKind.PRODUCT_REGISTERED, entry.code)
        before = _facts(product)
        product.rename(entry.name, now=self._now)
        product.change_prefix(entry.license_key_prefix, now=self._now)
        product.choose_mails(entry.mails_off, now=self._now)
        product.set_default_plans(**defaults, now=self._now)
        if not product.pending_events:
            return None
        self._changed.append(product)
        return Change(ChangeKind.PRODUCT_CHANGED, entry.code, None, _differences(before, _facts(product)))

    def _meter(self, entry: MeterEntry) -> Change | None:
        meter = self._store.find(Meter, ids.meter_id(entry.code))
        if meter is None:
            self._changed.append(Meter.define(entry.code, entry.terms, now=self._now))
            return Change(ChangeKind.METER_DEFINED, entry.code)
        before = meter.terms
        meter.revise(entry.terms, now=self._now)
        if not meter.pending_events:
            return None
        self._changed.append(meter)
        details = _differences(meter_document(before), meter_document(meter.terms))
        return Change(ChangeKind.METER_REVISED, entry.code, None, details)

    def _plan(self, entry: PlanEntry) -> Change | None:
        plan = self._store.find(Plan, ids.plan_id(entry.code))
        if plan is None:
            plan = Plan.publish(code=entry.code, product=entry.product, terms=entry.terms, now=self._now)
            change = Change(ChangeKind.PLAN_PUBLISHED, entry.code, 1)
        else:
            change = self._next_version(plan, entry)
        self.versions[entry.code] = plan.current_version
        if not plan.pending_events:
            return None
        self._changed.append(plan)
        return change

    def _next_version(self, plan: Plan, entry: PlanEntry) -> Change:
        before = plan.current
        plan.publish_version(entry.terms, now=self._now)
        if plan.current is before:
            return Change(ChangeKind.PLAN_RETURNED, plan.code, plan.current_version)
        details = _differences(_comparable(plan, before), _comparable(plan, plan.current))
        return Change(ChangeKind.VERSION_PUBLISHED, plan.code, plan.current_version, details)

    def _withdrawals(self) -> Iterator[Change]:
        kept = {entry.code for entry in self._file.plans}
        for code in (code for entry in self._file.products for code in self._book.plans_of(entry.code)):
            plan = self._store.fetch(Plan, ids.plan_id(code))
            if code in kept or plan.withdrawn:
                continue
            plan.withdraw(now=self._now)
            self._changed.append(plan)
            yield Change(ChangeKind.PLAN_WITHDRAWN, code, plan.current_version)

    def _vendor(self) -> Iterator[Change]:
        identity = self._file.vendor
        if identity is None:
            return
        vendor = self._store.find(Vendor, ids.vendor_id())
        if vendor is None:
            self._changed.append(Vendor.introduce(identity, now=self._now))
            yield Change(ChangeKind.VENDOR_INTRODUCED, identity.name)
            return
        before = vendor.identity
        vendor.describe(identity, now=self._now)
        if vendor.pending_events:
            self._changed.append(vendor)
            details = _differences(vendor_document(before), vendor_document(identity))
            yield Change(ChangeKind.VENDOR_CHANGED, identity.name, None, details)

    def _revise_book(self) -> None:
        products = {entry.code: entry.product for entry in self._file.plans}
        self._book.revise(
            products=self._codes(ChangeKind.PRODUCT_REGISTERED, ChangeKind.PRODUCT_CHANGED),
            published=[
                PublishedVersion(code, products[code], self.versions[code])
                for code in self._codes(ChangeKind.PLAN_PUBLISHED, ChangeKind.VERSION_PUBLISHED)
            ],
            returned=self._codes(ChangeKind.PLAN_RETURNED),
            withdrawn=self._codes(ChangeKind.PLAN_WITHDRAWN),
            references=[PriceReference(reference, plan) for _, reference, plan in self._file.references()],
            meters=self._codes(ChangeKind.METER_DEFINED, ChangeKind.METER_REVISED),
            now=self._now,
        )

    def _codes(self, *kinds: ChangeKind) -> tuple[str, ...]:
        return tuple(change.code for change in self._changes if change.kind in kinds)


def _facts(product: Product) -> Document:
    names = ("name", "license_key_prefix", "free_plan", "anonymous_plan")
    return {**{name: getattr(product, name) for name in names}, "mails": dict.fromkeys(product.mails_off, False)}


def _comparable(plan: Plan, terms: PlanTerms) -> Document:
    """Terms with their prices by code, so that a difference names the price it is about."""
    document = plan_document(plan.code, plan.product, terms)
    document["prices"] = {price.pop("code"): price for price in document["prices"]}
    return document


def _differences(before: Any, after: Any, path: str = "") -> tuple[str, ...]:
    if isinstance(before, dict) and isinstance(after, dict):
        return tuple(
            line
            for name in {**before, **after}
            for line in _differences(before.get(name), after.get(name), f"{path}.{name}".lstrip("."))
        )
    same = type(before) is type(after) and before == after
    return () if same else (f"{path}: {_written(before)} → {_written(after)}",)


def _written(value: Any) -> str:
    match value:
        case None:
            return "none"
        case dict():
            return ", ".join(f"{name} {_written(inner)}" for name, inner in value.items() if inner is not None)
        case list():
            return ", ".join(map(_written, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return f'"{value}"' if len(value) <= _SHOWN else f"{len(value)} characters"
    return str(value)
