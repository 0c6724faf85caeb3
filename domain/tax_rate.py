"""A payment provider's tax rate: invoices name it, and their papers say what it was called when they were issued."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from domain.aggregate import Aggregate, Created
from domain.ids import tax_rate_id_for
from domain.invoice_facts import TaxRateTerms


class TaxRate(Aggregate):
    """Remembers every wording with the first time it was seen: any order of the reports ends alike."""

    TOPIC = "tax_rate"

    if TYPE_CHECKING:
        provider: str
        provider_id: str
        wordings: dict[TaxRateTerms, datetime]

    @classmethod
    def report_first(
        cls, *, provider: str, provider_id: str, terms: TaxRateTerms, seen_at: datetime, now: datetime
    ) -> TaxRate:
        return cls.begin(
            cls.Reported,
            id=tax_rate_id_for(provider, provider_id),
            now=now,
            provider=provider,
            provider_id=provider_id,
            terms=terms,
            seen_at=seen_at,
        )

    def report(self, terms: TaxRateTerms, *, seen_at: datetime, now: datetime) -> None:
        known = self.wordings.get(terms)
        if known is None or seen_at < known:
            self.record(self.Reworded, now=now, terms=terms, seen_at=seen_at)

    def at(self, moment: datetime) -> TaxRateTerms:
        """How it read at a time; before it was first seen, as it read then."""
        known = sorted(
            ((seen_at, str(terms), terms) for terms, seen_at in self.wordings.items()), key=lambda each: each[:2]
        )
        before = [terms for seen_at, _, terms in known if seen_at <= moment]
        return before[-1] if before else known[0][2]

    class Reported(Created):
        TOPIC = "tax_rate.reported"
        provider: str
        provider_id: str
        terms: TaxRateTerms
        seen_at: datetime

        def apply(self, rate: TaxRate) -> None:
            rate.provider = self.provider
            rate.provider_id = self.provider_id
            rate.wordings = {self.terms: self.seen_at}

    class Reworded(Aggregate.Event):
        TOPIC = "tax_rate.reworded"
        terms: TaxRateTerms
        seen_at: datetime

        def apply(self, rate: TaxRate) -> None:
            rate.wordings[self.terms] = self.seen_at
