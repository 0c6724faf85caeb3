"""The one list of everything that was ever sold: products, plans, and which plan a price reference means.

It is one stream on purpose. Each applied catalogue adds the next version to it, in the transaction that stores the
plans; of two catalogues applied at once the second conflicts there and is decided again on what the first left.
So a price can never come to mean two plans, and no read model stands between a webhook and the plan it pays for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain import ids
from domain.aggregate import Aggregate, Created
from domain.errors import Conflict
from domain.plan import PriceTag


@dataclass(frozen=True)
class PublishedVersion:
    """`version` of `plan` was published; a plan stays with its product."""

    plan: str
    product: str
    version: int


@dataclass(frozen=True)
class PriceReference:
    """A price code or a provider's price id, and the one plan it belongs to for ever."""

    reference: str
    plan: str


@dataclass(frozen=True)
class PriceLink:
    """A provider's price that stands for one of ours, for ever: its amount cannot be edited there either."""

    reference: str
    plan: str
    tag: PriceTag


class PriceBook(Aggregate):
    """Grows only: a withdrawn plan and a replaced price are still what running subscriptions pay for."""

    TOPIC = "price_book"

    if TYPE_CHECKING:
        products: tuple[str, ...]
        plans: dict[str, str]
        references: dict[str, str]
        meters: tuple[str, ...]
        links: dict[str, PriceLink]

    @classmethod
    def open(cls, *, now: datetime) -> PriceBook:
        """The empty book of an engine."""
        return cls.begin(cls.Opened, id=ids.price_book_id(), now=now)

    def revise(
        self,
        *,
        products: Iterable[str] = (),
        published: Iterable[PublishedVersion] = (),
        returned: Iterable[str] = (),
        withdrawn: Iterable[str] = (),
        references: Iterable[PriceReference] = (),
        meters: Iterable[str] = (),
        now: datetime,
    ) -> None:
        """One catalogue was applied: products and meters new or changed, plan versions, plans back on or off sale.

        `references` are those of all its prices; the known ones are left out. Nothing happens when nothing is new.
        `Conflict` when a plan belongs to another product or a reference to another plan.
        """
        published, references = tuple(published), tuple(dict.fromkeys(references))
        self._refuse_strangers(published, references)
        facts = {
            "products": tuple(products),
            "published": published,
            "returned": tuple(returned),
            "withdrawn": tuple(withdrawn),
            "references": tuple(each for each in references if each.reference not in self.references),
            "meters": tuple(meters),
        }
        if any(facts.values()):
            self.record(self.Revised, now=now, **facts)

    def link(self, links: Iterable[PriceLink], *, now: datetime) -> None:
        """A provider's prices were made or found for ours; known ones are left out.

        A later catalogue may move the price's code, which is the provider's lookup key, to another price: the links
        still say what subscriptions to the former one pay for. `Conflict` when one stands for something else already.
        """
        links = tuple(dict.fromkeys(links))
        for each in links:
            self._refuse_strangers((), (PriceReference(each.reference, each.plan),))
            known = self.links.get(each.reference, each)
            if known != each:
                raise Conflict(f"{each.reference} stands for price {known.tag.code} of plan {known.plan} already.")
        if new := tuple(each for each in links if each.reference not in self.links):
            self.record(self.PricesLinked, now=now, links=new)

    def plan_of(self, reference: str) -> str | None:
        """The code of the plan that a price code or provider's price id belongs to."""
        link = self.links.get(reference)
        return link.plan if link else self.references.get(reference)

    def link_to(self, plan: str, tag: PriceTag) -> PriceLink | None:
        """The newest of the provider's prices that stand for this one."""
        alike = [link for link in self.links.values() if (link.plan, link.tag) == (plan, tag)]
        return alike[-1] if alike else None

    def plans_of(self, product: str) -> tuple[str, ...]:
        return tuple(plan for plan, owner in self.plans.items() if owner == product)

    def _refuse_strangers(
        self, published: tuple[PublishedVersion, ...], references: tuple[PriceReference, ...]
    ) -> None:
        for each in published:
            if self.plans.get(each.plan, each.product) != each.product:
                raise Conflict(f"Plan {each.plan} belongs to product {self.plans[each.plan]}.")
        owners = self.references | {link.reference: link.plan for link in self.links.values()}
        for price in references:
            if owners.setdefault(price.reference, price.plan) != price.plan:
                raise Conflict(f"Price {price.reference} belongs to plan {owners[price.reference]}.")

    class Opened(Created):
        TOPIC = "price_book.opened"

        def apply(self, book: PriceBook) -> None:
            book.products, book.plans, book.references, book.meters, book.links = (), {}, {}, (), {}

    class Revised(Aggregate.Event):
        TOPIC = "price_book.revised"
        products: tuple[str, ...]
        published: tuple[PublishedVersion, ...]
        returned: tuple[str, ...]
        withdrawn: tuple[str, ...]
        references: tuple[PriceReference, ...]
        meters: tuple[str, ...] = ()

        def apply(self, book: PriceBook) -> None:
            book.products = (*book.products, *(code for code in self.products if code not in book.products))
            book.plans = book.plans | {each.plan: each.product for each in self.published}
            book.references = book.references | {each.reference: each.plan for each in self.references}
            book.meters = (*book.meters, *(code for code in self.meters if code not in book.meters))

    class PricesLinked(Aggregate.Event):
        TOPIC = "price_book.prices_linked"
        links: tuple[PriceLink, ...]

        def apply(self, book: PriceBook) -> None:
            book.links = book.links | {each.reference: each for each in self.links}
