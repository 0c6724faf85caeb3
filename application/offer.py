"""What the catalogue says of meters, and of plans that need no purchase: remembered until it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from domain.ids import price_book_id
from domain.meter import MeterTerms

if TYPE_CHECKING:
    from adapters.rights_log import RightsLog
    from application.catalog import Catalog, DefaultPlans


class Seen(NamedTuple):
    version: int
    meters: Mapping[str, MeterTerms]
    default_plans: Sequence[DefaultPlans]


class Offer:
    def __init__(self, catalog: Catalog, log: RightsLog) -> None:
        self._catalog = catalog
        self._log = log
        self._seen = Seen(-1, {}, ())

    def meter(self, code: str) -> MeterTerms | None:
        """As it was last seen, without asking Postgres; `look` when it is not there."""
        return self._seen.meters.get(code)

    def look(self) -> Seen:
        """As it is now; asks Postgres: call it from a thread."""
        if self._log.version_of(price_book_id()) != self._seen.version:
            version = self._catalog.version()
            self._seen = Seen(version, self._catalog.meters(), self._catalog.default_plans())
        return self._seen
