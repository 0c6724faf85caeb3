"""Bringing our prices to the payment provider: what is there is adopted, what is missing is made, nothing is edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from application.store import Store
from domain.ids import price_book_id
from domain.plan import Plan, Price
from domain.price_book import PriceBook, PriceLink

if TYPE_CHECKING:
    from adapters.clock import Clock
    from application.catalog import Catalog
    from domain.provider_answers import SoldPrice


class Shelves(Protocol):
    """What is asked of a provider's adapter. Making the same twice makes it once."""

    def sold(self, price: Price, former: str | None) -> SoldPrice | None:
        """What stands there for a price of ours; `former` did so before."""

    def linked(self, references: Iterable[str]) -> Iterator[SoldPrice]:
        """Those of these prices that are on sale there."""

    def product_of(self, plan: str) -> str | None: ...

    def make_product(self, plan: str, name: str) -> str: ...

    def make_price(self, price: Price, plan: str, product: str) -> str:
        """It takes the lookup key over from whichever price has it."""

    def sell_again(self, reference: str, code: str | None) -> None:
        """On sale again; with `code` it also takes the lookup key."""

    def archive(self, reference: str) -> None: ...


class Kind(StrEnum):
    KEPT = "kept"
    ADOPTED = "adopted"
    MADE = "made"
    REPLACED = "replaced"
    SOLD_AGAIN = "sold_again"
    ARCHIVED = "archived"
    REFUSED = "refused"


_SENTENCES = {
    Kind.KEPT: "price {price} is {reference}",
    Kind.ADOPTED: "price {price} is {reference}, which is there already",
    Kind.MADE: "price {price} is made{reference}",
    Kind.REPLACED: "price {price} is made anew{reference}; the one with another amount stays for who has it",
    Kind.SOLD_AGAIN: "price {price} is {reference}, which is sold again",
    Kind.ARCHIVED: "{reference} is archived; subscriptions keep it",
    Kind.REFUSED: "price {price} names {reference}, which asks for something else: correct stripe_price",
}


@dataclass(frozen=True)
class Step:
    """What was done, or would be. `reference` is the provider's price; None where it is only to be made."""

    kind: Kind
    plan: str | None
    price: str | None
    reference: str | None

    @property
    def document(self) -> dict[str, Any]:
        reference = self.reference or ""
        if self.kind in (Kind.MADE, Kind.REPLACED) and reference:
            reference = f": {reference}"
        sentence = _SENTENCES[self.kind].format(price=self.price, reference=reference)
        return {**vars(self), "kind": self.kind.value, "sentence": sentence}


class PriceSync:
    def __init__(self, store: Store, catalog: Catalog, shelves: Shelves, clock: Clock) -> None:
        self._store = store
        self._catalog = catalog
        self._shelves = shelves
        self._clock = clock

    def run(self, *, dry_run: bool = False, archive: bool = False) -> Iterator[Step]:
        """Step by step; left in the middle, it goes on from there. Raises how the provider refused one.

        `archive`: what we have there and do not sell is taken off sale.
        """
        kept: set[str | None] = set()
        for plan in self._catalog.plans():
            product: str | None = None
            for price in plan.current.prices:
                step, product = self._bring(plan, price, product, dry_run)
                kept.add(step.reference)
                yield step
        if archive:
            yield from self._archive(kept, dry_run)

    def _bring(self, plan: Plan, price: Price, product: str | None, dry_run: bool) -> tuple[Step, str | None]:
        """And the product that the plan's other prices are of."""
        former = self._book().link_to(plan.code, price.tag)
        sold = self._shelves.sold(price, former.reference if former else None)
        if sold is not None and sold.is_same:
            return self._adopt(plan, price, sold, former, dry_run), sold.product
        if sold is not None and price.stripe_price == sold.reference:
            return Step(Kind.REFUSED, plan.code, price.code, sold.reference), product
        kind = Kind.MADE if sold is None else Kind.REPLACED
        if dry_run:
            return Step(kind, plan.code, price.code, None), product
        product = product or (sold.product if sold else None) or self._product(plan)
        made = self._shelves.make_price(price, plan.code, product)
        self._link(plan, price, made)
        return Step(kind, plan.code, price.code, made), product

    def _adopt(self, plan: Plan, price: Price, sold: SoldPrice, former: PriceLink | None, dry_run: bool) -> Step:
        """One that the catalogue names by id keeps what it is called there."""
        is_named = sold.reference == price.stripe_price
        is_ready = sold.is_active and (is_named or sold.lookup_key == price.code)
        is_known = former is not None and former.reference == sold.reference
        if not dry_run:
            if not is_ready:
                self._shelves.sell_again(sold.reference, None if is_named else price.code)
            self._link(plan, price, sold.reference)
        kind = Kind.SOLD_AGAIN if not is_ready else Kind.KEPT if is_known else Kind.ADOPTED
        return Step(kind, plan.code, price.code, sold.reference)

    def _archive(self, kept: set[str | None], dry_run: bool) -> Iterator[Step]:
        links = self._book().links
        for sold in self._shelves.linked(sorted(links.keys() - kept)):
            if not dry_run:
                self._shelves.archive(sold.reference)
            link = links[sold.reference]
            yield Step(Kind.ARCHIVED, link.plan, link.tag.code, sold.reference)

    def _product(self, plan: Plan) -> str:
        name = f"{self._catalog.product(plan.product).name} {plan.current.name}"
        return self._shelves.product_of(plan.code) or self._shelves.make_product(plan.code, name)

    def _link(self, plan: Plan, price: Price, reference: str) -> None:
        link = PriceLink(reference, plan.code, price.tag)
        self._store.change(PriceBook, price_book_id(), lambda book: book.link([link], now=self._clock.now()))

    def _book(self) -> PriceBook:
        return self._store.find(PriceBook, price_book_id()) or PriceBook.open(now=self._clock.now())
