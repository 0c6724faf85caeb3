"""The catalogue: what is sold, applied from a file, and what a price that somebody pays stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from eventsourcing.persistence import IntegrityError

from application.catalog_change import Change, Revision
from application.catalog_document import catalog_document
from application.store import Store
from domain import ids
from domain.catalog import CatalogFile, MeterEntry, PlanEntry, ProductEntry, refusal
from domain.documents import Document
from domain.errors import ConcurrentChange, NotFound
from domain.meter import Meter, MeterTerms, implied
from domain.plan import Plan, PlanTerms, PricedPlan, PriceTag
from domain.price_book import PriceBook
from domain.product import Product
from domain.vendor import Vendor

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.work import Work

_ATTEMPTS = 8


@dataclass(frozen=True)
class Applied:
    """What a file changes (with `dry_run`: would change), and the version each of its plans then has."""

    changes: tuple[Change, ...]
    versions: dict[str, int]
    dry_run: bool

    @property
    def document(self) -> Document:
        """JSON-ready: `{"dry_run", "changes": [{"kind", "code", "version", "details", "sentence"}], "versions"}`."""
        changes = [change.document for change in self.changes]
        return {"dry_run": self.dry_run, "changes": changes, "versions": self.versions}


class PublishedPlan(NamedTuple):
    """One version of a plan, and the product that the plan is of."""

    product: str
    terms: PlanTerms


class DefaultPlans(NamedTuple):
    """What a product grants without a purchase: to organizations, and to subjects that are nobody's."""

    product: str
    free: Plan | None
    anonymous: Plan | None


class Catalog:
    """Reads come from the aggregates: what was applied is sold at once. `read` makes a `CatalogFile` of its text; files
    that the text names are looked for in a folder, where one is given."""

    def __init__(self, store: Store, clock: Clock, *, read: Callable[..., CatalogFile]) -> None:
        self._store = store
        self._clock = clock
        self._published: dict[tuple[str, int], PublishedPlan] = {}
        self.read = read

    def diff(self, file: CatalogFile) -> tuple[Change, ...]:
        """What `apply` would change, in the order of the file."""
        return self.apply(file, dry_run=True).changes

    def apply(self, file: CatalogFile, *, dry_run: bool = False) -> Applied:
        """Makes the catalogue of the file's products what the file says; one transaction, nothing the second time.

        Other products and their plans are left alone. `CatalogInvalid` when the file contradicts itself or what was
        sold before: nothing is stored then. `ConcurrentChange` when others apply catalogues all the time.
        """
        if problems := file.problems():
            raise refusal(problems, file.lines)
        for _ in range(_ATTEMPTS):
            revision = Revision.decide(self._store, file, now=self._clock.now())
            if not dry_run:
                try:
                    self._store.put(*revision.aggregates)
                except IntegrityError:
                    continue  # another catalogue was applied in between: decide on what it left
            return Applied(revision.changes, revision.versions, dry_run)
        raise ConcurrentChange(retry_after=1)

    def show(self) -> Document:
        """Everything on sale, as one catalogue file would say it."""
        book = self._book()
        products = tuple(
            ProductEntry(
                product.code, product.name, product.license_key_prefix, product.free_plan, product.anonymous_plan
            )
            for product in (self.product(code) for code in book.products)
        )
        plans = tuple(PlanEntry(plan.code, plan.product, plan.current) for plan in self._plans(book))
        meters = tuple(MeterEntry(meter.code, meter.terms) for meter in map(self._meter, book.meters))
        vendor = self._store.find(Vendor, ids.vendor_id())
        return catalog_document(CatalogFile(products, plans, meters, vendor.identity if vendor else None))

    def version(self) -> int:
        """Rises with every catalogue that changes something."""
        return self._book().version

    def meters(self) -> dict[str, MeterTerms]:
        """Every meter by its code: those that are defined, and those that some version of a plan only limits."""
        book = self._book()
        limited = {
            limit.meter
            for plan in map(self.plan, book.plans)
            for terms in plan.versions
            for limit in terms.entitlements.limits
        }
        defined = {meter.code: meter.terms for meter in map(self._meter, book.meters)}
        return {code: implied(code) for code in limited} | defined

    def default_plans(self) -> list[DefaultPlans]:
        """Of each product."""

        def named(code: str | None) -> Plan | None:
            return self.plan(code) if code else None

        products = map(self.product, self._book().products)
        return [DefaultPlans(each.code, named(each.free_plan), named(each.anonymous_plan)) for each in products]

    def plans(self) -> list[Plan]:
        """The plans on sale by their lowest price, negotiated ones last."""
        return sorted(self._plans(self._book()), key=_lowest_price)

    def plan(self, code: str, work: Work | None = None) -> Plan:
        """The plan with all its versions, also when it is withdrawn. `NotFound`."""
        found = (work or self._store).find(Plan, ids.plan_id(code))
        if found is None:
            raise NotFound.of("plan", code)
        return found

    def product(self, code: str) -> Product:
        """`NotFound` when no catalogue ever named it."""
        found = self._store.find(Product, ids.product_id(code))
        if found is None:
            raise NotFound.of("product", code)
        return found

    def published(self, plan: str, version: int) -> PublishedPlan:
        """A version of a plan; `NotFound`. It never changes: it is read once."""
        found = self._published.get((plan, version))
        if found is None:
            of = self.plan(plan)
            found = self._published[plan, version] = PublishedPlan(of.product, of.terms(version))
        return found

    def terms_for_price(self, reference: str, work: Work | None = None) -> PricedPlan | None:
        """What a price code or Stripe price id stands for: the newest plan version that has it; None when unknown.

        Also of withdrawn plans and replaced prices, for subscriptions that run on them. With `work` the answer is one
        of the things that it looked at.
        """
        book = self._book(work)
        plan, link = book.plan_of(reference), book.links.get(reference)
        return self.plan(plan, work).priced(reference, link.tag if link else None) if plan else None

    def plan_with(self, tag: PriceTag, work: Work | None = None) -> str | None:
        """The code of the plan that has this very price in some version; None when none has."""
        plan = self._book(work).references.get(tag.code)
        return plan if plan and self.plan(plan, work).priced(tag.code, tag) else None

    def price_on_sale(self, reference: str) -> PricedPlan:
        """What can be bought under this reference today. `NotFound` for a price that is unknown or not sold now."""
        found = self.terms_for_price(reference)
        if found is None or not found.on_sale:
            raise NotFound.of("price on sale", reference)
        return found

    def _meter(self, code: str) -> Meter:
        return self._store.fetch(Meter, ids.meter_id(code))

    def _book(self, work: Work | None = None) -> PriceBook:
        return (work or self._store).find(PriceBook, ids.price_book_id()) or PriceBook.open(now=self._clock.now())

    def _plans(self, book: PriceBook) -> Iterator[Plan]:
        return (plan for plan in map(self.plan, book.plans) if not plan.withdrawn)


def _lowest_price(plan: Plan) -> tuple[bool, int, str]:
    prices = [price.money.amount for price in plan.current.prices]
    return (not prices, min(prices, default=0), plan.code)
